"""Reads what a response used, while it passes: from a stream's events, or from the whole of it.

What a model says at the end counts. Until then, or where a stream breaks off, the output is
estimated from what was seen of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pydantic_core import from_json

_BYTES_PER_TOKEN: Final = 4
_ENVELOPE: Final = 100
"""Bytes of an event that carries a delta, without the delta."""
_LARGEST_EVENT: Final = 1024 * 1024
_LARGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes that are kept to be read; what is larger passes unread."""

_BOUNDARY: Final = b"\n\n"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, and searches of the web."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_hour: int = 0
    """Of those written to the cache, those for an hour."""
    searches: int = 0


class Reader(Protocol):
    """Reads a response as it passes."""

    def feed(self, chunk: bytes) -> None:
        """Take a piece of it."""

    @property
    def usage(self) -> Usage | None:
        """What it used as far as is known by now; None: it has said nothing of its input."""


@dataclass(slots=True)
class StreamReader:
    """Reads server-sent events."""

    _told: dict[str, Any] = field(default_factory=dict)
    _rest: bytes = b""
    _seen: int = 0
    """Bytes of output since the stream last said what it used."""

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the stream."""
        *events, rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(_BOUNDARY)
        self._rest = rest if len(rest) <= _LARGEST_EVENT else b""
        for event in events:
            self._take(event)

    @property
    def usage(self) -> Usage | None:
        """What was told, and an estimate of the output since."""
        if not self._told:
            return None
        return _usage(self._told, estimated=self._seen // _BYTES_PER_TOKEN)

    @property
    def between_events(self) -> bool:
        """Whether what was taken ends with an event's end."""
        return not self._rest

    def _take(self, event: bytes) -> None:
        head = event[:64]
        if b"content_block_delta" in head:
            self._seen += max(0, len(event) - _ENVELOPE)
        elif b"message_start" in head or b"message_delta" in head:
            self._learn(event)

    def _learn(self, event: bytes) -> None:
        line = next((each for each in event.split(b"\n") if each.startswith(b"data:")), b"")
        try:
            data = from_json(line.removeprefix(b"data:"))
        except ValueError:
            return
        if not isinstance(data, dict):
            return
        message = data.get("message")
        usage = (message if isinstance(message, dict) else data).get("usage")
        if isinstance(usage, dict):
            self._told |= {key: value for key, value in usage.items() if value is not None}
            if data.get("type") == "message_delta":
                self._seen = 0


@dataclass(slots=True)
class WholeReader:
    """Reads an answer that comes as one JSON object."""

    _body: bytearray = field(default_factory=bytearray)
    _size: int = 0

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the answer."""
        self._size += len(chunk)
        if self._size <= _LARGEST_ANSWER:
            self._body += chunk

    @property
    def usage(self) -> Usage | None:
        """What it used; None if it was cut off, or says nothing of it."""
        try:
            data = from_json(self._body)
        except ValueError:
            return None
        usage = data.get("usage") if isinstance(data, dict) else None
        return _usage(usage) if isinstance(usage, dict) else None


def _usage(told: Mapping[str, Any], estimated: int = 0) -> Usage:
    creation, tools = told.get("cache_creation"), told.get("server_tool_use")
    return Usage(
        input=_number(told, "input_tokens"),
        output=max(_number(told, "output_tokens"), estimated),
        cache_read=_number(told, "cache_read_input_tokens"),
        cache_write=_number(told, "cache_creation_input_tokens"),
        cache_write_hour=_number(creation, "ephemeral_1h_input_tokens"),
        searches=_number(tools, "web_search_requests"),
    )


def _number(told: object, name: str) -> int:
    """Return a count; 0 where there is none."""
    value = told.get(name) if isinstance(told, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0
