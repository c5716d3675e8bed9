"""A session's two containers without a cluster: the agent as another user than the runner.

As root (CI) that is as in a pod: the agent is user 64102, the runner a user without capabilities,
both in group 64100, in folders as a kubelet makes them. Where the tests are no root's, both are the
same user, and the peers are checked for that one.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import claude_agent_sdk

import moorage_agent
from moorage_agent.processes import descendants
from moorage_testing.children import with_the_test
from moorage_testing.runner import PATIENCE, RunnerUnderTest

IS_ROOT = os.geteuid() == 0
AGENT_USER = 64102 if IS_ROOT else os.geteuid()
GROUP = 64100 if IS_ROOT else os.getegid()
_OTHERS_MAY = 0o005


@dataclass(frozen=True)
class Image:
    """What the agent's container has of programs, where its user can read it."""

    folder: Path
    python: Path
    claude: Path

    @property
    def library(self) -> Path:
        """Where moorage_agent is."""
        return self.folder / "lib"

    def run(self, module: str) -> list[str]:
        """Give the command that runs a module's main, as in the images."""
        code = (
            f"import sys; sys.path.insert(0, {str(self.library)!r}); "
            f"from moorage_agent.{module} import main; main()"
        )
        return [str(self.python), "-I", "-S", "-c", code]

    def write_shim(self) -> Path:
        """Give the program behind the SDK's cli_path."""
        python, *words = self.run("shim")
        path = self.folder / "claude-shim"
        quoted = " ".join(f"'{word}'" for word in [python, *words[:-1]])
        path.write_text(f'#!/bin/sh\nexec {quoted} "{words[-1]}" claude "$@"\n')
        path.chmod(0o755)
        return path


@contextmanager
def agent_image() -> Iterator[Image]:
    """Put the agent's programs where every user can read them."""
    folder = Path(tempfile.mkdtemp(prefix="moorage-pod-"))
    try:
        folder.chmod(0o755)
        source = Path(moorage_agent.__file__).parent
        shutil.copytree(
            source, folder / "lib/moorage_agent", ignore=shutil.ignore_patterns("__pycache__")
        )
        python = _find_python()
        # As the image has it: nobody who runs it may write there, and the shim starts often.
        subprocess.run([python, "-m", "compileall", "-q", folder / "lib"], check=True)
        claude = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
        if not _open_to_all(claude):
            claude = Path(shutil.copy(claude, folder / "claude"))
            claude.chmod(0o755)
        yield Image(folder, python, claude)
    finally:
        shutil.rmtree(folder)


def _find_python() -> Path:
    """Give a Python that every user can run: this one may lie in root's own folder."""
    candidates = [Path(getattr(sys, "_base_executable", sys.executable)), Path("/usr/bin/python3")]
    found = [path.resolve() for path in candidates if path.exists()]
    return next(path for path in found if _open_to_all(path))


def _open_to_all(path: Path) -> bool:
    """Whether each user can run what is at `path`."""
    if not IS_ROOT:
        return True
    folders = all(each.stat().st_mode & 0o001 for each in path.parents)
    return folders and path.stat().st_mode & _OTHERS_MAY == _OTHERS_MAY


