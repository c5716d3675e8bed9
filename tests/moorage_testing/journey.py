"""Moorage as its user has it: the embedded run as a process of its own, spoken to over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx2

from moorage_testing.children import ends_with_the_test

BASE = "/api/claude-code"
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


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Moorage:
    """An embedded run in a folder of its own, to be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.client = httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}{BASE}", timeout=PATIENCE, trust_env=False
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (home.parent / "moorage.log").open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.client.close()
        self._log.close()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return (self.home.parent / "moorage.log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moorage_gateway", "run", "--no-job"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            start_new_session=True,
            preexec_fn=ends_with_the_test,  # noqa: PLW1509 - one system call
        )
        self.wait_until(self._is_ready, "the gateway to be ready")

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "HOME": str(self.home.parent),
            "MOORAGE_HOME": str(self.home),
            "MOORAGE_PORT": str(self.port),
        }

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.output
        try:
            return self.client.get("/health/ready").status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """End the gateway's process as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=PATIENCE)

    def stop(self) -> int | None:
        """End it as Ctrl-C does; return its exit code."""
        if self._process is None or self._process.poll() is not None:
            return None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=PATIENCE)

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for ``holds``; the pause between two looks is no measure of anything."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, f"waited in vain for {what}\n{self.output[-4000:]}"
            time.sleep(0.02)

    def create(self, repository: Path, **fields: Any) -> str:
        """Create a session and return its id."""
        answer = self.client.post("/sessions", json={"projectPath": str(repository)} | fields)
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        session_id: str = answer.json()["id"]
        return session_id

    def say(self, session_id: str, content: str) -> str:
        """Send a message and return its id."""
        answer = self.client.post(f"/sessions/{session_id}/messages", json={"content": content})
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        message_id: str = answer.json()["message"]["id"]
        return message_id

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
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                with self.events(session_id, after) as events:
                    for event in events:
                        after = event.id or after
                        seen.append(event)
                        if wanted(event):
                            return seen
            except httpx2.TransportError:
                self.wait_until(self._is_ready, "the gateway to be back")
        raise AssertionError(f"waited in vain; seen {[event.type for event in seen]}")

    def history(self, session_id: str) -> list[dict[str, Any]]:
        """Return the session's messages."""
        answer = self.client.get(f"/sessions/{session_id}/messages")
        assert answer.status_code == httpx2.codes.OK, answer.text
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages


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


def turn_ended(turn_id: str) -> Callable[[StreamedEvent], bool]:
    """Return what tells that the turn ended."""
    return lambda event: event.type == "usage" and event.body["turnId"] == turn_id


def sample_repository(folder: Path) -> Path:
    """Make a small git repository."""
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("# A sample\n")
    (folder / "main.py").write_text("print('hello')\n")
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "First")):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True, timeout=30)
    return folder


@contextmanager
def running_moorage() -> Iterator[Moorage]:
    """Start Moorage in a new folder (short: a socket's path may have 107 characters)."""
    with (
        tempfile.TemporaryDirectory(prefix="moorage-") as folder,
        Moorage(Path(folder) / "home") as moorage,
    ):
        moorage.start()
        yield moorage
