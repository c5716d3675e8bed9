"""Cases: a session that is suspended or over."""

from moorage_api.resources import Activity, Phase
from moorage_operator.actions import (
    CreatePod,
    DeleteSession,
    MarkPod,
    RevokeAccess,
    SetSuspend,
)
from moorage_operator.observed import Place

from .builders import (
    MINUTE,
    NOW,
    POD_UID,
    agent,
    ended,
    live,
    observed,
    pod,
    runner,
    running,
    session,
    state,
    status,
)
from .cases import (
    CLOSED,
    DELETE,
    FAILED,
    IDLE_SUSPENDED,
    JUST_FAILED,
    JUST_SUCCEEDED,
    UPDATED,
    WORDS,
    Case,
    oom,
)

CASES: dict[str, Case] = {
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
        (CLOSED,),
    ),
    "suspended, and its logins have ended": (
        session(status(Phase.SUSPENDED, reason="Requested"), suspend=True),
        observed(live=live(access=False)),
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
        (CLOSED,),
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
    "over, the runner has ended, the agent is given time": (
        session(JUST_SUCCEEDED),
        running(pod=pod(ended(0), agent())),
        Phase.SUCCEEDED,
        "Completed",
        (),
    ),
    "over, the agent has ended, the runner is given time": (
        session(JUST_FAILED),
        running(pod=pod(runner(), oom())),
        Phase.FAILED,
        "RetriesExhausted",
        (),
    ),
    "over, the pod is given time no longer": (
        session(FAILED),
        running(pod=pod(ended(0), agent())),
        Phase.FAILED,
        "StartTimeout",
        (DELETE,),
    ),
    "over just now, and nothing of it ends by itself": (
        session(JUST_FAILED),
        running(pod=pod(runner(), agent())),
        Phase.FAILED,
        "RetriesExhausted",
        (DELETE,),
    ),
    "over just now, and somebody deletes the pod": (
        session(JUST_SUCCEEDED),
        running(pod=pod(ended(0), agent(), deleting=True)),
        Phase.SUCCEEDED,
        "Completed",
        (),
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
