"""A real runner process for a test: with real Claude Code, a real Redis and the scripted model."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from redis import Redis

from moorage_api.events import FIELD as EVENT_FIELD
from moorage_api.events import Event, decode_entry
from moorage_api.inbox import FIELD as INPUT_FIELD
from moorage_api.inbox import Input, Prompt, encode_input
from moorage_api.keys import INBOX_GROUP, SessionKeys
from moorage_api.state import SessionState, decode_state
from moorage_runner.claude.command import conversation_id
from moorage_runner.retry import RetryPolicy
from moorage_scripted_model import RunningModel
from moorage_testing.redis import RedisServer

PATIENCE = 30.0
_POLL_MS = 100
_PATIENT = """
from moorage_runner.__main__ import main
from moorage_runner.retry import RetryPolicy

main({!r})
"""


def make_repository(folder: Path) -> Path:
    """Make a repository with one commit."""
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("# Harbour\n")
    author = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "First"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True)
    return folder


class RunnerUnderTest:
    """A session and its runner, which may be started more than once."""

    def __init__(
        self,
        root: Path,
        redis: RedisServer,
        model: RunningModel,
        session_id: str,
        spec: Mapping[str, Any] | None = None,
        module: str = "moorage_runner",
        policy: RetryPolicy | None = None,
        login: str | None = None,
    ) -> None:
        self.root = root
        self.server = redis
        self._login = login or redis.url
        self.model = model
        self.session_id = session_id
        self.keys = SessionKeys(session_id)
        self.workspace = root / "workspace"
        self.repo = self.workspace / "repo"
        self.termination_log = root / "termination.json"
        self._program = ["-c", _PATIENT.format(policy)] if policy else ["-m", module]
        self._spec = {"repository": {"url": str(make_repository(root / "origin"))}, **(spec or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: list[Event] = []
        self._position = "0"
        self.rewrite_spec()

    def rewrite_spec(self, **changes: Any) -> None:
        """Write the spec; the next start reads what was changed."""
        self._spec.update(changes)
        (self.root / "spec.json").write_text(json.dumps(self._spec))

    # The process

    @property
    def environment(self) -> dict[str, str]:
        """Contract 4's variables."""
        return {
            "MOORAGE_SESSION_ID": self.session_id,
            "MOORAGE_SESSION_SPEC": str(self.root / "spec.json"),
            "MOORAGE_REDIS_URL": self._login,
            "MOORAGE_WORKSPACE": str(self.workspace),
            "MOORAGE_TERMINATION_LOG": str(self.termination_log),
            "ANTHROPIC_BASE_URL": self.model.url,
            "ANTHROPIC_AUTH_TOKEN": "session-token",
        }

    @property
    def prefix(self) -> list[str]:
        """What comes before the runner's command."""
        return []

    def start(self, *arguments: str, warm: bool = False, **variables: str) -> None:
        """Start the runner."""
        ours = {**self.environment, **variables}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ANTHROPIC_")}
        inherited["NO_PROXY"] = "127.0.0.1,localhost"
        with self._log("out") as out, self._log("err") as err:
            self._process = subprocess.Popen(
                [
                    *self.prefix,
                    sys.executable,
                    *self._program,
                    *(["--warm"] if warm else []),
                    *arguments,
                ],
                env=inherited if warm else {**inherited, **ours},
                stdin=subprocess.PIPE if warm else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def bind(self, **variables: str) -> None:
        """Tell a warm runner which session it is for."""
        assert self._process is not None
        assert self._process.stdin is not None
        line = json.dumps({**self.environment, **variables})
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.close()

    def close_input(self) -> None:
        """Tell a warm runner that there is no session for it."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()

    def kill(self) -> None:
        """End the runner as an out-of-memory killer would."""
        self._signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> None:
        """Ask the runner to end."""
        self._signal(signal.SIGTERM)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait until it has ended; return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout)

    def stop(self) -> None:
        """End the runner and what it left, if it still runs."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)

    @property
    def pid(self) -> int:
        """The runner's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def claude_pid(self) -> int:
        """The process id of the Claude Code in use."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        (pid,) = [int(child) for child in children]
        return pid

    @property
    def output(self) -> str:
        """What it printed."""
        return (self.root / "out.log").read_text()

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.root / "err.log").read_text()

    # Redis

    def redis(self) -> "Redis":
        """Give a client."""
        return Redis.from_url(self.server.url, protocol=2)

    def send(self, value: Input) -> str:
        """Put an input into the inbox."""
        with self.redis() as redis:
            entry: Any = redis.xadd(self.keys.inbox, {INPUT_FIELD: encode_input(value)})
        return str(entry.decode())

    def prompt(self, input_id: str, content: str, **fields: Any) -> str:
        """Send a prompt."""
        return self.send(Prompt(input_id=input_id, content=content, **fields))

    def state(self) -> SessionState:
        """Give the state."""
        with self.redis() as redis:
            fields: Any = redis.hgetall(self.keys.state)
        state = decode_state(fields)
        assert state is not None, self.log
        return state

    def pending(self) -> int:
        """Count the inputs that are not settled."""
        with self.redis() as redis:
            summary: Any = redis.xpending(self.keys.inbox, INBOX_GROUP)
        return int(summary["pending"])

    def has_read(self, entry_id: str) -> bool:
        """Tell whether the runner has read its inbox up to this entry."""
        with self.redis() as redis:
            (group,) = redis.xinfo_groups(self.keys.inbox)
        return bool(group["last-delivered-id"].decode() == entry_id)

    def dead(self) -> list[dict[bytes, bytes]]:
        """Give the inputs that were given up."""
        with self.redis() as redis:
            entries: Any = redis.xrange(self.keys.dead)
        return [fields for _, fields in entries]

    def forget_from(self, kind: str) -> None:
        """Make Redis as it was before the first event of this type was written."""
        events = self.all_events()
        position = next(i for i, event in enumerate(events) if event.type == kind)
        with self.redis() as redis:
            redis.xdel(self.keys.events, *[event.id for event in events[position:]])
            redis.delete(self.keys.state)
            redis.xgroup_setid(self.keys.inbox, INBOX_GROUP, "0")
        self._position = events[-1].id

    def all_events(self) -> list[Event]:
        """Give all events that are in the stream now."""
        with self.redis() as redis:
            entries: Any = redis.xrange(self.keys.events)
        return [self._event(entry_id, fields) for entry_id, fields in entries]

    def wait_for(
        self, is_it: Callable[[Any], bool], timeout: float = PATIENCE, *, what: str = ""
    ) -> Event:
        """Wait for an event that was not looked at before, and give it."""
        deadline = monotonic() + timeout
        with self.redis() as redis:
            while monotonic() < deadline and (self._is_alive() or self._unread(redis)):
                for event in self._next(redis):
                    self._seen.append(event)
                    if is_it(event):
                        self._position = event.id
                        return event
                    self._position = event.id
        tail = "\n".join(str(event)[:300] for event in self._seen[-8:])
        raise AssertionError(
            f"no {what or 'such event'} in {timeout} s\n{tail}\n{self.log[-3000:]}"
        )

    def wait_for_type(self, kind: str, timeout: float = PATIENCE, **data: Any) -> Any:
        """Wait for an event of this type with these values in its data."""

        def is_it(event: Event) -> bool:
            return event.type == kind and all(
                getattr(event.data, name) == value for name, value in data.items()
            )

        return self.wait_for(is_it, timeout, what=f"{kind} {data}")

    def wait_until(self, is_so: Callable[[], bool], timeout: float = PATIENCE) -> None:
        """Wait until something is so; each look costs, so it waits for the next event or a bit."""
        deadline = monotonic() + timeout
        with self.redis() as redis:
            while not is_so():
                assert monotonic() < deadline, f"it never was so\n{self.log[-3000:]}"
                redis.xread({self.keys.events: "$"}, block=_POLL_MS)

    def requests(self) -> list[dict[str, Any]]:
        """Give what the model was asked in this conversation."""
        name = conversation_id(self.session_id)
        return [r for r in self.model.stats()["recent"] if r["session"] == name]

    def transcript(self) -> str:
        """Give what Claude Code wrote down of the conversation."""
        name = f"*/{conversation_id(self.session_id)}.jsonl"
        files = (self.workspace / "home" / ".claude" / "projects").glob(name)
        return "".join(file.read_text() for file in files)

    def _is_alive(self) -> bool:
        return self._process is None or self._process.poll() is None

    def _unread(self, redis: "Redis") -> bool:
        return bool(redis.xread({self.keys.events: self._position}, count=1))

    def _next(self, redis: "Redis") -> list[Event]:
        response: Any = redis.xread({self.keys.events: self._position}, count=1, block=_POLL_MS)
        if not response:
            return []
        return [self._event(entry_id, fields) for entry_id, fields in response[0][1]]

    def _event(self, entry_id: bytes, fields: dict[bytes, bytes]) -> Event:
        return decode_entry(self.session_id, entry_id.decode(), fields[EVENT_FIELD])

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _log(self, name: str) -> Any:
        return (self.root / f"{name}.log").open("ab")
