"""Redis keys. All of a session's stand under one hash tag, so that they live in one slot."""

from dataclasses import dataclass
from typing import Final

INBOX_GROUP: Final = "runner"
"""The inbox's one consumer group."""

INBOX_CONSUMER: Final = "runner"
"""A session has one runner at a time; one name lets the next take over what is pending."""

EVENTS_MAXLEN: Final = 20_000
"""About how many events a stream holds before the oldest are dropped (then clients see `gap`)."""

INBOX_MAXLEN: Final = 10_000
REPLY_TTL_SECONDS: Final = 60
FINISHED_TTL_SECONDS: Final = 7 * 24 * 3600
"""How long keys outlive their session, so that a late client can still read the end."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of the session with this id (the resource's UID, never reused)."""

    session_id: str

    def _key(self, what: str) -> str:
        return f"moorage:{{{self.session_id}}}:{what}"

    @property
    def events(self) -> str:
        """Stream of events for clients; the entry id is the event id. Written by the runner."""
        return self._key("events")

    @property
    def inbox(self) -> str:
        """Stream of inputs for the runner. Written by the gateway."""
        return self._key("inbox")

    @property
    def state(self) -> str:
        """Hash of the session's live state. Written by the runner."""
        return self._key("state")

    @property
    def rpc(self) -> str:
        """Stream of file operations for the runner. Written by the gateway."""
        return self._key("rpc")

    def reply(self, number: str) -> str:
        """List that receives the one reply to request ``number``; expires by itself."""
        return self._key(f"reply:{number}")

    @property
    def dead(self) -> str:
        """Stream of inputs given up, with the reason. Written by the runner."""
        return self._key("dead")

    @property
    def notify(self) -> str:
        """Pub/sub channel: a hint to look at the state; nothing depends on it arriving."""
        return self._key("notify")

    @property
    def meter(self) -> str:
        """Hash of what was spent, as the credential proxy counted it."""
        return self._key("meter")

    @property
    def holds(self) -> str:
        """Hash of what running requests may still spend. Written by the credential proxy."""
        return self._key("holds")

    @property
    def grant(self) -> str:
        """Hash of what the session may do at the credential proxy. Written by the operator."""
        return self._key("grant")

    @property
    def rows(self) -> str:
        """Version of its rows in the database. Written by whoever changes them."""
        return self._key("rows")

    @property
    def lasting(self) -> tuple[str, ...]:
        """Keys to expire once the session is gone."""
        return (self.events, self.inbox, self.state, self.rpc, self.dead, self.meter)
