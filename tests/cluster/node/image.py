"""Makes the node image in an engine, once for each set of sources."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from cluster.box.debian import base_image, engine_tree
from cluster.engines import Engine
from cluster.errors import ClusterError
from cluster.places import home, logs
from cluster.steps import Words, ask, run, say, step
from moorage_testing.controlplane.binaries import MODULES, TOOLS, binary, cache_folder, module_hash
from moorage_testing.controlplane.toolchain import environment, find_go

BASE: Final = "debian:bookworm-slim"
_HERE: Final = Path(__file__).parent
_OURS: Final = {
    name: f"moorage.local/{name}:1" for name in ("kube-router", "local-path-provisioner")
}
"""What kubeadm knows nothing of: our manifests name them."""
_NODE: Final = (
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "crictl",
    "kubeadm",
    "kubectl",
    "kubelet",
)
_PODS: Final = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "etcd",
    "coredns",
    *_OURS,
)


def ensure_base(engine: Engine) -> None:
    """Put the base image of ordinary Dockerfiles into the engine, under the name they ask for."""
    archive = base_image()
    label = "dev.moorage.recipe"
    current = engine.ask(
        "image", "inspect", f'--format={{{{index .Config.Labels "{label}"}}}}', BASE
    )
    if current == archive.name:
        return
    with step(f"base image {BASE}"):
        changes = ['--change=CMD ["bash"]', f"--change=LABEL {label}={archive.name}"]
        command: Words = [engine.docker, "import", *changes, archive, BASE]
        run("docker import", command, logs() / "base.log", environment=engine.environment)


def ensure_node(engine: Engine) -> str:
    """Return the name of the node image; it is made if the engine has none of these sources."""
    name = f"kindest/node:{TOOLS['kubelet'].version}-{_sources_hash()}"
    if engine.has(name):
        return name
    binaries = {tool: binary(tool) for tool in (*_NODE, *_PODS)}
    ensure_base(engine)
    with step("node image"), tempfile.TemporaryDirectory(dir=home(), prefix="node-") as folder:
        context = Path(folder)
        _lay_out(context, binaries)
        images = _names(binaries["kubeadm"])
        for target, image in images.items():
            _build(engine, context, image, "images.Dockerfile", "--target", target)
        _save(engine, context / "images", list(images.values()))
        arguments = {"KUBERNETES": TOOLS["kubelet"].version, "PAUSE": images["pause"]}
        options = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        _build(engine, context, name, "Dockerfile", *options)
    _forget_others(engine, name)
    return name


def _sources_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(_HERE.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"\0{path.relative_to(_HERE)}\0".encode() + path.read_bytes())
    for module in sorted({TOOLS[name].module for name in (*_NODE, *_PODS)} | {"kind"}):
        digest.update(module_hash(module).encode())
    return digest.hexdigest()[:12]


def _lay_out(context: Path, binaries: dict[str, Path]) -> None:
    shutil.copytree(_HERE / "files", context / "files")
    shutil.copytree(_kind_files(), context / "kind")
    (context / "bin").mkdir()
    (context / "images").mkdir()
    for path in [*binaries.values(), engine_tree() / "usr" / "bin" / "catatonit"]:
        _link(path, context / "bin" / path.name)
    for path in [context / "kind", *(context / "kind").rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)  # what is in Go's module cache cannot be written


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _kind_files() -> Path:
    """Return the files that kind's own node image is made with, where Go keeps its module."""
    go = find_go(cache_folder())
    tool = TOOLS["kind"]
    binary("kind")  # so that the module is there
    command: Words = [
        go,
        "-C",
        str(MODULES / tool.module),
        "list",
        "-m",
        "-f",
        "{{.Dir}}",
        tool.package,
    ]
    folder = ask(command, environment=environment(), seconds=120)
    if not folder:
        raise ClusterError(f"`go list -m {tool.package}` does not say where the module is")
    return Path(folder) / "images" / "base" / "files"


def _names(kubeadm: Path) -> dict[str, str]:
    """Return each target of images.Dockerfile with the name that kubeadm asks for."""
    version = TOOLS["kubeadm"].version
    listed = ask([kubeadm, "config", "images", "list", f"--kubernetes-version={version}"])
    if not listed:
        raise ClusterError(f"{kubeadm} does not list the images of Kubernetes {version}")
    named = {image.rpartition("/")[2].partition(":")[0]: image for image in listed.split()}
    return named | _OURS


def _build(engine: Engine, context: Path, image: str, dockerfile: str, *options: str) -> None:
    say(f"node image: building {image}")
    what = f"docker build of {image}"
    command: Words = [engine.docker, "build", "--progress=plain", f"--file={_HERE / dockerfile}"]
    log = logs() / f"image-{image.rpartition('/')[2].replace(':', '-')}.log"
    run(
        what,
        [*command, f"--tag={image}", *options, context],
        log,
        environment=engine.environment,
    )


def _save(engine: Engine, folder: Path, images: list[str]) -> None:
    for image in images:
        archive = folder / f"{image.rpartition('/')[2].partition(':')[0]}.tar"
        command: Words = [engine.docker, "save", f"--output={archive}", image]
        run(f"docker save {image}", command, logs() / "save.log", environment=engine.environment)


def _forget_others(engine: Engine, name: str) -> None:
    """Remove node images of other sources: each takes a gigabyte."""
    listed = engine.ask("image", "ls", "--format={{.Repository}}:{{.Tag}}", "kindest/node") or ""
    for other in listed.split():
        if other != name and "-" in other:
            engine.ask("image", "rm", other)
