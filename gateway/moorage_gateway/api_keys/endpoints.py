"""/api/auth/api-keys. For people: a key cannot make or delete keys."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response, status

from moorage_gateway.api_keys.schemas import CreateKey, KeyList, KeyView, NewKey, PatchKey
from moorage_gateway.api_keys.service import KeyService
from moorage_gateway.auth.principal import PersonDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import LoginsOff, error_responses
from moorage_gateway.limits.route import CountedRoute
from moorage_gateway.sessions.schemas import Done

router = APIRouter(prefix="/api-keys", tags=["api-keys"], route_class=CountedRoute)

KeyId = Annotated[str, Path(max_length=64)]


async def key_service(context: ContextDep, principal: PersonDep) -> KeyService:
    """Return the service for one request."""
    if context.logins is None:
        raise LoginsOff
    return KeyService(context, context.logins, principal)


Keys = Annotated[KeyService, Depends(key_service)]


@router.post("", status_code=status.HTTP_201_CREATED, responses=error_responses(400, 403, 409, 503))
async def create_key(request: CreateKey, keys: Keys, response: Response) -> NewKey:
    """Make an API key. The answer alone has the key."""
    response.headers["Cache-Control"] = "no-store"
    return await keys.create(request)


@router.get("", responses=error_responses(403, 503))
async def list_keys(keys: Keys) -> KeyList:
    """Return one's API keys."""
    return await keys.all()


@router.get("/{key_id}", responses=error_responses(400, 403, 404, 503))
async def get_key(key_id: KeyId, keys: Keys) -> KeyView:
    """Return an API key, without the key itself."""
    return await keys.get(key_id)


@router.patch("/{key_id}", responses=error_responses(400, 403, 404, 503))
async def rename_key(key_id: KeyId, request: PatchKey, keys: Keys) -> KeyView:
    """Give an API key another name."""
    return await keys.rename(key_id, request)


@router.delete("/{key_id}", responses=error_responses(400, 403, 404, 503))
async def delete_key(key_id: KeyId, keys: Keys) -> Done:
    """Delete an API key."""
    await keys.remove(key_id)
    return Done()
