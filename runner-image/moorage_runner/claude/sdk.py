"""claude_agent_sdk, whose import takes most of a runner's start: `mcp`, and the models it makes.

So nothing imports it at its own import. A start has it imported in a thread (`load`) while it
clones and Claude Code starts; functions that run after that import from it where they are.
"""

import asyncio
import shutil
from importlib import import_module
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_NAME: Final = "claude_agent_sdk"


async def load() -> None:
    """Import it, without holding up the event loop; at once where that is done."""
    await asyncio.to_thread(import_module, _NAME)


def version() -> str:
    """Return its version, without importing it."""
    return version_of("claude-agent-sdk")


def program() -> Path:
    """Return the Claude Code that it brings, without importing it; else the one in PATH.

    Where there is none, the path leads nowhere.
    """
    spec = find_spec(_NAME)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(_NAME)
    bundled = Path(spec.origin).parent / "_bundled" / "claude"
    found = None if bundled.is_file() else shutil.which("claude")
    return Path(found) if found else bundled
