"""File operations: requests in the rpc stream, one reply each in a list of its own."""

from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from moorage_api.base import Timestamp, WireModel
from moorage_api.file_names import FileKinds

FIELD: Final = b"request"
MAX_FILE_BYTES: Final = 10 * 1024 * 1024
MAX_PATH: Final = 1000
MAX_DIFF_BYTES: Final = 2 * 1024 * 1024
PAGE: Final = 1000
OPERATIONS_AT_ONCE: Final = 4
"""As many a runner does at the same time; nobody asks one session for more."""

Path = Annotated[str, Field(min_length=1, max_length=MAX_PATH)]
Encoding = Literal["utf-8", "base64"]
Kinds = Annotated[
    FileKinds | None, Field(description="Refuse others; empty: the usual ones (file_names).")
]


class _RequestBase(WireModel):
    number: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    deadline_ms: Annotated[int, Field(description="Unix time after which nobody waits.")]


class ListFiles(_RequestBase):
    """List a folder; ``after`` is the last path of the page before."""

    op: Literal["list"] = "list"
    path: Path = "."
    recursive: bool = False
    pattern: Annotated[str | None, Field(max_length=256)] = None
    after: Annotated[str | None, Field(max_length=MAX_PATH)] = None
    limit: Annotated[int, Field(ge=1, le=PAGE)] = PAGE


class ReadFile(_RequestBase):
    """Read a file."""

    op: Literal["read"] = "read"
    path: Path
    kinds: Kinds = None


class WriteFile(_RequestBase):
    """Write a file whole. create: it must not exist yet; update: it must."""

    op: Literal["create", "update"]
    path: Path
    content: str
    encoding: Encoding = "utf-8"
    kinds: Kinds = None


class DeleteFile(_RequestBase):
    """Delete a file."""

    op: Literal["delete"] = "delete"
    path: Path
    kinds: Kinds = None


class Diff(_RequestBase):
    """The working tree, untracked files included, against where the session started."""

    op: Literal["diff"] = "diff"


Request = Annotated[ListFiles | ReadFile | WriteFile | DeleteFile | Diff, Field(discriminator="op")]
REQUEST: Final[TypeAdapter[Request]] = TypeAdapter(Request)


class FileEntry(WireModel):
    """A file or folder in a listing."""

    path: str
    name: str
    type: Literal["file", "directory", "symlink"]
    size: int
    modified_at: Timestamp


class Listing(WireModel):
    """A page of a folder; ``next_after`` is set if there is more."""

    kind: Literal["listing"] = "listing"
    files: list[FileEntry]
    base_path: str
    next_after: str | None = None


class FileContent(WireModel):
    """A file."""

    kind: Literal["content"] = "content"
    path: str
    content: str
    encoding: Encoding
    size: int
    mime_type: str
    modified_at: Timestamp


class Written(WireModel):
    """A file was written or deleted."""

    kind: Literal["written"] = "written"
    path: str
    size: int = 0


class DiffText(WireModel):
    """A unified diff."""

    kind: Literal["diff"] = "diff"
    diff: str
    truncated: bool = False
    base: str | None = None


FailureCode = Literal[
    "NOT_FOUND",
    "FORBIDDEN",
    "UNSUPPORTED",
    "CONFLICT",
    "TOO_LARGE",
    "INVALID",
    "NO_SPACE",
    "NOT_READY",
    "FAILED",
]


class Failure(WireModel):
    """The operation was not done; the message is for people."""

    kind: Literal["failure"] = "failure"
    code: FailureCode
    message: str


Reply = Annotated[Listing | FileContent | Written | DiffText | Failure, Field(discriminator="kind")]
REPLY: Final[TypeAdapter[Reply]] = TypeAdapter(Reply)
