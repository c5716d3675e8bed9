"""Makes what can be had from Debian's packages alone: a tree to run an engine in, a base image.

mmdebstrap does it; it is taken from its package without being installed. It works in a mount and
process namespace of its own, so that nothing stays mounted or running when it is killed. What it
makes is complete or not there: it is made in a folder beside and renamed.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster.errors import CommandFailed, Impossible
from cluster.places import home, logs
from cluster.steps import Words, run, step

SUITE: Final = "bookworm"
ENGINE_PACKAGES: Final = (
    "ca-certificates",
    "catatonit",
    "docker.io",
    "iproute2",
    "iptables",
    "slirp4netns",
    "tini",
)
_SMALL: Final = tuple(
    f"--dpkgopt=path-{kind}=/usr/share/{path}"
    for kind, path in (
        ("exclude", "doc/*"),
        ("include", "doc/*/copyright"),
        ("exclude", "man/*"),
        ("exclude", "locale/*"),
    )
)
_HIDDEN: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--")


def engine_tree() -> Path:
    """Return the folder of a small Debian with a Docker engine in it; it is made once."""
    return _made("engine", ENGINE_PACKAGES, lambda target: _bootstrap(target, ENGINE_PACKAGES))


def base_image() -> Path:
    """Return the archive of what debian:bookworm-slim has in it; it is made once."""
    return _made("slim.tar", (), lambda target: _bootstrap(target, ()))


def _made(name: str, packages: tuple[str, ...], make: Callable[[Path], None]) -> Path:
    recipe = hashlib.sha256("\0".join((SUITE, *packages, *_SMALL)).encode()).hexdigest()[:12]
    target = home() / "debian" / f"{recipe}-{name}"
    if target.exists():
        return target
    target.parent.mkdir(exist_ok=True)
    for stale in target.parent.glob("making-*"):
        shutil.rmtree(stale)
    folder = Path(tempfile.mkdtemp(prefix="making-", dir=target.parent))
    with step(f"Debian {SUITE} {name} from packages (1 minute)"):
        make(folder / name)
        (folder / name).rename(target)
        shutil.rmtree(folder)
    for older in target.parent.glob(f"*-{name}"):
        if older != target:
            shutil.rmtree(older) if older.is_dir() else older.unlink()
    return target


def _bootstrap(target: Path, packages: tuple[str, ...]) -> None:
    """Run mmdebstrap; a target that ends in .tar becomes an archive, else it is a folder."""
    program = _mmdebstrap(target.parent)
    options = ["--quiet", "--variant=minbase", "--mode=root", *_SMALL]
    if packages:
        options.append(f"--include={','.join(packages)}")
    path = f"PATH={program.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    command: Words = [
        *_HIDDEN,
        "env",
        path,
        f"TMPDIR={target.parent}",
        program,
        *options,
        SUITE,
        target,
    ]
    run("mmdebstrap", command, logs() / f"debian-{target.name}.log")


def _mmdebstrap(folder: Path) -> Path:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Impossible(
            "neither a Docker engine nor Debian's apt-get is here", "install a Docker engine"
        )
    installed = shutil.which("mmdebstrap")
    if installed is not None:
        return Path(installed)
    log = logs() / "mmdebstrap.log"
    # As root: apt's own user cannot write here, about which it would only warn.
    download = ["apt-get", "--option=APT::Sandbox::User=root", "download", "mmdebstrap"]
    try:
        run("apt-get download mmdebstrap", download, log, folder=folder)
    except CommandFailed:
        run("apt-get update", ["apt-get", "update"], log)
        run("apt-get download mmdebstrap", download, log, folder=folder)
    (archive,) = folder.glob("mmdebstrap_*.deb")
    run("dpkg-deb", ["dpkg-deb", "--extract", archive, folder / "mmdebstrap"], log)
    return folder / "mmdebstrap" / "usr" / "bin" / "mmdebstrap"
