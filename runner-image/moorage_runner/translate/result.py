"""How a turn ended, as the CLI's `result` message says it."""

from dataclasses import dataclass
from typing import Any, Literal

from moorage_api.resources import Usage

Json = dict[str, Any]
Ending = Literal["completed", "interrupted", "failed"]

_SHORT = 2_000


@dataclass(frozen=True, slots=True)
class TurnResult:
    """A turn's end. `status` is the HTTP status of the model's answer where that was why."""

    ending: Ending
    reason: str
    status: int | None
    cause: str | None
    message: str
    usage: Usage
    duration_ms: int
    prompts: frozenset[str]
    """Ids of the prompts it answers; empty where the CLI does not say."""


def read_result(raw: Json) -> TurnResult:
    """Read a `result` message. Its subtype is no guide: "success" may be an error."""
    reason = str(raw.get("terminal_reason") or raw.get("subtype") or "")
    status = raw.get("api_error_status")
    return TurnResult(
        ending=_ending(raw, reason),
        reason=reason,
        status=status if isinstance(status, int) else None,
        cause=str(raw["api_error"]) if raw.get("api_error") else None,
        message=_message(raw),
        usage=_usage(raw),
        duration_ms=max(0, _whole(raw.get("duration_ms"))),
        prompts=_prompts(raw),
    )


def _ending(raw: Json, reason: str) -> Ending:
    if reason.startswith("aborted"):
        return "interrupted"
    return "failed" if raw.get("is_error") else "completed"


def _message(raw: Json) -> str:
    errors = raw.get("errors")
    if isinstance(errors, list) and errors:
        return "; ".join(str(error) for error in errors)[:_SHORT]
    return str(raw.get("result") or "")[:_SHORT]


def _prompts(raw: Json) -> frozenset[str]:
    several = raw.get("user_message_uuids")
    names = several if isinstance(several, list) else []
    return frozenset(str(name) for name in (*names, raw.get("user_message_uuid")) if name)


def _usage(raw: Json) -> Usage:
    """Return what this turn used.

    total_cost_usd and modelUsage add up over a process, and after a clean resume over the
    conversation: only model_usage_since_last_result is the turn's own, with its cost.
    """
    models = raw.get("model_usage_since_last_result")
    if isinstance(models, dict) and models:
        parts = [model for model in models.values() if isinstance(model, dict)]
        names = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        return Usage(
            input_tokens=sum(_whole(part.get(name)) for part in parts for name in names),
            output_tokens=sum(_whole(part.get("outputTokens")) for part in parts),
            cost_usd=sum(_amount(part.get("costUSD")) for part in parts),
        )
    used = raw.get("usage")
    used = used if isinstance(used, dict) else {}
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Usage(
        input_tokens=sum(_whole(used.get(name)) for name in names),
        output_tokens=_whole(used.get("output_tokens")),
    )


def _whole(value: object) -> int:
    return max(0, int(value)) if isinstance(value, int | float) else 0


def _amount(value: object) -> float:
    return max(0.0, float(value)) if isinstance(value, int | float) else 0.0
