"""The cluster itself: made, found, loaded with images and removed with kind's command."""

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.engines import Engine
from cluster.errors import CommandFailed, NotUp, PortTaken
from cluster.node.image import ensure_base, ensure_node
from cluster.places import home, kubeconfig, logs
from cluster.steps import Words, ask, run, say, step
from cluster.tools import tool

CONFIG: Final = Path(__file__).with_name("kind.yaml")
_TEMPLATE: Final[dict[str, Any]] = yaml.safe_load(CONFIG.read_text())
NAME: Final[str] = _TEMPLATE["name"]
_STORAGE: Final = "local-path-provisioner"
_MEMORY: Final = Path("/dev/shm")
_ROOM: Final = 8 << 30
"""Bytes that have to be free in memory: all images take less than three GiB."""


@dataclass(frozen=True)
class Wanted:
    """What the cluster is to be."""

    nodes: int = len(_TEMPLATE["nodes"])
    """1: a control plane that runs pods too; more: as many workers beside it."""
    port: int = 8080
    """Port of the gateway on 127.0.0.1."""


def up(engine: Engine, wanted: Wanted) -> None:
    """Make the cluster, unless it is there as wanted and answers."""
    create(engine, wanted)
    await_ready(engine, wanted)


def create(engine: Engine, wanted: Wanted) -> None:
    """Start the cluster's nodes, unless they are there as wanted and answer.

    Nodes take images from now on; they run pods after ``await_ready``.
    """
    if engine.box is not None:
        ensure_base(engine)
    image = ensure_node(engine) if engine.box is not None else None
    config = hashlib.sha256(CONFIG.read_bytes()).hexdigest()
    made = {"nodes": wanted.nodes, "port": wanted.port, "image": image, "config": config}
    if _made() == made and _answers():
        say(f"the cluster is up already, with {wanted.nodes} nodes")
        return
    delete(engine)
    with step(f"cluster of {wanted.nodes} nodes"):
        _create(engine, wanted, image)
    _note().write_text(json.dumps(made))


def await_ready(engine: Engine, wanted: Wanted) -> None:
    """Wait for each node, the default account, names, volumes.

    Raises:
        CommandFailed: if they take too long; the cluster is made anew the next time.
    """
    workers = [f"node/{NAME}-worker{number or ''}" for number in (0, *range(2, wanted.nodes))]
    waits = [
        *(["wait", "--for=create", worker] for worker in workers[: wanted.nodes - 1]),
        ["wait", "--for=condition=Ready", "nodes", "--all"],
        ["wait", "--for=create", "serviceaccount/default"],
        ["rollout", "status", "deployment/coredns", "--namespace=kube-system"],
        ["rollout", "status", f"deployment/{_STORAGE}", "--namespace=local-path-storage"],
    ]
    with step("waiting for nodes, names and volumes"), _explained(engine):
        for wait in waits:
            command: Words = [tool("kubectl"), f"--kubeconfig={kubeconfig()}", *wait]
            log = logs() / "kubectl.log"
            run(f"kubectl {' '.join(wait[:3])}", [*command, "--timeout=180s"], log)


def delete(engine: Engine) -> None:
    """Remove the cluster, whole or half made."""
    _note().unlink(missing_ok=True)
    kubeconfig().unlink(missing_ok=True)
    listed = engine.ask("ps", "--all", "--quiet", f"--filter=label=io.x-k8s.kind.cluster={NAME}")
    if listed:
        with step("removing the cluster"):
            _kind(engine, "delete", "cluster", f"--name={NAME}")


def load(engine: Engine, images: list[str], nodes: list[str] | None = None) -> None:
    """Put images of the engine on nodes; what is there is not sent again.

    Without ``nodes`` it is all that pods run on.

    Raises:
        NotUp: if there is no cluster.
    """
    if not (workers := _nodes_of_pods(engine)):
        raise NotUp
    nodes = nodes or workers
    there = [_images_of(engine, node) for node in nodes]
    missing = [image for image in images if not all(_is_in(engine, image, held) for held in there)]
    if not missing:
        say(f"on the nodes already: {', '.join(images)}")
        return
    with step(f"loading {', '.join(missing)}"), _temporary() as folder:
        archive = folder / "images.tar"
        save: Words = [engine.docker, "save", f"--output={archive}", *missing]
        run("docker save", save, logs() / "docker-save.log", environment=engine.environment)
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(partial(_put, engine, archive), nodes))


