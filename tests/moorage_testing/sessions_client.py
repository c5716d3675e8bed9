"""A client of a gateway, as its users have one: sessions, messages and streams over HTTP."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from moorage_testing.http import http_client

BASE = "/api/claude-code"
_TOO_MANY = httpx2.codes.TOO_MANY_REQUESTS
PATIENCE = 60.0
"""Seconds that anything may take before a test gives up: far more than it needs."""


@dataclass(frozen=True)
class StreamedEvent:
    """One server-sent event, its data parsed."""

    id: str | None
    type: str
    data: dict[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """What stands in the event's own data."""
        inner: dict[str, Any] = self.data.get("data", {})
        return inner


class SessionsClient:
    """Speaks to the gateway at an address."""

    patience = PATIENCE

    def __init__(self, url: str) -> None:
        self.client = http_client(base_url=f"{url}{BASE}", timeout=PATIENCE)

    @property
    def output(self) -> str:
        """What is known of the gateway, for the message of a test that waited in vain."""
        return ""

    def is_ready(self) -> bool:
        """Return whether the gateway is ready."""
        try:
            return self.client.get("/health/ready").status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for ``holds``; the pause between two looks is no measure of anything."""
        deadline = time.monotonic() + self.patience
        while not holds():
            assert time.monotonic() < deadline, f"waited in vain for {what}\n{self.output[-4000:]}"
            time.sleep(0.02)

    def create(self, repository: Path | str, **fields: Any) -> str:
        """Create a session and return its id."""
        answer = self._post("/sessions", {"projectPath": str(repository)} | fields)
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        session_id: str = answer.json()["id"]
        return session_id

    def say(self, session_id: str, content: str) -> str:
        """Send a message and return its id."""
        answer = self._post(f"/sessions/{session_id}/messages", {"content": content})
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        message_id: str = answer.json()["message"]["id"]
        return message_id

    def _post(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        """Send a request; one too many is sent again when the gateway says that it may be."""
        deadline = time.monotonic() + self.patience
        answer = self.client.post(path, json=body)
        while answer.status_code == _TOO_MANY and time.monotonic() < deadline:
            time.sleep(int(answer.headers["Retry-After"]))
            answer = self.client.post(path, json=body)
        return answer

    @contextmanager
    def events(self, session_id: str, after: str = "0") -> Iterator[Iterator[StreamedEvent]]:
        """Open the session's stream after the event ``after``; 0 is the beginning."""
        path = f"/sessions/{session_id}/events"
        with self.client.stream("GET", path, headers={"Last-Event-ID": after}) as answer:
            assert answer.status_code == httpx2.codes.OK
            yield _parse(answer.iter_lines())

    def until(
        self, session_id: str, wanted: Callable[[StreamedEvent], bool], after: str = "0"
    ) -> list[StreamedEvent]:
        """Return the events after ``after`` up to the first that is ``wanted``.

        A stream that is cut off in between is taken up again, as clients do.
        """
        seen: list[StreamedEvent] = []
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            try:
                with self.events(session_id, after) as events:
                    for event in events:
                        after = event.id or after
                        seen.append(event)
                        if wanted(event):
                            return seen
            except httpx2.TransportError:
                self.wait_until(self.is_ready, "the gateway to be back")
        raise AssertionError(f"waited in vain; seen {[event.type for event in seen]}")

    def history(self, session_id: str) -> list[dict[str, Any]]:
        """Return the session's messages."""
        answer = self.client.get(f"/sessions/{session_id}/messages")
        assert answer.status_code == httpx2.codes.OK, answer.text
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    def answers(self, session_id: str) -> list[str]:
        """Return the texts of the answers in the session's history."""
        children = [each for message in self.history(session_id) for each in message["children"]]
        return [child["content"] for child in children if child["content"]]


def turn_ended(turn_id: str) -> Callable[[StreamedEvent], bool]:
    """Return what tells that the turn ended."""
    return lambda event: event.type == "usage" and event.body["turnId"] == turn_id


def text_of(events: list[StreamedEvent], turn_id: str) -> str:
    """Return what a client shows of the turn: deltas appended, dropped on a new start."""
    shown: dict[str, str] = {}
    for event in events:
        body = event.body
        if event.type == "message:start" and body["turnId"] == turn_id:
            shown[body["messageId"]] = ""
        elif event.type == "message:delta" and body["messageId"] in shown:
            shown[body["messageId"]] += body["text"]
    return "".join(text for message, text in shown.items() if message != turn_id)


def _parse(lines: Iterator[str]) -> Iterator[StreamedEvent]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield StreamedEvent(
                fields.get("id"), fields.get("event", "message"), json.loads(fields["data"])
            )
            fields = {}
        else:
            fields = {}
