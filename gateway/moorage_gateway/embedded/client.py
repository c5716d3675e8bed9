"""Speaks to the gateway over HTTP, as any client would; the standard library suffices."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

BASE: Final = "/api/claude-code"
_TIMEOUT: Final = 60.0
"""Longer than the pause between two signs of life on a stream (15 s)."""

# The proxies of the environment are for the world outside.
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))

FAILURES: Final = (OSError, http.client.HTTPException)


class Refused(Exception):  # noqa: N818 - read as a sentence
    """The gateway refused a request; the text is its sentence."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event as it came."""

    id: str
    type: str
    data: str


class Client:
    """A client of one gateway."""

    def __init__(self, url: str) -> None:
        self.url = url + BASE

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises:
            Refused: if the gateway says no.
            OSError: if it does not answer.
        """
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        try:
            with _DIRECT.open(request, timeout=_TIMEOUT) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(_sentence(error)) from None
        return found

    def events(self, session_id: str, after: str) -> Iterator[ServerEvent]:
        """Yield the session's events after ``after`` until the stream ends.

        Raises:
            Refused: if the gateway says no.
            OSError, http.client.HTTPException: if it breaks off.
        """
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            f"{self.url}/sessions/{session_id}/events", headers={"Last-Event-ID": after}
        )
        try:
            stream = _DIRECT.open(request, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            raise Refused(_sentence(error)) from None
        with stream:
            yield from _parsed(stream)


def _parsed(lines: Iterable[bytes]) -> Iterator[ServerEvent]:
    fields: dict[str, str] = {}
    for raw in lines:
        line = raw.decode(errors="replace").rstrip("\r\n")
        name, _, value = line.partition(":")
        if line:
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield ServerEvent(fields.get("id", ""), fields.get("event", "message"), fields["data"])
            fields = {}


def _sentence(error: urllib.error.HTTPError) -> str:
    with error:
        try:
            return str(json.load(error)["error"])
        except (ValueError, KeyError, TypeError):
            return f"it answered {error.code}"
