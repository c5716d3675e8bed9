"""On whose behalf this task works: noted once for each request, read where a record is written.

A context variable, as the request's id for the log is one: what a record says of the caller must
not depend on every service between passing it on.
"""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final, Literal

from moorage_gateway.auth.principal import Credential, Principal

Shown = Credential | Literal["password", "refresh_token", "command_line", "session"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, with what, and from where."""

    actor_id: str | None = None
    """The user; None if nobody was found out to."""
    via: Shown = "none"
    via_id: str | None = None
    """The sign-in or the API key."""
    address: str | None = None
    request_id: str | None = None

    def showing(self, principal: Principal) -> "Caller":
        """Return the same request by whom its token or key names."""
        return replace(
            self,
            actor_id=principal.user_id,
            via=principal.credential,
            via_id=principal.credential_id or None,
        )

    def known_as(self, user_id: str | None, via: Shown) -> "Caller":
        """Return the same request by a user whom the act itself found out."""
        return replace(self, actor_id=user_id, via=via, via_id=None)


NOBODY: Final = Caller()
COMMAND_LINE: Final = Caller(via="command_line")

present: Final[ContextVar[Caller]] = ContextVar("caller", default=NOBODY)
"""The caller of the request that is answered."""
