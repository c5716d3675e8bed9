"""claude_agent_sdk, whose import takes most of a runner's start: `mcp`, and the models it makes.

So nothing here imports it at its own import. A start has it imported in a thread (`load`) while it
clones; functions that run once Claude Code is connected import from it where they are.
"""

import asyncio
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_NAME: Final = "claude_agent_sdk"


async def load() -> None:
    """Import it, without holding up the event loop; at once where that is done."""
    await asyncio.to_thread(import_module, _NAME)


def folder() -> Path:
    """Return where it is installed, without importing it."""
    spec = find_spec(_NAME)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(_NAME)
    return Path(spec.origin).parent
