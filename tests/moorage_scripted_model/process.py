"""Runs the scripted model as a process of its own, for a test or a bench."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from moorage_testing.children import with_the_test

_SOURCE_ROOT = Path(__file__).resolve().parent.parent
_DIRECT = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class RunningModel:
    """A scripted model that answers at `url`."""

    url: str
    pid: int

    def stats(self, last: int | None = None) -> dict[str, Any]:
        """Give what the model saw; see statistics.Summary."""
        query = f"?last={last}" if last else ""
        with _DIRECT.open(f"{self.url}/stats{query}", timeout=10) as response:
            report: dict[str, Any] = json.load(response)
        return report

    def environment(self, home: Path) -> dict[str, str]:
        """Give the variables that make Claude Code talk to this model alone, and quietly."""
        return {
            "HOME": str(home),
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "scripted",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }


@contextmanager
def running_model(host: str = "127.0.0.1", port: int = 0) -> Iterator[RunningModel]:
    """Start a model, wait until it listens, and end it with the block."""
    path = os.pathsep.join(filter(None, [str(_SOURCE_ROOT), os.environ.get("PYTHONPATH")]))
    module = (sys.executable, "-m", "moorage_scripted_model")
    with subprocess.Popen(
        with_the_test(*module, "--host", host, "--port", str(port)),
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("listening on "):
                raise RuntimeError(f"the scripted model did not start: {line!r}")
            yield RunningModel(line.removeprefix("listening on ").strip(), process.pid)
        finally:
            process.terminate()
            process.wait(timeout=10)
