"""The gateway's environment as its image has it: what requirements/gateway.txt names, compiled.

The one for development has more, of which some is imported when it is there. It lies in the user's
cache, one for each lock file and Python; of Moorage it has what the tree has now.
"""

import hashlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from performance.toolchain import cache_folder

_ROOT: Final = Path(__file__).resolve().parents[3]
_LOCK: Final = _ROOT / "requirements" / "gateway.txt"
_STAGE: Final = re.compile(r"(?ms)^FROM base AS moorage-gateway\n(.*?)^FROM ")
_VARIABLE: Final = re.compile(r"(?m)^(?:ENV|   ) ([A-Z_]+)=(\S+)")


def gateway_python(folder: Path) -> str:
    """Return the interpreter of that environment; what is built on the way goes to ``folder``."""
    lock = hashlib.sha256(_LOCK.read_bytes() + platform.python_version().encode()).hexdigest()
    environment = cache_folder() / f"gateway-{lock[:16]}"
    python = str(environment / "bin" / "python")
    if not (environment / "complete").exists():
        _uv("venv", "--clear", "--python", sys.executable, str(environment))
        _uv("pip", "sync", "--python", python, "--compile-bytecode", "--require-hashes", str(_LOCK))
        (environment / "complete").touch()
    wheels = folder / "wheels"
    _run("pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(wheels), ".")
    wheel = next(wheels.glob("moorage-*.whl"))
    _uv("pip", "install", "--python", python, "--no-deps", "--reinstall", str(wheel))
    _run("compileall", "-q", *map(str, environment.glob("lib/python3*/site-packages/moorage_*")))
    return python


def image_variables() -> dict[str, str]:
    """Return the variables that the gateway's image sets for it."""
    stage = _STAGE.search((_ROOT / "runner-image" / "Dockerfile").read_text())
    found = dict(_VARIABLE.findall(stage[1])) if stage else {}
    if not found:
        raise ValueError("the Dockerfile's moorage-gateway sets no variables: adapt this search")
    return found


def _uv(*words: str) -> None:
    _run("uv", words[0], "--quiet", *words[1:])


def _run(module: str, *words: str) -> None:
    # Where bytecode is not to be written, as on some machines of CI, it is written all the same.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-m", module, *words], cwd=_ROOT, env=kept, check=True)
