"""`python -m moorage_testing.late_imports`: a runner that cannot import before others have work.

Redis is not there before the clone is, and the SDK not before Claude Code has begun to run.
"""

import os
import sys
import time
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from moorage_runner.__main__ import main

_PATIENCE = 20.0


class _Until(MetaPathFinder):
    """Holds imports up until what each of them waits for is there; fails them if it never is."""

    def __init__(self, awaited: dict[str, Path]) -> None:
        self._awaited = awaited

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Find what is slow; what it does when it is run waits, not this: nothing could fork."""
        awaited = self._awaited.get(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if awaited else None
        if awaited is None or spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def wait_and_run(module: ModuleType) -> None:
            _wait(awaited, fullname)
            run(module)

        spec.loader.exec_module = wait_and_run  # type: ignore[method-assign]
        return spec


def _wait(awaited: Path, name: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not awaited.exists():
        if time.monotonic() > deadline:
            raise ImportError(f"{name} is imported before {awaited.name} is there")
        time.sleep(0.01)


if __name__ == "__main__":
    workspace = Path(os.environ["MOORAGE_WORKSPACE"])
    clone, claude = workspace / "repo", workspace / "home" / ".claude"
    late = {"redis": clone, "mcp": claude, "claude_agent_sdk": claude}
    early = late.keys() & sys.modules.keys()
    assert not early, f"imported before the clone is asked for: {early}"
    sys.meta_path.insert(0, _Until(late))
    main()
