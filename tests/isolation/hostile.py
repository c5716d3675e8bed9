"""A session whose model makes Claude Code run what it is told, and shells in pods for controls."""

import base64
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deployment.kube import run_kubectl
from deployment.release import SESSIONS
from e2e.conftest import User
from e2e.kubectl import PATIENCE, Session
from moorage_scripted_model import Step, Text, ToolUse, script_prompt
from moorage_testing.sessions_client import StreamedEvent, turn_ended

_TOOL: Final = Path(__file__).with_name("attack.py")
_SURROUNDINGS: Final = "/tmp/surroundings.sh"
_SECONDS: Final = 60
AGENT: Final = "agent"
RUNNER: Final = "runner"

Variables = Mapping[str, str]


@dataclass(frozen=True)
class Shell:
    """bash in a container, with the attacker's tool."""

    pod: str
    container: str
    namespace: str = SESSIONS

    def prepare(self, variables: Variables) -> None:
        """Put the tool and the variables there."""
        self._exec(preparation(variables), 60)

    def run(self, command: str, variables: Variables | None = None) -> str:
        """Return what a command prints, whatever its code."""
        given = _exports(variables or {})
        return self._exec(f"{given}. {_SURROUNDINGS}; {command}", _SECONDS)

    def _exec(self, command: str, seconds: float) -> str:
        where = ["exec", self.pod, f"--namespace={self.namespace}", f"--container={self.container}"]
        words = ["timeout", str(_SECONDS), "bash", "-c", f"({command}) 2>&1; true"]
        return run_kubectl(*where, "--", *words, seconds=seconds + 30)


@dataclass
class HostileSession:
    """A ClaudeSession, as its owner sees it through the gateway."""

    session: Session
    owner: User
    events: list[StreamedEvent] = field(default_factory=list)

    def start(self, **spec: Any) -> None:
        """Create it, and wait until it is ready for a message."""
        self.session.apply(owner=self.owner.id, **spec)
        self.session.wait("condition=AwaitingInput")
        self.owner.wait_until(self._is_seen, "the gateway to see it")

    @property
    def id(self) -> str:
        uid: str = self.session.get()["metadata"]["uid"]
        return uid

    def shell(self, container: str = AGENT) -> Shell:
        """Return a shell past Claude, for controls."""
        return Shell(self.session.pod_name, container)

    def run(self, commands: Mapping[str, str], variables: Variables) -> dict[str, str]:
        """Have Claude Code run commands with Bash, all in one turn; return what each was told.

        The tool and the variables are put into its pod in the same way.
        """
        steps = [_step("prepare", preparation(variables))]
        steps += [_step(name, _prepared(each)) for name, each in commands.items()]
        turn = self._say(steps)
        after = self.events[-1].id or "0" if self.events else "0"
        new = self.owner.until(self.id, turn_ended(turn), after)
        self.events += new
        uses = [each.body for each in new if each.type == "tool:use"]
        told = {each.body["toolUseId"]: each.body["content"] for each in new if _is_result(each)}
        return {each["input"]["description"]: told[each["toolUseId"]] for each in uses}

    def say(self, command: str, variables: Variables | None = None) -> None:
        """Have Claude Code run a command that nobody waits for; with variables, and the tool."""
        steps = [_step("prepare", preparation(variables))] if variables is not None else []
        self._say([*steps, _step("alone", _prepared(command) if steps else command)])

    def _say(self, steps: list[Step]) -> str:
        return self.owner.say(self.id, script_prompt([*steps, Step.of(Text(text="That is all."))]))

    def variables(self) -> dict[str, str]:
        """Return what the hostile knows of itself; its login to Redis as if it had stolen it."""
        found = run_kubectl(
            "get", "secret", self.session.pod_name, f"--namespace={SESSIONS}", "--output=json"
        )
        data = json.loads(found)["data"]
        return {
            "OWN_SESSION": self.id,
            "REDIS_URL": base64.b64decode(data["redis-url"]).decode(),
            "CLONE": "/workspace/repo",
        }

    def _is_seen(self) -> bool:
        return self.owner.client.get(f"/sessions/{self.id}").status_code == 200


def preparation(variables: Variables) -> str:
    """Return the command that puts the tool and the variables into a container."""
    tool = base64.b64encode(_TOOL.read_bytes()).decode()
    sourced = _exports(variables) + 'attack() { python3 /tmp/attack.py "$@"; }\n'
    encoded = base64.b64encode(sourced.encode()).decode()
    return f"echo {tool} | base64 -d > /tmp/attack.py; echo {encoded} | base64 -d > {_SURROUNDINGS}"


def _prepared(command: str) -> str:
    return f". {_SURROUNDINGS}; {command}"


def _step(name: str, command: str) -> Step:
    """Return a step of the model's: in a shell of its own, so that Claude Code asks nobody."""
    quoted = f"bash -c {shlex.quote(f'({command}) 2>&1; true')}"
    made = {"command": quoted, "description": name, "timeout": _SECONDS * 1000}
    return Step.of(ToolUse(name="Bash", input=made))


def _exports(variables: Variables) -> str:
    return "".join(f"export {name}={shlex.quote(value)}; " for name, value in variables.items())


def _is_result(event: StreamedEvent) -> bool:
    return event.type == "tool:result"


class Owner(User):
    """Who owns the hostile sessions; a turn of theirs takes a while."""

    patience = 2 * PATIENCE
