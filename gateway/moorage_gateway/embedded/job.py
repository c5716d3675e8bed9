"""The main job: one session, followed in the terminal until its first answer."""

import os
import queue
import select
import shlex
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final, TextIO
from urllib.parse import quote

from pydantic import ValidationError

from moorage_api import events
from moorage_api.resources import Phase
from moorage_gateway.embedded.client import FAILURES, Client, Refused, ServerEvent
from moorage_gateway.embedded.terminal import Style, Terminal, clean_line
from moorage_gateway.embedded.transcript import Transcript

_LOOK: Final = 0.1
_RECONNECT: Final = 0.3
_LOOK_PAUSE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Order:
    """What the session is to do."""

    repository: str
    prompt: str
    allowed_tools: tuple[str, ...] = ()


@dataclass(slots=True)
class _Follower:
    """Reads the stream in a thread of its own, taking it up again when it breaks off."""

    client: Client
    session_id: str
    ended: threading.Event
    received: "queue.Queue[ServerEvent | Refused]" = field(default_factory=queue.Queue)

    def start(self) -> None:
        threading.Thread(target=self._run, name="stream", daemon=True).start()

    def _run(self) -> None:
        after = "0"
        while not self.ended.is_set():
            try:
                for event in self.client.events(self.session_id, after):
                    after = event.id or after
                    self.received.put(event)
            except Refused as refused:
                self.received.put(refused)
                return
            except FAILURES:
                pass  # with the last id nothing is lost
            self.ended.wait(_RECONNECT)


class Job:
    """One order, carried out over HTTP and shown. Runs in a thread of its own."""

    def __init__(self, client: Client, terminal: Terminal, keyboard: TextIO | None) -> None:
        self._client = client
        self._terminal = terminal
        self._transcript = Transcript(terminal)
        self._asks = keyboard is not None and keyboard.isatty() and terminal.is_terminal
        self._keyboard = keyboard
        self._pending: list[events.PermissionRequest] = []
        self._ended = threading.Event()
        self._look_due = time.monotonic() + _LOOK_PAUSE
        self.session_id = ""

    def stop(self) -> None:
        """Let `run` return soon."""
        self._ended.set()

    def create(self, order: Order) -> str:
        """Create the session and return its id.

        Raises:
            Refused, OSError: if that fails.
        """
        body = {
            "projectPath": order.repository,
            "prompt": order.prompt,
            "claude": {"allowedTools": list(order.allowed_tools)},
        }
        self.session_id = str(self._client.call("POST", "/sessions", body)["id"])
        return self.session_id

    def run(self) -> bool:
        """Show the stream until the answer is whole; return whether it is."""
        follower = _Follower(self._client, self.session_id, self._ended)
        follower.start()
        try:
            while not self._ended.is_set():
                outcome = self._next(follower.received)
                if outcome is not None:
                    return outcome
        finally:
            self._ended.set()
        return False

    def _next(self, received: "queue.Queue[ServerEvent | Refused]") -> bool | None:
        """Show the next event, or take an answer; return the outcome once it is known."""
        self._take_answer()
        try:
            raw = received.get(timeout=_LOOK)
        except queue.Empty:
            return self._look_at_session()
        if isinstance(raw, Refused):
            raise raw
        try:
            event = events.EVENT.validate_json(raw.data)
        except ValidationError:
            return None  # connected, end: about the stream, not the session
        self._transcript.show(event)
        return self._react(event)

    def _look_at_session(self) -> bool | None:
        """A session that never came to run tells nothing in its stream: ask for it now and then."""
        if time.monotonic() < self._look_due:
            return None
        self._look_due = time.monotonic() + _LOOK_PAUSE
        try:
            session = self._client.call("GET", f"/sessions/{self.session_id}")
        except (Refused, *FAILURES):
            return None
        message = session.get("message") or ""
        if session.get("phase") == Phase.FAILED:
            self._terminal.line(f"! Failed: {clean_line(message, 400)}", Style.RED)
            return False
        if session.get("phase") == Phase.PENDING and message:
            self._terminal.passing(f"· {clean_line(message, 100)}")
        return None

    def _react(self, event: events.Event) -> bool | None:
        match event:
            case events.UsageEvent():
                return event.data.outcome == "completed"
            case events.SessionStatusEvent() if event.data.phase in {Phase.FAILED, Phase.SUCCEEDED}:
                return event.data.phase is Phase.SUCCEEDED
            case events.PermissionRequestedEvent():
                self._pending.append(event.data)
                self._ask()
            case events.PermissionResolvedEvent():
                settled = event.data.approval_id
                self._pending = [each for each in self._pending if each.approval_id != settled]
                self._ask()
            case _:
                pass
        return None

    def _ask(self) -> None:
        if not self._pending:
            return
        if self._asks:
            self._terminal.write("  Allow it? [y/n] ", Style.YELLOW)
            return
        url = self._client.url + self._approval_path(self._pending[-1])
        self._terminal.line("  It waits for an answer, allow or deny. In another terminal:")
        self._terminal.line("  " + curl("POST", url, '{"decision":"allow"}'))

    def _approval_path(self, request: events.PermissionRequest) -> str:
        """Return where to answer; the id is the runner's word, so it is quoted as such."""
        return f"/sessions/{self.session_id}/approvals/{quote(request.approval_id, safe='')}"

    def _take_answer(self) -> None:
        """Read a line if one was typed; waiting for it would keep the stream from being shown."""
        if not (self._asks and self._pending and self._keyboard):
            return
        descriptor = self._keyboard.fileno()
        if not select.select([descriptor], [], [], 0)[0]:
            return
        answer = os.read(descriptor, 1024).decode(errors="replace").strip().lower()
        if answer in {"y", "yes"}:
            self._decide("allow")
        elif answer in {"n", "no"}:
            self._decide("deny")
        else:
            self._ask()

    def _decide(self, decision: str) -> None:
        request = self._pending.pop(0)
        try:
            self._client.call("POST", self._approval_path(request), {"decision": decision})
        except (Refused, OSError) as error:
            self._terminal.line(f"! {clean_line(str(error), 400)}", Style.RED)


def keyboard() -> TextIO | None:
    """Return standard input, if there is one."""
    stdin: Any = sys.stdin
    return None if stdin is None or stdin.closed else stdin


def curl(method: str, url: str, body: str | None = None) -> str:
    """Return a command line that sends this request."""
    sent = f" -H 'Content-Type: application/json' -d '{body}'" if body is not None else ""
    verb = f" -X {method}" if method != "GET" else ""
    return f"curl -s{verb} {shlex.quote(url)}{sent}"
