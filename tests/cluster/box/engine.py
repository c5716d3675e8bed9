"""Starts the box with its Docker engine, finds the one that runs, ends it."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from cluster.box import kernel
from cluster.box.cgroups import Cgroups
from cluster.box.debian import engine_tree
from cluster.box.forward import forward
from cluster.box.processes import children, send, started, until, waited
from cluster.errors import ClusterError, Impossible
from cluster.places import home, logs
from cluster.steps import ask, say, step

_SCRIPTS: Final = tuple(
    Path(__file__).parent / f"{name}.sh" for name in ("init", "network", "runc")
)
_NAMESPACES: Final = ("--pid", "--mount", "--uts", "--ipc", "--cgroup")
_JOIN: Final = 'for group in $JOIN; do echo $$ > "$group" || exit 1; done; exec "$@"'
_START: Final = 60.0
_END: Final = 30.0


@dataclass(frozen=True)
class Note:
    """What is known of a box that was started, kept in a file until it is cleared away."""

    kernel: dict[str, str]
    """Settings of the whole machine as they were before."""
    pid: int = 0
    started: str | None = None

    @classmethod
    def read(cls, file: Path) -> "Note | None":
        """Return what the file says, if it is there and whole."""
        try:
            return cls(**json.loads(file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, file: Path) -> None:
        """Keep it, all or nothing."""
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(asdict(self)))
        beside.replace(file)


@dataclass(frozen=True)
class Box:
    """The box of this machine, running or not."""

    folder: Path
    cgroups: Cgroups

    @classmethod
    def here(cls) -> "Box":
        """Return the one in the cluster's folder."""
        return cls(home() / "box", Cgroups.here())

    @property
    def socket(self) -> Path:
        """The engine's socket."""
        return self.folder / "run" / "docker.sock"

    @property
    def docker(self) -> Path:
        """Docker's command, in a folder of its own that can be put into PATH."""
        return self.folder / "bin" / "docker"

    @property
    def running(self) -> bool:
        """Whether it runs and its engine answers."""
        return self._pid is not None and self._answers()

    def start(self) -> None:
        """Start it, after clearing away what one that did not end well has left.

        Raises:
            Impossible: if this machine lacks what it takes.
            ClusterError: if the engine does not answer; its log says why.
        """
        self._require()
        tree = engine_tree()
        self.stop()
        with step("Docker engine, in a box of its own"):
            self._launch(tree)
            until(f"the engine answers ({logs() / 'box.log'} says more)", _START, self._ready)

    def forward(self, port: int) -> None:
        """Make a port of the box's loopback one of the host's too."""
        forward(self.folder / "run" / "forward.sock", port)

    def stop(self) -> None:
        """End it, gently at first, and clear away what it or one that was killed has left."""
        pid = self._pid
        if pid is not None:
            for first in children(pid):
                send(first, signal.SIGTERM)
            if not waited(_END, lambda: self._pid is None):
                say("the engine does not end by itself: killing it")
                send(pid, signal.SIGKILL)
        self.cgroups.kill()
        until("the processes of the box are gone", _END, self.cgroups.remove)
        if noted := Note.read(self._note):
            kernel.write(noted.kernel)
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self.folder / "box.json"

    @property
    def _pid(self) -> int | None:
        """The process that holds the box: its first one ends with it."""
        noted = Note.read(self._note)
        alive = noted and noted.pid and started(noted.pid) == noted.started
        return noted.pid if noted and alive else None

    def _launch(self, tree: Path) -> None:
        for name in ("bin", "docker", "run"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        run = self.folder / "run"
        for script in _SCRIPTS:  # copied, since the work tree may change while the box runs
            shutil.copy2(script, run)
        self.docker.unlink(missing_ok=True)
        self.docker.symlink_to(tree / "usr" / "bin" / "docker")
        note = Note(kernel.read())
        note.write(self._note)
        unshare = ["unshare", "--fork", "--kill-child", "--propagation=private", *_NAMESPACES]
        command = [*unshare, run / "init.sh", tree, self.folder / "docker", run]
        with (logs() / "box.log").open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _JOIN, "join", *map(str, command)],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "JOIN": _files(self.cgroups.make())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
            )
        replace(note, pid=process.pid, started=started(process.pid)).write(self._note)

    def _ready(self) -> bool:
        if self._pid is None:
            raise ClusterError(f"the box ended at once: {logs() / 'box.log'} says why")
        return self._answers()

    def _answers(self) -> bool:
        environment = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}"}
        return ask([self.docker, "version"], environment=environment, seconds=10) is not None

    def _require(self) -> None:
        """Find out before the work begins that it would be in vain."""
        if os.geteuid() != 0:
            raise Impossible(
                "no Docker engine answers, and only root can start one", "install Docker"
            )
        for program in ("unshare", "setpriv", "apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise Impossible(
                    f"no Docker engine answers, and {program} is not here to start one with",
                    "install Docker (only Debian has what it takes otherwise)",
                )
        if not Path("/dev/net/tun").exists():
            raise Impossible("/dev/net/tun is not here", "load the kernel's module tun")
        self.cgroups.require()


def _files(paths: list[Path]) -> str:
    return " ".join(map(str, paths))
