"""The conditions of a session, from a decision and what is seen. Pure.

A condition's time changes with its status alone; its reason and sentence may change in between.
"""

from collections.abc import Callable
from typing import Final, Literal

from moorage_api.reasons import Reason
from moorage_api.resources import Activity, Condition, Phase
from moorage_operator.actions import CreateClaim, CreatePod
from moorage_operator.decision import Case, Decision
from moorage_operator.reasons import CLONE_REASONS

Facts = tuple[Literal["True", "False", "Unknown"], str, str]
"""A condition's status, reason and message."""


def conditions(case: Case, decision: Decision) -> list[Condition]:
    """Return all conditions of Contract 1, as they are after the decision."""
    return [_condition(case, kind, say(case, decision)) for kind, say in _SAYINGS]


def _condition(case: Case, kind: str, facts: Facts) -> Condition:
    status, reason, message = facts
    before = case.condition(kind)
    since = before.last_transition_time if before and before.status == status else case.now
    return Condition(
        type=kind,
        status=status,
        reason=str(reason),
        message=message,
        last_transition_time=since,
        observed_generation=case.session.metadata.generation,
    )


def _same(case: Case, kind: str, otherwise: Facts) -> Facts:
    """Return the condition as it was."""
    before = case.condition(kind)
    return (before.status, before.reason, before.message) if before else otherwise


def _admitted(case: Case, decision: Decision) -> Facts:
    no: Facts = ("False", decision.reason, decision.message)
    if decision.phase.finished:
        return _same(case, "Admitted", no)
    if decision.admitted is None:
        return ("True", Reason.RUNNING, _PLACE) if case.holds("Admitted") else no
    return ("True", Reason.RUNNING, _PLACE) if decision.admitted else no


_PLACE: Final = "It has a place among the sessions that run."


def _scheduled(case: Case, decision: Decision) -> Facts:
    pod = case.seen.pod
    if decision.phase.finished:
        return _same(case, "PodScheduled", ("False", decision.reason, "It has no pod."))
    if pod is None or decision.phase is Phase.PENDING:
        return "False", decision.reason, "It has no pod now."
    if pod.node_name:
        return "True", Reason.RUNNING, f"Its pod is on the node {pod.node_name}."
    if decision.phase is Phase.STARTING:
        return "False", decision.reason, decision.message
    return "False", decision.reason, "Its pod has no node."


def _cloned(case: Case, decision: Decision) -> Facts:
    there: Facts = ("True", Reason.COMPLETED, "The repository is there.")
    if decision.reason in CLONE_REASONS:
        return "False", decision.reason, decision.message
    if decision.phase is Phase.READY or (case.state is not None and case.state.start_commit):
        return there
    if decision.phase.finished:
        return _same(case, "RepositoryCloned", ("False", decision.reason, _NOT_CLONED))
    stays = case.shape.workspace.kind == "persistent" or decision.phase in _WITH_POD
    if stays and case.holds("RepositoryCloned") and not _new_volume(case, decision):
        return there
    return "False", decision.reason, _NOT_CLONED


def _new_volume(case: Case, decision: Decision) -> bool:
    """Whether the workspace is made anew: with each pod, or as a claim that was not there."""
    if case.shape.workspace.kind == "persistent":
        return CreateClaim() in decision.actions
    return CreatePod() in decision.actions


_WITH_POD: Final = frozenset({Phase.STARTING, Phase.SUSPENDING})
_NOT_CLONED: Final = "The repository is not there yet."


def _ready(_case: Case, decision: Decision) -> Facts:
    if decision.phase is Phase.READY:
        return "True", Reason.RUNNING, "The session takes messages."
    return ("Unknown" if decision.unknown else "False"), decision.reason, decision.message


def _awaiting(case: Case, decision: Decision) -> Facts:
    """Idle counts only once the spec's own prompt was answered, or a wait would end too early."""
    if decision.phase is not Phase.READY:
        return "False", decision.reason, "The session takes no messages now."
    state = case.state
    if state is None:
        return _same(case, "AwaitingInput", ("False", Reason.RUNNING, _WORKING))
    answered = case.shape.prompt is None or state.last_turn_id is not None
    if state.activity is Activity.IDLE and not state.queued and answered:
        return "True", Reason.IDLE, "The session waits for a message."
    return "False", Reason.RUNNING, _WORKING


_WORKING: Final = "The session is working."


def _complete(_case: Case, decision: Decision) -> Facts:
    if decision.phase is Phase.SUCCEEDED:
        return "True", decision.reason, decision.message
    if decision.phase is Phase.FAILED:
        return "False", decision.reason, decision.message
    return "False", Reason.RUNNING, "The session is not over."


def _over_budget(case: Case, decision: Decision) -> Facts:
    """What the proxy metered decides; where nothing was metered, what the runner says."""
    limit, live = case.shape.budget.max_cost_usd, case.seen.live
    spent = live.metered.cost_usd if live is not None and live.metered is not None else None
    if limit is not None and spent is not None and spent >= limit:
        return "True", Reason.BUDGET_EXCEEDED, f"It has spent its budget of {limit} US dollars."
    if decision.reason == Reason.BUDGET_EXCEEDED:
        return "True", Reason.BUDGET_EXCEEDED, decision.message
    if case.state is not None and case.state.reason == Reason.BUDGET_EXCEEDED:
        return "True", Reason.BUDGET_EXCEEDED, case.state.message or "Its budget is used up."
    if case.state is None and case.holds("BudgetExceeded"):
        return _same(case, "BudgetExceeded", _WITHIN)
    return _WITHIN


_WITHIN: Final[Facts] = ("False", Reason.RUNNING, "Its budget is not used up.")

_SAYINGS: Final[tuple[tuple[str, Callable[[Case, Decision], Facts]], ...]] = (
    ("Admitted", _admitted),
    ("PodScheduled", _scheduled),
    ("RepositoryCloned", _cloned),
    ("Ready", _ready),
    ("AwaitingInput", _awaiting),
    ("Complete", _complete),
    ("BudgetExceeded", _over_budget),
)
