"""`plan` as a table: every phase with every observation that matters."""

from datetime import timedelta
from typing import Any

import pytest

from moorage_api.resources import Activity, ClaudeSession, Phase, TemplateSpec, Usage
from moorage_operator.actions import (
    Action,
    CreateClaim,
    CreatePod,
    CreateSecret,
    DeletePod,
    DeleteSession,
    GrantAccess,
    MarkPod,
    RevokeAccess,
    SetSuspend,
    UpdateSecret,
)
from moorage_operator.observed import ContainerSeen, Observed, Place, SecretSeen
from moorage_operator.plan import Plan, WriteStatus, plan

from .builders import (
    HOUR,
    MINUTE,
    NOW,
    POD_UID,
    agent,
    condition,
    ended,
    live,
    observed,
    pod,
    runner,
    running,
    session,
    starting_pod,
    state,
    status,
)

DELETE = DeletePod(POD_UID)
UPDATED = UpdateSecret()  # the builders' Secret holds no digest, so each start refreshes it


def facts(plan: Plan, before: ClaudeSession) -> tuple[Phase, str]:
    """The phase and the Ready condition's reason after the plan."""
    after = plan.status or before.status
    ready = next((each for each in after.conditions if each.type == "Ready"), None)
    return after.phase, ready.reason if ready else ""


def oom() -> ContainerSeen:
    return agent(state="terminated", exit_code=137, reason="OOMKilled")


def waiting(reason: str) -> Observed:
    stuck = agent(state="waiting", reason=reason, message="why")
    return observed(pod=starting_pod(containers=(runner(), stuck)))


RETRYING = status(Phase.PENDING, reason="OutOfMemory", attempts=1, retry_at=NOW + MINUTE)
DUE = status(Phase.PENDING, reason="OutOfMemory", attempts=1, retry_at=NOW - MINUTE)
IDLE_SUSPENDED = status(Phase.SUSPENDED, reason="Idle", message="Suspended after 30m.")
FAILED = status(Phase.FAILED, reason="StartTimeout", finished_at=NOW - HOUR, message="Why.")
LONG_STARTING = status(Phase.STARTING)
WORDS = '{"reason": "%s", "message": "Said so."}'

