"""/sessions/{id}/files and /sessions/{id}/diff. A file's path may be percent-encoded whole."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, status

from moorage_gateway.auth.access import SessionDep
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import error_responses
from moorage_gateway.files.schemas import (
    ContentView,
    Created,
    Deleted,
    DiffView,
    ListingView,
    ListQuery,
    Updated,
    WriteBody,
)
from moorage_gateway.files.service import FileService
from moorage_gateway.limits.route import CountedRoute

router = APIRouter(prefix="/sessions/{session_id}", tags=["files"], route_class=CountedRoute)

_FILE = "/files/{path:path}"
_ERRORS = error_responses(400, 403, 404, 409, 413, 415, 503)


async def file_service(context: ContextDep, session: SessionDep) -> FileService:
    """Return the service for one request."""
    return FileService(context, session)


Files = Annotated[FileService, Depends(file_service)]


@router.get("/files", responses=error_responses(400, 404, 409, 503))
async def list_files(query: Annotated[ListQuery, Query()], files: Files) -> ListingView:
    """Return a page of a folder."""
    found = await files.list(query)
    return ListingView(files=found.files, base_path=found.base_path, next_after=found.next_after)


@router.get(_FILE, responses=_ERRORS)
async def read_file(path: str, files: Files) -> ContentView:
    """Return a file."""
    found = await files.read(path)
    return ContentView(**found.model_dump(exclude={"kind"}))


@router.post(_FILE, status_code=status.HTTP_201_CREATED, responses=_ERRORS)
async def create_file(path: str, body: WriteBody, files: Files) -> Created:
    """Make a file; it must not exist."""
    done = await files.write("create", path, body)
    return Created(path=done.path, size=done.size)


@router.put(_FILE, responses=_ERRORS)
async def update_file(path: str, body: WriteBody, files: Files) -> Updated:
    """Write a file anew; it must exist."""
    done = await files.write("update", path, body)
    return Updated(path=done.path, size=done.size)


@router.delete(_FILE, responses=_ERRORS)
async def delete_file(path: str, files: Files) -> Deleted:
    """Delete a file."""
    done = await files.delete(path)
    return Deleted(path=done.path)


@router.get("/diff", responses=error_responses(404, 409, 503))
async def diff(files: Files) -> DiffView:
    """Return the working tree, untracked files included, against where the session started."""
    found = await files.diff()
    return DiffView(diff=found.diff, truncated=found.truncated, base=found.base)
