"""Where a session's token stands in a request, for each of those that send one."""

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping

from moorage_gateway.credential_proxy.errors import NotSignedIn


def token_of(headers: Mapping[str, str]) -> str:
    """Return the token of a request to the model: a bearer's, or in the place of a key.

    Raises:
        NotSignedIn: There is none.
    """
    scheme, token = _split(headers.get("Authorization", ""))
    if scheme == "bearer":
        return token
    if key := headers.get("x-api-key"):
        return key
    raise NotSignedIn


def git_token_of(headers: Mapping[str, str]) -> str:
    """Return the token of a request of git's: a bearer's, or as a password.

    Raises:
        NotSignedIn: There is none.
    """
    return _bearer_or_password(headers.get("Authorization", ""))


def proxy_token_of(headers: Mapping[str, str]) -> str:
    """Return the token of a request for a tunnel, which clients send as a password.

    Raises:
        NotSignedIn: There is none.
    """
    return _bearer_or_password(headers.get("Proxy-Authorization", ""))


def _bearer_or_password(value: str) -> str:
    scheme, token = _split(value)
    if scheme == "bearer":
        return token
    if scheme == "basic":
        try:
            return b64decode(token, validate=True).decode().partition(":")[2]
        except (Error, UnicodeDecodeError):
            raise NotSignedIn from None
    raise NotSignedIn


def _split(value: str) -> tuple[str, str]:
    scheme, _, token = value.partition(" ")
    return scheme.lower(), token.strip()
