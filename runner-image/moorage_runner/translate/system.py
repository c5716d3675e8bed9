"""What Claude Code says beside the conversation, as events worth showing; the rest is left out."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moorage_api.events import SystemData

Json = dict[str, Any]

_SHORT = 1_000


def system_data(raw: Json) -> SystemData | None:
    """Return what a message of type system, or of a like type, tells a reader; None: nothing."""
    name = raw.get("subtype") if raw.get("type") == "system" else raw.get("type")
    handler = _HANDLERS.get(str(name))
    return handler(raw) if handler else None


def is_retry(raw: Json) -> bool:
    """Whether Claude Code says that it waits before it asks the model again."""
    return raw.get("type") == "system" and raw.get("subtype") == "api_retry"


def retry_delay(raw: Json) -> float:
    """Return how many seconds Claude Code waits before it asks again; 0 where it does not say."""
    delay = raw.get("retry_delay_ms")
    return max(0.0, delay / 1000) if isinstance(delay, int | float) else 0.0


def rate_limit_reset(raw: Json) -> float | None:
    """Return when a rate limit that was hit ends (Unix seconds), None if none was."""
    info = raw.get("rate_limit_info")
    if raw.get("type") != "rate_limit_event" or not isinstance(info, dict):
        return None
    resets = info.get("resetsAt")
    if info.get("status") != "rejected" or not isinstance(resets, int | float):
        return None
    return float(resets)


def _retry(raw: Json) -> SystemData:
    delay = raw.get("retry_delay_ms")
    seconds = f"{delay / 1000:.1f} s" if isinstance(delay, int | float) else "a moment"
    why = _CAUSES.get(str(raw.get("error")), "The model could not be reached")
    return SystemData(
        subtype="api_retry",
        message=f"{why}; trying again in {seconds}.",
        detail=_picked(raw, "attempt", "max_retries", "retry_delay_ms", "error_status", "error"),
    )


_CAUSES = {
    "overloaded": "The model is overloaded",
    "rate_limit": "The rate limit is reached",
    "server_error": "The model's server failed",
    "authentication_failed": "The model refused the credentials",
}


def _compacted(raw: Json) -> SystemData:
    detail = raw.get("compact_metadata")
    return SystemData(
        subtype="compaction",
        message="The conversation was summed up to make room.",
        detail=_picked(detail, "trigger", "pre_tokens") if isinstance(detail, dict) else {},
    )


def _status(raw: Json) -> SystemData | None:
    if raw.get("status") == "compacting":
        return SystemData(subtype="compacting", message="The conversation is being summed up.")
    return None


def _denied(raw: Json) -> SystemData:
    reason = str(raw.get("decision_reason") or raw.get("message") or "")[:_SHORT]
    return SystemData(
        subtype="permission_denied",
        message=f"{raw.get('tool_name')} is not allowed here. {reason}".strip(),
        detail=_picked(raw, "tool_name", "tool_use_id"),
    )


def _task_started(raw: Json) -> SystemData:
    return SystemData(
        subtype="task_started",
        message=f"Started: {_short(raw.get('description'))}",
        detail=_picked(raw, "task_id", "tool_use_id", "task_type", "is_backgrounded"),
    )


def _task_ended(raw: Json) -> SystemData:
    return SystemData(
        subtype="task_ended",
        message=f"Ended ({raw.get('status')}): {_short(raw.get('summary'))}",
        detail=_picked(raw, "task_id", "tool_use_id", "status"),
    )


def _rate_limit(raw: Json) -> SystemData | None:
    info = raw.get("rate_limit_info")
    if not isinstance(info, dict) or info.get("status") == "allowed":
        return None
    resets = rate_limit_reset(raw)
    until = f" until {datetime.fromtimestamp(resets, UTC):%H:%M} UTC" if resets else ""
    hit = info.get("status") == "rejected"
    message = f"The rate limit is reached{until}." if hit else "The rate limit is near."
    return SystemData(
        subtype="rate_limit",
        message=message,
        detail=_picked(info, "status", "resetsAt", "rateLimitType", "utilization"),
    )


def _reset(_: Json) -> SystemData:
    return SystemData(subtype="conversation_reset", message="The conversation was begun anew.")


def _short(value: object) -> str:
    return str(value or "")[:_SHORT]


def _picked(raw: Json, *names: str) -> Json:
    values = {name: raw[name] for name in names if raw.get(name) is not None}
    return {
        name: value[:_SHORT] if isinstance(value, str) else value
        for name, value in values.items()
        if isinstance(value, str | int | float | bool)
    }


_HANDLERS: dict[str, Callable[[Json], SystemData | None]] = {
    "api_retry": _retry,
    "compact_boundary": _compacted,
    "status": _status,
    "permission_denied": _denied,
    "task_started": _task_started,
    "task_notification": _task_ended,
    "rate_limit_event": _rate_limit,
    "conversation_reset": _reset,
}
