"""The conversation as lines for people, for `kubectl logs`."""

from moorage_api.events import (
    ErrorEvent,
    Event,
    MessageStopEvent,
    PermissionRequestedEvent,
    PermissionResolvedEvent,
    SystemEvent,
    ToolResultEvent,
    ToolUseEvent,
)
from moorage_runner.permissions.wording import summary

_LINES = 200
_LENGTH = 2_000
_RESULT_LINES = 8
_CONTROLS = dict.fromkeys((*range(9), *range(10, 32), *range(127, 160)), "�")


def lines_of(event: Event, repo: str) -> list[str]:
    """Return what to show of an event. Pure.

    Control characters are shown, not sent: what Claude or a tool wrote must not steer a terminal.
    """
    return [line.translate(_CONTROLS) for line in _lines(event, repo)]


def _lines(event: Event, repo: str) -> list[str]:  # noqa: PLR0911 - one for each kind of event
    match event:
        case MessageStopEvent():
            text = event.data.content.strip()
            mark = "> " if event.data.role == "user" else ""
            return [f"{mark}{line}" for line in _bounded(text, _LINES)] if text else []
        case ToolUseEvent():
            return [f"* {summary(event.data.name, event.data.input, repo)}"[:_LENGTH]]
        case ToolResultEvent():
            mark = "  ! " if event.data.is_error else "  | "
            return [f"{mark}{line}" for line in _bounded(event.data.content, _RESULT_LINES)]
        case PermissionRequestedEvent():
            return [f"? {event.data.summary}"[:_LENGTH]]
        case PermissionResolvedEvent():
            return [f"? {event.data.outcome}"]
        case SystemEvent() | ErrorEvent():
            return [f"- {event.data.message}"[:_LENGTH]]
        case _:
            return []


def _bounded(text: str, limit: int) -> list[str]:
    lines = text.splitlines()
    shown = [line[:_LENGTH] for line in lines[:limit]]
    if len(lines) > limit:
        shown.append(f"[... {len(lines) - limit} more lines]")
    return shown
