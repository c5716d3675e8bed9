"""Finds the binaries of Kubernetes and what belongs to it, or builds them once from Go modules.

Where they come from, in this order: the folder in KUBEBUILDER_ASSETS; the cache in
``$XDG_CACHE_HOME/moorage/controlplane/VERSIONS`` (or ~/.cache); a build from the modules in
``modules/``, whose go.mod pins every version and whose go.sum every content. Each binary is built
when it is first asked for, in a folder of its own, and renamed into the cache when it is whole.
A lock on a file keeps two processes from building the same.

A control plane for tests takes a few of them; a whole cluster (``tests/cluster``) takes all.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage_testing.controlplane.errors import BinaryMissing, BuildFailed
from moorage_testing.controlplane.toolchain import environment, find_go, say

MODULES: Final = Path(__file__).parent / "modules"
ASSETS: Final = "KUBEBUILDER_ASSETS"
_PROGRESS_EVERY: Final = 20.0
_STAMP: Final = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Tool:
    """A binary: the module and package that it is built from, and about how long that takes."""

    name: str
    module: str
    package: str
    about: str
    """The time of a cold build on two cores; what others built before is not built again."""

    @property
    def folder(self) -> Path:
        """Where the go.mod is that pins it."""
        return MODULES / self.module

    @property
    def version(self) -> str:
        """The version that go.mod pins."""
        path = re.escape(self.package.partition("/cmd/")[0])
        text = (self.folder / "go.mod").read_text()
        pinned = re.search(rf"^(?:require|\t)\s*{path} (v\S+)", text, re.MULTILINE)
        if pinned is None:
            raise BinaryMissing(f"{self.folder / 'go.mod'} names no version of {self.package}")
        return pinned[1]

    @property
    def cached(self) -> Path:
        """Where it is in the cache, built or not."""
        return cache_folder() / module_hash(self.module) / self.name

    @property
    def linker_flags(self) -> str:
        """No symbols; and the version, without which kubectl and others see v0.0.0."""
        if self.module != "kubernetes":
            return "-s -w"
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        return (
            f"-s -w -X {_STAMP}.gitVersion={self.version} "
            f"-X {_STAMP}.gitMajor={major} -X {_STAMP}.gitMinor={minor}"
        )


_KUBERNETES: Final = {
    "kube-apiserver": "4 minutes",
    "kube-controller-manager": "2 minutes",
    "kube-scheduler": "1 minute",
    "kube-proxy": "1 minute",
    "kubeadm": "1 minute",
    "kubectl": "1 minute",
    "kubelet": "2 minutes",
}
_CONTAINERD: Final = "github.com/containerd/containerd/v2/cmd"

TOOLS: Final = {
    tool.name: tool
    for tool in (
        *(
            Tool(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", about)
            for name, about in _KUBERNETES.items()
        ),
        Tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", "half a minute"),
        Tool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", "1 minute"),
        Tool("containerd", "containerd", f"{_CONTAINERD}/containerd", "1 minute"),
        Tool(
            "containerd-shim-runc-v2",
            "containerd",
            f"{_CONTAINERD}/containerd-shim-runc-v2",
            "half a minute",
        ),
        Tool("ctr", "containerd", f"{_CONTAINERD}/ctr", "half a minute"),
        Tool("coredns", "coredns", "github.com/coredns/coredns", "2 minutes"),
        Tool("crictl", "crictl", "sigs.k8s.io/cri-tools/cmd/crictl", "1 minute"),
        Tool("helm", "helm", "helm.sh/helm/v4/cmd/helm", "2 minutes"),
        Tool("kind", "kind", "sigs.k8s.io/kind", "half a minute"),
        Tool(
            "local-path-provisioner",
            "local-path",
            "github.com/rancher/local-path-provisioner",
            "1 minute",
        ),
        Tool(
            "kube-router",
            "kube-router",
            "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
            "1 minute",
        ),
        Tool("syft", "syft", "github.com/anchore/syft/cmd/syft", "5 minutes"),
    )
}


def cache_folder() -> Path:
    """Return the cache of all versions, outside the tree; it is made if need be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "moorage" / "controlplane"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def module_hash(module: str) -> str:
    """Return what changes when a module's pins, its checksums or the kind of machine do."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    for path in sorted((MODULES / module).glob("go.*")):
        digest.update(f"\0{path.relative_to(MODULES)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def binary(name: str) -> Path:
    """Return the path of a binary of TOOLS; build it if it is nowhere.

    Raises:
        BinaryMissing: if it is nowhere and cannot be built.
    """
    tool = TOOLS[name]
    target = tool.cached
    for candidate in (_asset(name), target):
        if candidate is not None and candidate.is_file():
            return candidate
    with _alone(cache_folder(), name):
        if not target.is_file():  # else another process has built it meanwhile
            _build(tool, target)
    return target


def _asset(name: str) -> Path | None:
    folder = os.environ.get(ASSETS)
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise BinaryMissing(f"{ASSETS} names {folder}, which is no folder: mend it or unset it")
    return Path(folder) / name


@contextmanager
def _alone(cache: Path, name: str) -> Iterator[None]:
    """Hold the cache's lock, which the kernel releases however its holder ends."""
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name} is missing; waiting for another process that builds")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(tool: Tool, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    for abandoned in target.parent.glob("building-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    go = find_go(cache_folder())
    say(f"building {tool.name} {tool.version}, once (cold and on two cores: {tool.about})")
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="building-", dir=target.parent))
    output = target.parent / f"{tool.name}.log"
    command = [str(go), "build", "-trimpath", "-ldflags", tool.linker_flags]
    code = _run([*command, "-o", str(folder / tool.name), tool.package], tool, output)
    if code:
        raise BuildFailed(tool.name, output)
    (folder / tool.name).replace(target)
    folder.rmdir()
    say(f"built {tool.name} in {time.monotonic() - started:.0f} s")


def _run(command: list[str], tool: Tool, output: Path) -> int:
    """Run Go, with a sign of life now and then; it ends with this process's own end."""
    started = time.monotonic()
    with (
        output.open("w") as log,
        subprocess.Popen(
            command, cwd=tool.folder, env=environment(), stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            while True:
                try:
                    return process.wait(_PROGRESS_EVERY)
                except subprocess.TimeoutExpired:
                    say(f"still building {tool.name}: {time.monotonic() - started:.0f} s")
        except BaseException:
            process.terminate()
            raise
