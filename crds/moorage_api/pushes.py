"""Pushes, as the credential proxy notes them for the gateway's audit: two streams in Redis.

What is noted is taken off when it stands in the database. Refused pushes have a stream of their
own, which drops its oldest: a session that floods it hides no push that went through.
"""

from typing import Final

from moorage_api.base import WireModel

PUSHES: Final = "moorage:pushes"
"""Pushes that were passed on, each noted before the git server had a byte of it."""
REFUSED_PUSHES: Final = "moorage:pushes:refused"
REFUSED_MAXLEN: Final = 1000
FIELD: Final = "push"


class PushNote(WireModel):
    """One push: whose, where to, and which refs to which commits."""

    session_id: str
    namespace: str
    owner: str | None = None
    repository: str
    refs: dict[str, str] = {}
    """The first refs that are to be other commits, and which."""
    total: int = 0
    """How many refs it names."""
