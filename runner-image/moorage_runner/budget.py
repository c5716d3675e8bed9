"""Whether a session may answer one more prompt. Pure. The hard limit stands outside the pod."""

from moorage_api.resources import Usage
from moorage_api.resources.parts import Budget

LEAST_USD = 0.0001
"""The smallest limit that Claude Code is given: with one of nothing it would not start."""


def refusal(budget: Budget, used: Usage) -> str | None:
    """Return why no further prompt is answered, None if one is."""
    if budget.max_turns is not None and used.turns >= budget.max_turns:
        return f"The session's budget of {budget.max_turns} prompts is used up."
    if budget.max_cost_usd is not None and used.cost_usd >= budget.max_cost_usd:
        return f"The session's budget of {budget.max_cost_usd:g} US dollars is used up."
    return None


def remaining_usd(budget: Budget, used: Usage) -> float | None:
    """Return the limit for Claude Code's next start, None if there is none."""
    if budget.max_cost_usd is None:
        return None
    return max(LEAST_USD, budget.max_cost_usd - used.cost_usd)