CASES: dict[str, tuple[ClaudeSession, Observed, Phase, str, tuple[Action, ...]]] = {
    # Nothing there yet
    "a new session is started": (
        session(),
        observed(secret=None, claim=False, live=live(access=False)),
        Phase.STARTING,
        "Starting",
        (CreateClaim(), CreateSecret(), GrantAccess(), CreatePod()),
    ),
    "an ephemeral workspace needs no claim": (
        session(workspace={"kind": "ephemeral"}),
        observed(secret=None, claim=False),
        Phase.STARTING,
        "Starting",
        (CreateSecret(), CreatePod()),
    ),
    "what was created before a crash is not created again": (
        session(),
        observed(pod=starting_pod()),
        Phase.STARTING,
        "Starting",
        (),
    ),
    "in line behind a limit": (
        session(),
        observed(place=Place(3, "the limit of 10 running sessions in this namespace")),
        Phase.PENDING,
        "Waiting",
        (),
    ),
    "its template is missing": (
        session(templateRef={"name": "t"}),
        observed(),
        Phase.PENDING,
        "TemplateNotFound",
        (),
    ),
    "it makes no valid spec with its template": (
        session(templateRef={"name": "t"}, interactive=False),
        observed(template=TemplateSpec()),
        Phase.FAILED,
        "SpecInvalid",
        (RevokeAccess(),),
    ),
    "its template is spoilt after it ran": (
        session(status(Phase.SUSPENDED), templateRef={"name": "t"}, interactive=False),
        observed(template=TemplateSpec()),
        Phase.PENDING,
        "SpecInvalid",
        (),
    ),
    "Redis is away": (session(), observed(live=None), Phase.PENDING, "RedisUnavailable", ()),
    "the cluster refuses its pod": (
        session(),
        observed(refusal="exceeded quota: pods."),
        Phase.PENDING,
        "CreationRefused",
        (),
    ),
    "created as suspended": (session(suspend=True), observed(), Phase.SUSPENDED, "Requested", ()),
    # Starting
    "no node takes the pod": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        observed(pod=starting_pod(unschedulable="0/3 nodes are available.")),
        Phase.STARTING,
        "Unschedulable",
        (),
    ),
    "an image is pulled again by the kubelet first": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        waiting("ErrImagePull"),
        Phase.STARTING,
        "ImagePullFailed",
        (),
    ),
    "an image cannot be pulled": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        waiting("ImagePullBackOff"),
        Phase.PENDING,
        "ImagePullFailed",
        (DELETE,),
    ),
    "an image's name is none": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        waiting("InvalidImageName"),
        Phase.FAILED,
        "ImageNameInvalid",
        (DELETE,),
    ),
    "a container cannot be created": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        waiting("CreateContainerError"),
        Phase.PENDING,
        "ContainerNotStarted",
        (DELETE,),
    ),
    "the Secret went before the runner started": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        observed(pod=starting_pod(), secret=None),
        Phase.STARTING,
        "Starting",
        (CreateSecret(),),
    ),
    "the runner prepares": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        running(state(phase=Phase.STARTING, activity=None)),
        Phase.STARTING,
        "Starting",
        (),
    ),
    "Redis went away while it starts": (
        session(LONG_STARTING),
        running(live=None),
        Phase.STARTING,
        "RedisUnavailable",
        (),
    ),
    "the runner is ready": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        running(),
        Phase.READY,
        "Running",
        (),
    ),
    "what an earlier runner said does not count": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        running(
            pod=pod(runner(started_at=NOW - MINUTE / 2), agent()),
            live=live(state(), heartbeat=NOW - MINUTE),
        ),
        Phase.STARTING,
        "Starting",
        (),
    ),
    "it takes too long to start": (
        session(LONG_STARTING),
        observed(pod=starting_pod()),
        Phase.FAILED,
        "StartTimeout",
        (DELETE,),
    ),
    "time without Redis is no time to start in": (
        session(LONG_STARTING),
        observed(pod=starting_pod(), live=live(reachable_since=NOW - MINUTE)),
        Phase.STARTING,
        "Starting",
        (),
    ),
    # Ready
    "it works": (
        session(status()),
        running(state(activity=Activity.WORKING)),
        Phase.READY,
        "Running",
        (MarkPod(POD_UID, safe_to_evict=False),),
    ),
    "it worked": (
        session(status()),
        running(pod=pod(safe_to_evict=False)),
        Phase.READY,
        "Running",
        (MarkPod(POD_UID, safe_to_evict=True),),
    ),
    "Redis went away": (session(status()), running(live=None), Phase.READY, "Running", ()),
    "Redis lost all": (
        session(status()),
        running(live=live(access=False)),
        Phase.READY,
        "Running",
        (GrantAccess(),),
    ),
    "it is idle too long": (
        session(status(), timeouts={"idle": "5m"}),
        running(state(last_activity_at=NOW - 8 * MINUTE)),
        Phase.SUSPENDING,
        "Idle",
        (SetSuspend(suspend=True),),
    ),
    "it has been Ready for a shorter time than idle allows": (
        session(status(since=NOW - MINUTE), timeouts={"idle": "5m"}),
        running(state(last_activity_at=NOW - HOUR)),
        Phase.READY,
        "Running",
        (),
    ),
    "a claim of activity that is yet to come does not count": (
        session(status(), timeouts={"idle": "5m"}),
        running(state(last_activity_at=NOW + HOUR)),
        Phase.SUSPENDING,
        "Idle",
        (SetSuspend(suspend=True),),
    ),
    "the runner is silent": (
        session(status()),
        running(live=live(state(), heartbeat=NOW - 2 * MINUTE)),
        Phase.PENDING,
        "RunnerSilent",
        (DELETE,),
    ),
    "no sign of life could have come": (
        session(status()),
        running(live=live(state(), heartbeat=NOW - 2 * MINUTE, reachable_since=NOW - MINUTE / 2)),
        Phase.READY,
        "Running",
        (),
    ),
    "the agent ran out of memory": (
        session(status()),
        running(pod=pod(runner(), oom())),
        Phase.PENDING,
        "OutOfMemory",
        (DELETE,),
    ),
    "memory is the cause, not the runner's end that came of it": (
        session(status()),
        running(pod=pod(ended(1), oom(), phase="Failed")),
        Phase.PENDING,
        "OutOfMemory",
        (DELETE,),
    ),
    "the agent ended": (
        session(status()),
        running(pod=pod(runner(), agent(state="terminated", exit_code=2))),
        Phase.PENDING,
        "AgentEnded",
        (DELETE,),
    ),
    "the kubelet evicted the pod": (
        session(status()),
        running(pod=pod(phase="Failed", reason="Evicted", message="The node was low on disk.")),
        Phase.PENDING,
        "Evicted",
        (DELETE,),
    ),
    "a drain takes the pod": (
        session(status()),
        running(pod=pod(deleting=True, disrupted="Eviction API: evicting.")),
        Phase.PENDING,
        "Disrupted",
        (),
    ),
    "a preempted pod ended": (
        session(status()),
        running(pod=pod(ended(75), phase="Failed", disrupted="Preempted.")),
        Phase.PENDING,
        "Disrupted",
        (DELETE,),
    ),
    "the node is lost": (
        session(status()),
        running(pod=pod(deleting=True, node_ready=False)),
        Phase.PENDING,
        "NodeLost",
        (),
    ),
    "the pod is being deleted by hand": (
        session(status()),
        running(pod=pod(deleting=True)),
        Phase.PENDING,
        "PodDeleted",
        (),
    ),
    "the pod is gone": (session(status()), observed(), Phase.PENDING, "PodDeleted", ()),
    "the runner wants to be started again": (
        session(status()),
        running(pod=pod(ended(75), phase="Failed")),
        Phase.PENDING,
        "RunnerRestarts",
        (DELETE,),
    ),
    "the runner failed": (
        session(status()),
        running(pod=pod(ended(1, WORDS % "ClaudeEnded"), phase="Failed")),
        Phase.PENDING,
        "ClaudeEnded",
        (DELETE,),
    ),
    "the runner gives a reason that is none": (
        session(status()),
        running(pod=pod(ended(1, WORDS % "Evicted"), phase="Failed")),
        Phase.PENDING,
        "RunnerFailed",
        (DELETE,),
    ),
    "the runner cannot ever run": (
        session(status()),
        running(pod=pod(ended(1, WORDS % "RepositoryNotFound"), phase="Failed")),
        Phase.FAILED,
        "RepositoryNotFound",
        (RevokeAccess(),),
    ),
    "failed once too often": (
        session(status(attempts=5)),
        running(pod=pod(ended(1), phase="Failed")),
        Phase.FAILED,
        "RetriesExhausted",
        (RevokeAccess(),),
    ),
    "the pod failed without a word": (
        session(status()),
        running(pod=pod(runner(state="waiting"), phase="Failed", reason="UnexpectedAdmission")),
        Phase.PENDING,
        "PodFailed",
        (DELETE,),
    ),
    "it is complete": (
        session(status(), interactive=False, prompt="Go."),
        running(pod=pod(ended(0), phase="Succeeded")),
        Phase.SUCCEEDED,
        "Completed",
        (RevokeAccess(),),
    ),
    "it is complete while its agent still runs": (
        session(status(), interactive=False, prompt="Go."),
        running(pod=pod(ended(0), agent())),
        Phase.SUCCEEDED,
        "Completed",
        (DELETE,),
    ),
    "it is complete although a drain began": (
        session(status()),
        running(pod=pod(ended(0), agent(), deleting=True)),
        Phase.SUCCEEDED,
        "Completed",
        (),
    ),
    "its lifetime is over": (
        session(status(), timeouts={"lifetime": "30m"}),
        running(state(activity=Activity.WORKING)),
        Phase.FAILED,
        "LifetimeExceeded",
        (DELETE,),
    ),
    "a running session outlives its template": (
        session(status(), templateRef={"name": "t"}, timeouts={"lifetime": "30m", "idle": "0s"}),
        running(),
        Phase.READY,
        "Running",
        (),
    ),
    # Retries
    "a pod whose end was counted only goes": (
        session(RETRYING.model_copy(update={"pod_uid": POD_UID})),
        running(pod=pod(ended(1), phase="Failed")),
        Phase.PENDING,
        "OutOfMemory",
        (DELETE,),
    ),
    "it is going": (
        session(RETRYING.model_copy(update={"pod_uid": POD_UID})),
        running(pod=pod(ended(1), phase="Failed", deleting=True)),
        Phase.PENDING,
        "OutOfMemory",
        (),
    ),
    "a retry is not due": (session(RETRYING), observed(), Phase.PENDING, "OutOfMemory", ()),
    "a retry is due": (
        session(DUE),
        observed(),
        Phase.STARTING,
        "Starting",
        (UPDATED, CreatePod()),
    ),
    "a retry is due without Redis": (
        session(DUE),
        observed(live=None),
        Phase.PENDING,
        "RedisUnavailable",
        (),
    ),
    "the next pod was created before a crash": (
        session(DUE.model_copy(update={"pod_uid": "another"})),
        observed(pod=starting_pod()),
        Phase.STARTING,
        "Starting",
        (),
    ),
    "suspended instead of started again": (
        session(RETRYING, suspend=True),
        observed(),
        Phase.SUSPENDED,
        "Requested",
        (),
    ),
    # Suspending and suspended
    "a suspend is wanted": (
        session(status(), suspend=True),
        running(),
        Phase.SUSPENDING,
        "Requested",
        (DELETE,),
    ),
    "the pod still ends": (
        session(status(Phase.SUSPENDING, reason="Requested"), suspend=True),
        running(pod=pod(deleting=True)),
        Phase.SUSPENDING,
        "Requested",
        (),
    ),
    "a failed pod is no failure once a suspend is wanted": (
        session(status(), suspend=True),
        running(pod=pod(ended(1), phase="Failed")),
        Phase.SUSPENDING,
        "Requested",
        (DELETE,),
    ),
    "what cannot be mended is one even then": (
        session(status(), suspend=True),
        running(pod=pod(ended(1, WORDS % "RefNotFound"), phase="Failed")),
        Phase.FAILED,
        "RefNotFound",
        (RevokeAccess(),),
    ),
    "the pod is gone after a suspend": (
        session(status(Phase.SUSPENDING, reason="Requested"), suspend=True),
        observed(),
        Phase.SUSPENDED,
        "Requested",
        (),
    ),
    "suspended without Redis": (
        session(status(), suspend=True),
        running(live=None),
        Phase.SUSPENDING,
        "Requested",
        (DELETE,),
    ),
    "idle, and the suspend was not written before a crash": (
        session(
            status(Phase.SUSPENDING, reason="Idle", since=NOW - MINUTE), timeouts={"idle": "5m"}
        ),
        running(state(last_activity_at=NOW - 8 * MINUTE)),
        Phase.SUSPENDING,
        "Idle",
        (SetSuspend(suspend=True),),
    ),
    "idle no more at the last moment": (
        session(
            status(Phase.SUSPENDING, reason="Idle", since=NOW - MINUTE), timeouts={"idle": "5m"}
        ),
        running(state(activity=Activity.WORKING)),
        Phase.READY,
        "Running",
        (MarkPod(POD_UID, safe_to_evict=False),),
    ),
    "an input wakes a session that was idle": (
        session(IDLE_SUSPENDED, suspend=True),
        observed(live=live(inputs_waiting=True)),
        Phase.SUSPENDED,
        "Idle",
        (SetSuspend(suspend=False),),
    ),
    "an input does not wake a session that was suspended on request": (
        session(status(Phase.SUSPENDED, reason="Requested"), suspend=True),
        observed(live=live(inputs_waiting=True)),
        Phase.SUSPENDED,
        "Requested",
        (),
    ),
    "resumed": (
        session(status(Phase.SUSPENDED, reason="Requested")),
        observed(),
        Phase.STARTING,
        "Starting",
        (UPDATED, CreatePod()),
    ),
    "resumed while the pod still ends": (
        session(status(Phase.SUSPENDING, reason="Requested")),
        running(pod=pod(deleting=True)),
        Phase.PENDING,
        "Starting",
        (),
    ),
    "resumed behind a limit": (
        session(status(Phase.SUSPENDED, reason="Requested")),
        observed(place=Place(1, "a limit")),
        Phase.PENDING,
        "Waiting",
        (),
    ),
    "its lifetime is over while it is suspended": (
        session(status(Phase.SUSPENDED), suspend=True, timeouts={"lifetime": "30m"}),
        observed(),
        Phase.FAILED,
        "LifetimeExceeded",
        (RevokeAccess(),),
    ),
    # Over
    "over, and something still runs": (
        session(FAILED),
        running(),
        Phase.FAILED,
        "StartTimeout",
        (DELETE,),
    ),
    "over, the pod stays for its log": (
        session(FAILED),
        running(pod=pod(ended(0), phase="Succeeded"), live=live()),
        Phase.FAILED,
        "StartTimeout",
        (RevokeAccess(),),
    ),
    "over, and all is done": (
        session(FAILED),
        observed(live=live(access=False)),
        Phase.FAILED,
        "StartTimeout",
        (),
    ),
    "over for longer than it is kept": (
        session(FAILED, timeouts={"ttlAfterFinished": "30m"}),
        observed(live=live(access=False)),
        Phase.FAILED,
        "StartTimeout",
        (DeleteSession(),),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_observation_leads_where_it_should(name: str) -> None:
    before, seen, phase, reason, actions = CASES[name]
    decided = plan(before, seen, NOW)
    assert (*facts(decided, before), decided.actions) == (phase, reason, actions)


@pytest.mark.parametrize("name", CASES)
def test_a_status_that_was_written_is_not_written_again(name: str) -> None:
    before, seen, *_ = CASES[name]
    first = plan(before, seen, NOW)
    if CreatePod() in first.actions:
        seen = observed(pod=starting_pod(), live=seen.live)
    after = before.model_copy(update={"status": first.status or before.status})
    second = plan(after, seen, NOW)
    third = plan(after.model_copy(update={"status": second.status or after.status}), seen, NOW)
    assert third.status is None
    assert not third.events


@pytest.mark.parametrize("name", CASES)
def test_every_status_has_all_conditions_and_says_something(name: str) -> None:
    before, seen, phase, *_ = CASES[name]
    written = plan(before, seen, NOW).status
    if written is None:
        return
    kinds = "Admitted PodScheduled RepositoryCloned Ready AwaitingInput Complete BudgetExceeded"
    assert [each.type for each in written.conditions] == kinds.split()
    assert {each.observed_generation for each in written.conditions} == {1}
    assert all(each.reason for each in written.conditions)
    assert all(each.message for each in written.conditions)
    assert written.observed_generation == 1
    assert (written.finished_at is not None) == phase.finished


def test_a_session_that_is_being_deleted_needs_nothing() -> None:
    going = session(status())
    gone = going.metadata.model_copy(update={"deletion_timestamp": NOW})
    assert plan(going.model_copy(update={"metadata": gone}), running(), NOW) == Plan()


@pytest.mark.parametrize("activity", [Activity.WORKING, Activity.AWAITING_APPROVAL])
def test_a_session_that_works_or_waits_for_an_approval_is_never_idle(activity: Activity) -> None:
    busy = session(status(), timeouts={"idle": "1s"})
    seen = running(state(activity=activity, last_activity_at=NOW - HOUR))
    assert facts(plan(busy, seen, NOW), busy) == (Phase.READY, "Running")


@pytest.mark.parametrize(
    "seen",
    [
        running(state(last_activity_at=NOW - HOUR, queued=1)),
        running(live=live(state(last_activity_at=NOW - HOUR), inputs_waiting=True)),
        running(live=live(state(last_activity_at=NOW - HOUR), heartbeat=NOW - MINUTE / 2)),
    ],
    ids=["queued", "in the inbox", "old news"],
)
def test_a_session_with_something_to_do_is_not_idle(seen: Observed) -> None:
    busy = session(status(), timeouts={"idle": "1s"})
    assert facts(plan(busy, seen, NOW), busy) == (Phase.READY, "Running")


def test_a_place_that_was_given_is_not_taken_away() -> None:
    retrying = DUE.model_copy(update={"conditions": [condition("Admitted", "True")]})
    decided = plan(session(retrying), observed(place=Place(2, "a limit")), NOW)
    assert CreatePod() in decided.actions


@pytest.mark.parametrize(
    ("seen", "attempts"),
    [
        (running(pod=pod(runner(), oom())), 3),
        (waiting("ImagePullBackOff"), 3),
        (running(pod=pod(ended(75), phase="Failed")), 2),
        (running(pod=pod(deleting=True)), 2),
        (observed(), 2),
    ],
    ids=["memory", "image", "again", "deleted", "gone"],
)
def test_only_failures_count(seen: Observed, attempts: int) -> None:
    written = plan(session(status(attempts=2)), seen, NOW).status
    assert written is not None
    assert written.attempts == attempts
    assert written.retry_at is not None
    assert NOW < written.retry_at <= NOW + timedelta(seconds=4)


def test_failures_are_forgotten_once_it_has_been_ready_for_a_while() -> None:
    fresh = session(status(attempts=2, since=NOW - MINUTE / 2))
    decided = plan(fresh, running(), NOW)
    assert decided.status is not None
    assert decided.status.attempts == 2
    assert decided.requeue_after == MINUTE / 2
    steady = plan(session(status(attempts=2)), running(), NOW).status
    assert steady is not None
    assert steady.attempts == 0


def test_time_spent_waiting_for_a_lost_node_is_no_time_to_start_in() -> None:
    lost = session(status())
    seen = running(pod=pod(deleting=True, node_ready=False))
    lost = lost.model_copy(update={"status": plan(lost, seen, NOW).status})
    later = NOW + 5 * HOUR
    assert plan(lost, seen, later).status is None
    restarted = plan(lost, observed(), later)
    assert CreatePod() in restarted.actions
    lost = lost.model_copy(update={"status": restarted.status})
    again = observed(pod=starting_pod(uid="next"))
    assert facts(plan(lost, again, later + MINUTE), lost) == (Phase.STARTING, "Starting")


def test_the_place_in_line_is_told() -> None:
    seen = observed(place=Place(3, "the limit of 10 running sessions in this namespace"))
    written = plan(session(), seen, NOW).status
    assert written is not None
    admitted = written.conditions[0]
    assert (admitted.status, admitted.reason) == ("False", "Waiting")
    assert admitted.message == (
        "Waits for its turn: number 3 in line for the limit of 10 running sessions in this "
        "namespace."
    )


def test_a_conditions_time_changes_with_its_status_alone() -> None:
    written = plan(session(status()), running(state(activity=Activity.WORKING)), NOW).status
    assert written is not None
    times = {each.type: each.last_transition_time for each in written.conditions}
    assert times["Ready"] == NOW - 10 * MINUTE
    assert times["AwaitingInput"] == NOW


def test_the_prompt_has_to_be_answered_before_it_waits_for_input() -> None:
    def awaits(**said: Any) -> str:
        written = plan(session(status(), prompt="Go."), running(state(**said)), NOW).status
        assert written is not None
        return next(each.status for each in written.conditions if each.type == "AwaitingInput")

    assert awaits() == "False"
    assert awaits(last_turn_id="t1") == "True"
    assert awaits(last_turn_id="t1", queued=1) == "False"


def test_what_is_metered_counts_before_what_the_runner_says() -> None:
    rich = session(status(), budget={"maxCostUsd": 1})
    said = state(usage=Usage(cost_usd=0.1))
    metered = Usage(cost_usd=1.5)
    written = plan(rich, running(live=live(said, metered=metered)), NOW).status
    assert written is not None
    assert written.usage == metered
    assert written.conditions[-1].status == "True"
    assert written.conditions[-1].reason == "BudgetExceeded"


def test_the_order_of_writes_is_creations_then_status_then_endings() -> None:
    seen = observed(secret=None, claim=False, live=live(access=False))
    kinds = [type(each) for each in plan(session(), seen, NOW).steps]
    assert kinds == [CreateClaim, CreateSecret, GrantAccess, CreatePod, WriteStatus]
    kinds = [type(each) for each in plan(session(status(), suspend=True), running(), NOW).steps]
    assert kinds == [WriteStatus, DeletePod]


def test_usage_alone_is_not_written_at_once() -> None:
    first = plan(session(status()), running(), NOW).status
    known = session(first)
    later = running(state(usage=Usage(turns=2), last_activity_at=NOW))
    assert plan(known, later, NOW).status is not None
    assert plan(session(plan(known, later, NOW).status), later, NOW).status is None
    moment = running(state(usage=Usage(turns=3), last_activity_at=NOW + timedelta(seconds=9)))
    assert (
        plan(session(plan(known, later, NOW).status), moment, NOW + timedelta(seconds=10)).status
        is None
    )


def test_a_digest_of_the_spec_tells_whether_the_secret_is_up_to_date() -> None:
    resumed = session(status(Phase.SUSPENDED))
    first = plan(resumed, observed(secret=SecretSeen("other")), NOW)
    assert UpdateSecret() in first.actions


@pytest.mark.parametrize("name", CASES)
def test_by_time_alone_nothing_changes_before_the_moment_to_look_again(name: str) -> None:
    before, seen, *_ = CASES[name]
    now = NOW
    for _hop in range(20):
        first = plan(before, seen, now)
        settled = before.model_copy(update={"status": first.status or before.status})
        decided = plan(settled, seen, now)
        if first.actions or decided.actions:
            return
        wait = decided.requeue_after
        early = timedelta(days=400) if wait is None else wait - timedelta(milliseconds=1)
        assert plan(settled, seen, now + early).status is None
        if wait is None:
            return
        before, now = settled, now + wait


def test_a_change_is_told_with_its_reason_once() -> None:
    seen = running(pod=pod(runner(), oom()))
    first = plan(session(status()), seen, NOW)
    assert [(each.kind, each.reason) for each in first.events] == [("Warning", "OutOfMemory")]
    assert "resources.limits.memory" in first.events[0].message
    assert not plan(session(first.status), seen, NOW).events
