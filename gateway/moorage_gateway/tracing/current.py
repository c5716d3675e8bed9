"""The trace that the present request belongs to, as what is passed along carries it."""

from contextvars import ContextVar, Token
from typing import Final

_TRACEPARENT: Final[ContextVar[str | None]] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the W3C trace context of the request that is answered; None if it is not traced."""
    return _TRACEPARENT.get()


def enter(traceparent: str) -> Token[str | None]:
    """Have what is done from here on belong to a trace."""
    return _TRACEPARENT.set(traceparent)


def leave(token: Token[str | None]) -> None:
    """Undo `enter`."""
    _TRACEPARENT.reset(token)
