"""What file operations hold and answer."""

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import Timestamp, WireModel
from moorage_api.rpc import MAX_PATH, PAGE, Encoding, FileEntry
from moorage_gateway.requests import RequestModel


class ListQuery(RequestModel):
    """Which files to list."""

    path: Annotated[str, Field(description="A folder of the workspace.")] = "."
    recursive: Annotated[bool, Field(description="Everything below it too.")] = False
    pattern: Annotated[
        str | None, Field(max_length=256, description="Only names like this, as *.py.")
    ] = None
    after: Annotated[
        str | None, Field(max_length=MAX_PATH, description="The nextAfter of the page before.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=PAGE, description="Files on a page.")] = PAGE


class WriteBody(RequestModel):
    """A file's content."""

    content: str
    encoding: Encoding = "utf-8"


class ListingView(WireModel):
    """A page of a folder; ``nextAfter`` is set if there is more."""

    files: list[FileEntry]
    base_path: str
    next_after: str | None = None


class ContentView(WireModel):
    """A file."""

    path: str
    content: str
    encoding: Encoding
    size: int
    mime_type: str
    modified_at: Timestamp


class Created(WireModel):
    """A file was made."""

    path: str
    size: int
    created: Literal[True] = True


class Updated(WireModel):
    """A file was written anew."""

    path: str
    size: int
    updated: Literal[True] = True


class Deleted(WireModel):
    """A file was deleted."""

    success: Literal[True] = True
    path: str


class DiffView(WireModel):
    """The working tree against the start, as a unified diff."""

    diff: str
    truncated: bool
    base: str | None = None
