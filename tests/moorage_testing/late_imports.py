"""`python -m moorage_testing.late_imports`: a runner that cannot import all until it has cloned."""

import os
import sys
import time
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from moorage_runner.__main__ import main

_SLOW = {"claude_agent_sdk", "mcp", "redis"}
_PATIENCE = 20.0


class _UntilCloned(MetaPathFinder):
    """Holds imports up until the clone is there; fails them if it never is."""

    def __init__(self, clone: Path) -> None:
        self._clone = clone

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Find what is slow; what it does when it is run waits, not this: nothing could fork."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname in _SLOW else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def wait_and_run(module: ModuleType) -> None:
            self._wait(fullname)
            run(module)

        spec.loader.exec_module = wait_and_run  # type: ignore[method-assign]
        return spec

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._clone.is_dir():
            if time.monotonic() > deadline:
                raise ImportError(f"{name} is imported before the clone is asked for")
            time.sleep(0.01)


if __name__ == "__main__":
    early = _SLOW.intersection(sys.modules)
    assert not early, f"imported before the clone is asked for: {early}"
    sys.meta_path.insert(0, _UntilCloned(Path(os.environ["MOORAGE_WORKSPACE"], "repo")))
    main()