class AgentProcess:
    """The supervisor, as the agent's user; `folder` is what the containers share."""

    def __init__(self, image: Image, folder: Path, runner: int = os.geteuid()) -> None:
        self.image = image
        self.folder = folder
        self.socket = folder / "run" / "agent.sock"
        self._runner = runner
        self._process: subprocess.Popen[bytes] | None = None
        for name, mode in (("run", 0o2777), ("workspace", 0o2775), ("agent-tmp", 0o770)):
            make_shared(folder / name, mode)

    def start(self, claude: Path | None = None, **variables: str) -> None:
        """Start it; what it says goes to agent.log."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "workspace" / "home"),
            "TMPDIR": str(self.folder / "agent-tmp"),
            "MOORAGE_AGENT_SOCKET": str(self.socket),
            "MOORAGE_RUNNER_UID": str(self._runner),
            "MOORAGE_AGENT_CLAUDE": str(claude or self.image.claude),
            "NO_PROXY": "127.0.0.1,localhost",
            **variables,
        }
        other: Mapping[str, Any] = (
            {"user": AGENT_USER, "group": GROUP, "extra_groups": []} if IS_ROOT else {}
        )
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                with_the_test(*self.image.run("supervisor")),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **other,
            )

    @property
    def started(self) -> bool:
        """Whether it was started at all."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it said."""
        return (self.folder / "agent.log").read_text()

    def wait(self, timeout: float = 15) -> int:
        """Wait until it has ended."""
        assert self._process is not None
        return self._process.wait(timeout)

    def terminate(self) -> None:
        """Do what the kubelet does."""
        assert self._process is not None
        self._process.terminate()

    def kill(self) -> None:
        """End it, and all it started, as the end of a container does."""
        left = descendants(self.pid)
        for pid in [self.pid, *left]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()

    def shim(
        self, *words: str, variables: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a command by way of the shim, as this process's user."""
        environment = {
            "MOORAGE_AGENT_SOCKET": str(self.socket),
            "MOORAGE_AGENT_UID": str(AGENT_USER),
            **(variables or {}),
        }
        streams = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return subprocess.Popen(
            with_the_test(*self.image.run("shim"), *words),
            env=environment,
            **{"cwd": self.folder / "workspace", **streams, **options},
        )

    def ran(self, *words: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
        """Run a command by way of the shim to its end."""
        with self.shim(*words, **options) as process:
            out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def wait_for(self, is_so: Callable[[], Any], timeout: float = 30) -> None:
        """Wait until something is so; the kernel tells of processes to those who look alone."""
        deadline = time.monotonic() + timeout
        while not is_so():
            assert time.monotonic() < deadline, f"it never was so\n{self.log}"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it if it still runs."""
        if self._process and self._process.poll() is None:
            self.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.kill()

    def running(self, program: str) -> list[int]:
        """Give the processes below it that run this program."""
        found = []
        for pid in descendants(self.pid):
            with suppress(OSError):
                if Path(f"/proc/{pid}/exe").readlink().name == Path(program).name:
                    found.append(pid)
        return found


def make_shared(path: Path, mode: int) -> None:
    """Make a folder of the group that both users are in, as a kubelet does."""
    path.mkdir(parents=True, exist_ok=True)
    if IS_ROOT:
        os.chown(path, 0 if mode & 0o2000 else AGENT_USER, GROUP)
    path.chmod(mode)


class PodUnderTest(RunnerUnderTest):
    """A runner whose clone and Claude Code run in an agent."""

    def __init__(self, image: Image, root: Path, *arguments: Any, **options: Any) -> None:
        super().__init__(root, *arguments, **options)
        self.agent = AgentProcess(image, root)
        self._shim = image.write_shim()
        (root / "runner-tmp").mkdir(mode=0o700)
        self.claude: Path | None = None
        """What the agent runs as Claude Code, if it is not Claude Code."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "MOORAGE_AGENT_SOCKET": str(self.agent.socket),
            "MOORAGE_AGENT_UID": str(AGENT_USER),
            "MOORAGE_CLAUDE_PATH": str(self._shim),
        }

    @property
    def prefix(self) -> list[str]:
        """The runner is root without what makes root special: it may read what its group may."""
        words = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", f"--regid={GROUP}"]
        return [*words, "--clear-groups", "--"] if IS_ROOT else []

    def start(self, *arguments: str, warm: bool = False, **variables: str) -> None:
        self.agent.start(self.claude)
        self.start_runner(*arguments, warm=warm, **variables)

    def start_runner(self, *arguments: str, warm: bool = False, **variables: str) -> None:
        """Start the runner alone."""
        own = {"TMPDIR": str(self.root / "runner-tmp"), **variables}
        super().start(*arguments, warm=warm, **own)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait until both have ended: the agent does with its runner."""
        code = super().wait(timeout)
        if self.agent.started:
            self.agent.terminate()  # a runner that never attended is followed by the pod's deletion
            self.agent.wait()
        return code

    def stop(self) -> None:
        super().stop()
        self.agent.stop()

    @property
    def claude_pid(self) -> int:
        return self.agent.running(str(self.agent.image.claude))[0]
