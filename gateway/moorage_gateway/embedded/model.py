"""The scripted model, run under the guard where there is no key for the real one."""

import asyncio
import importlib.util
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from moorage_gateway.backends.local.processes import Command, Lifeline
from moorage_gateway.backends.local.runners import passed_on
from moorage_gateway.embedded.options import Model
from moorage_gateway.embedded.refusals import Unfit

_PACKAGE: Final = "moorage_scripted_model"
_PATIENCE: Final = 30.0
_PAUSE: Final = 0.01
_GRACE: Final = 3.0


@asynccontextmanager
async def scripted_model(home: Path, lifeline: Lifeline) -> AsyncIterator[Model]:
    """Yield a scripted model that listens.

    Raises:
        Unfit: if there is none here, or it does not come up.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise Unfit(
            "No model to talk to: set ANTHROPIC_API_KEY (the scripted model comes with a checkout "
            "only)."
        )
    port_file = home / "model.port"
    port_file.unlink(missing_ok=True)
    command = Command(
        arguments=(sys.executable, "-m", _PACKAGE, "--port-file", str(port_file)),
        environment=passed_on(os.environ),
        log=home / "model.log",
        grace_seconds=_GRACE,
    )
    command.log.unlink(missing_ok=True)
    process = await lifeline.start(command)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not port_file.exists():
            if not process.running or time.monotonic() > deadline:
                raise Unfit(f"The scripted model did not come up: see {command.log}.")
            await asyncio.sleep(_PAUSE)
        url = f"http://127.0.0.1:{port_file.read_text().strip()}"
        yield Model(url, "ANTHROPIC_AUTH_TOKEN", "scripted")
    finally:
        await process.stop()
