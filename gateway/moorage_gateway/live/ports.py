"""What the live endpoints need of the process they run in."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from moorage_gateway.live.hub import Hub
from moorage_gateway.live.watch import SessionWatch


async def current_hub(connection: HTTPConnection) -> Hub:
    """Return the process's hub, which the application's lifespan made."""
    hub: Hub = connection.app.state.context.hub
    return hub


async def current_watch(connection: HTTPConnection) -> SessionWatch:
    """Return what the process knows of all sessions."""
    watch: SessionWatch = connection.app.state.context.watch
    return watch


async def current_clock(connection: HTTPConnection) -> Callable[[], datetime]:
    """Return the process's clock."""
    clock: Callable[[], datetime] = connection.app.state.context.clock
    return clock


HubDep = Annotated[Hub, Depends(current_hub)]
WatchDep = Annotated[SessionWatch, Depends(current_watch)]
ClockDep = Annotated[Callable[[], datetime], Depends(current_clock)]
