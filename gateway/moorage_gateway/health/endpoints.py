"""GET /health, /health/live, /health/ready: open to everybody."""

from fastapi import APIRouter, Depends, Response, status

from moorage_gateway.auth.principal import anyone
from moorage_gateway.context import ContextDep
from moorage_gateway.health.schemas import Health, Live, Ready
from moorage_gateway.health.service import HealthService

router = APIRouter(prefix="/health", tags=["health"], dependencies=[Depends(anyone)])


@router.get("", responses={503: {"model": Health}})
async def health(context: ContextDep, response: Response) -> Health:
    """Return how the gateway and what it needs are; 503 when it cannot work at all."""
    found = await HealthService(context).health()
    if found.status == "unhealthy":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return found


@router.get("/live")
async def live(context: ContextDep) -> Live:
    """Return that the process answers."""
    return Live(timestamp=context.clock())


@router.get("/ready", responses={503: {"model": Ready}})
async def ready(context: ContextDep, response: Response) -> Ready:
    """Return whether requests can be answered; 503 if not."""
    found = await HealthService(context).ready()
    if not found.ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return found
