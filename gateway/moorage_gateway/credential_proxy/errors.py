# ruff: noqa: N818 - the classes are read as sentences
"""What the proxy refuses, as Anthropic's API words it, so that Claude Code understands it.

ProxyError
├── NotSignedIn         401 authentication_error
├── BudgetSpent         402 billing_error          nothing will change by waiting
├── GitRefused          403 permission_error       a repository, or what is done with it
├── HostRefused         403 permission_error       a host that the session may not reach
├── KeyRefused          403 permission_error       the installation's own key is bad
├── NotServed           404 not_found_error
├── TooLarge            413 request_too_large
├── BadRequest          400 invalid_request_error
├── TooMany             429 rate_limit_error       with the seconds to wait
├── UpstreamFailed      502 api_error
├── GitAway             502 api_error              a server, or credentials: git may try again
└── Unavailable         503 overloaded_error       Redis is away: nothing can be counted
"""

import json
from typing import ClassVar

from moorage_gateway.credential_proxy.addresses import AddressRefusedError


class ProxyError(Exception):
    """A refusal. Its text is a sentence for whoever uses the session."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "api_error"
    retry_after: int | None = None

    def body(self) -> bytes:
        """Return it as a response's body, and as the data of an event."""
        error = {"type": self.kind, "message": str(self)}
        return json.dumps({"type": "error", "error": error}).encode()

    def event(self) -> bytes:
        """Return it as the last event of a stream."""
        return b"event: error\ndata: " + self.body() + b"\n\n"


class NotSignedIn(ProxyError):
    """The token is none, or no session's any more."""

    status = 401
    kind = "authentication_error"

    def __init__(self) -> None:
        super().__init__("This is not the token of a session that runs.")


class BudgetSpent(ProxyError):
    """A budget is used up."""

    status = 402
    kind = "billing_error"

    def __init__(self, whose: str, limit_usd: float) -> None:
        super().__init__(
            f"The budget of {whose}, {limit_usd:g} US dollars, is used up. Ask for a larger one."
        )


class GitRefused(ProxyError):
    """A repository may not be used, or not so."""

    status = 403
    kind = "permission_error"


class HostRefused(ProxyError):
    """A host may not be reached."""

    status = 403
    kind = "permission_error"


class KeyRefused(ProxyError):
    """An upstream does not take the key of this installation."""

    status = 403
    kind = "permission_error"

    def __init__(self, upstream: str) -> None:
        super().__init__(
            f"The model's provider ({upstream}) refused the key of this installation. Tell whoever "
            "runs Moorage."
        )


class NotServed(ProxyError):
    """There is no such path, or no upstream for the model."""

    status = 404
    kind = "not_found_error"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not served here.")


class TooLarge(ProxyError):
    """The request is larger than allowed."""

    status = 413
    kind = "request_too_large"

    def __init__(self, most: int) -> None:
        super().__init__(f"The request is larger than {most} bytes.")


class BadRequest(ProxyError):
    """The request cannot be read."""

    status = 400
    kind = "invalid_request_error"


class TooMany(ProxyError):
    """The session asks too much at once, or what is left of a budget is held by its requests."""

    status = 429
    kind = "rate_limit_error"

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class UpstreamFailed(ProxyError):
    """No upstream answered."""

    status = 502

    def __init__(self, reason: str) -> None:
        super().__init__(f"The model could not be reached: {reason}.")


class GitAway(ProxyError):
    """A git server, or what its credentials are asked of, does not answer now."""

    status = 502


def git_not_reached(who: str, error: BaseException) -> ProxyError:
    """Return what to tell git: a server that is away may come back, a refused address will not.

    A runner gives its clone up for a refusal, and tries again where it is none.
    """
    if isinstance(getattr(error, "os_error", error), AddressRefusedError):
        return GitRefused(f"{who} cannot be reached from here.")
    return GitAway(f"{who} does not answer.")


class Unavailable(ProxyError):
    """Redis does not answer, so nothing can be allowed."""

    status = 503
    kind = "overloaded_error"
    retry_after = 2

    def __init__(self) -> None:
        super().__init__("The credential proxy cannot check the session now.")
