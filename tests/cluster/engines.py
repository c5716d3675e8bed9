"""Which Docker engine the cluster runs in: the one that is there, or one in a box of our own."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.box.engine import Box
from cluster.errors import Impossible
from cluster.steps import Words, ask

WAY: Final = "MOORAGE_CLUSTER_ENGINE"
"""``docker`` or ``box`` decides; otherwise a Docker engine that answers is taken."""


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers."""

    docker: Path
    environment: dict[str, str]
    """To run docker, kind and what else talks to the engine in."""
    box: Box | None
    """The box that it runs in, if it is ours: then there is no registry either."""

    def ask(self, *arguments: str, seconds: float = 30) -> str | None:
        """Return what docker prints, or None if it fails."""
        command: Words = [self.docker, *arguments]
        return ask(command, environment=self.environment, seconds=seconds)

    def has(self, image: str) -> bool:
        """Return whether an image is there."""
        return self.ask("image", "inspect", "--format={{.Id}}", image) is not None


def running_engine() -> Engine | None:
    """Return the engine that runs, if one does; nothing is started."""
    if found := _found():
        return found
    box = Box.here()
    return _boxed(box) if box.running else None


def engine() -> Engine:
    """Return an engine; the one in the box is started if need be.

    Raises:
        Impossible: if there is none, and none can be made here.
    """
    if (running := running_engine()) is not None:
        return running
    box = Box.here()
    box.start()
    return _boxed(box)


def _found() -> Engine | None:
    way = os.environ.get(WAY, "")
    if way not in {"", "docker", "box"}:
        raise Impossible(f"{WAY} is {way!r}", "set it to docker or box, or not at all")
    docker = shutil.which("docker")
    if way != "box" and docker is not None:
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        asked = ask([docker, "version", "--format={{.Server.Version}}"], environment=environment)
        if asked is not None:
            return Engine(Path(docker), environment, None)
    if way == "docker":
        raise Impossible("no Docker engine answers", f"start it, or unset {WAY}")
    return None


def _boxed(box: Box) -> Engine:
    path = f"{box.docker.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": path, "DOCKER_HOST": f"unix://{box.socket}", "DOCKER_BUILDKIT": "1"}
    without = {"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}
    inherited = {name: value for name, value in os.environ.items() if name not in without}
    return Engine(box.docker, {**inherited, **own}, box)