def _put(engine: Engine, archive: Path, node: str) -> None:
    """Import an archive of images on a node, in half the time of `kind load`.

    That leaves it to containerd's transfer service: 24 s for 844 MB, and 12.5 s without it.
    """
    importing = ("ctr", "--namespace=k8s.io", "images", "import", "--local", "--all-platforms")
    command: Words = [engine.docker, "exec", "--interactive", node, *importing, "--digests", "-"]
    log = logs() / f"import-{node}.log"
    run(f"import on {node}", command, log, environment=engine.environment, given=archive)


def _nodes_of_pods(engine: Engine) -> list[str]:
    """Return the workers; the control plane runs pods only if it is alone."""
    role = '{{.Names}} {{.Label "io.x-k8s.kind.role"}}'
    label = f"--filter=label=io.x-k8s.kind.cluster={NAME}"
    listed = (engine.ask("ps", label, f"--format={role}") or "").splitlines()
    nodes = dict(line.split() for line in listed)
    return sorted(name for name, role in nodes.items() if role == "worker") or list(nodes)


def _images_of(engine: Engine, node: str) -> set[str]:
    """Return the ids of the images that a node holds."""
    listed = engine.ask("exec", node, "crictl", "images", "--output=json")
    return {image["id"] for image in json.loads(listed or "{}").get("images", ())}


def _is_in(engine: Engine, image: str, held: set[str]) -> bool:
    return engine.ask("image", "inspect", "--format={{.Id}}", image) in held


def state() -> str:
    """Return one line on how the cluster stands."""
    made = _made()
    if made is None:
        return "no cluster"
    answers = "answers" if _answers() else "does not answer"
    return f"{made['nodes']} nodes, gateway's port 127.0.0.1:{made['port']}, API server {answers}"


def kubectl(*arguments: str, seconds: float = 60) -> str | None:
    """Return what kubectl prints as the cluster's administrator, or None if it fails."""
    return ask([tool("kubectl"), f"--kubeconfig={kubeconfig()}", *arguments], seconds=seconds)


def _create(engine: Engine, wanted: Wanted, image: str | None) -> None:
    ports = {"gateway": wanted.port, "api": _free_port()}
    if engine.box is None and not _is_free(wanted.port):  # a box may hold it for us already
        raise PortTaken(wanted.port)
    if engine.box is not None:
        for port in ports.values():
            engine.box.forward(port)
    config = home() / "kind.yaml"
    config.write_text(yaml.safe_dump(config_for(wanted, ports["api"])))
    options = [f"--image={image}"] if image else []
    command = ["create", "cluster", f"--config={config}", f"--kubeconfig={kubeconfig()}"]
    with _explained(engine):
        _kind(engine, *command, "--retain", *options)


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    """Keep what the nodes said if it fails; and the cluster is none that was finished, then."""
    try:
        yield
    except CommandFailed:
        _note().unlink(missing_ok=True)
        _kind(engine, "export", "logs", str(logs() / "nodes"), f"--name={NAME}")
        say(f"what the nodes said is in {logs() / 'nodes'}")
        raise


def config_for(wanted: Wanted, api_port: int) -> dict[str, Any]:
    """Return kind.yaml with the nodes that are wanted and the ports of this machine."""
    control, worker = _TEMPLATE["nodes"][:2]
    (mapping,) = control["extraPortMappings"]
    control = {**control, "extraPortMappings": [{**mapping, "hostPort": wanted.port}]}
    return {
        **_TEMPLATE,
        "networking": {**_TEMPLATE["networking"], "apiServerPort": api_port},
        "nodes": [control, *([worker] * (wanted.nodes - 1))],
    }


def _kind(engine: Engine, *arguments: str) -> None:
    log = logs() / f"kind-{arguments[0]}.log"
    environment = {**engine.environment, "KIND_EXPERIMENTAL_PROVIDER": "docker"}
    run(f"kind {arguments[0]}", [tool("kind"), *arguments], log, environment=environment)


@contextmanager
def _temporary() -> Iterator[Path]:
    """Yield an empty folder for images on their way to the nodes: in memory where there is room."""
    room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM
    folder = _MEMORY / "moorage-cluster" if room else home() / "tmp"
    shutil.rmtree(folder, ignore_errors=True)  # what a killed run left
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _note() -> Path:
    return home() / "cluster.json"


def _made() -> dict[str, Any] | None:
    """Return what the cluster was made as, once that was finished."""
    try:
        made = json.loads(_note().read_text())
    except (FileNotFoundError, ValueError):
        return None
    return made if isinstance(made, dict) else None


def _answers() -> bool:
    ready = ("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=10s")
    return kubectl(*ready, "--request-timeout=10s") is not None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
    return number


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def default_port() -> int:
    """Return the gateway's port: MOORAGE_PORT, else 8080."""
    return int(os.environ.get("MOORAGE_PORT") or 8080)
