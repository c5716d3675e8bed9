"""Does one request: parses it, runs the operation in a thread, gives the reply. Never raises."""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError
from pydantic_core import from_json

from moorage_api.rpc import (
    OPERATIONS_AT_ONCE,
    REQUEST,
    DeleteFile,
    Diff,
    Failure,
    ListFiles,
    ReadFile,
    Reply,
    Request,
    WriteFile,
)
from moorage_runner.files.content import delete_file, read_file, write_file
from moorage_runner.files.diff import Differ
from moorage_runner.files.errors import OperationError
from moorage_runner.files.limit import Limit, late
from moorage_runner.files.listing import list_files
from moorage_runner.files.tree import Tree
from moorage_runner.workspace import Workspace

_LONGEST: Final = 30.0
"""Seconds an operation may take, however long its caller would wait."""

_NUMBER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_LARGEST_INVALID: Final = 64 * 1024

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that cannot be done; whoever sent it is told, if it says who that is."""

    number: str | None
    failure: Failure


def parse(raw: bytes) -> Request | Refused:
    """Read a request as it stands in the stream."""
    try:
        return REQUEST.validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        text = f"The request is not valid: {where}: {first['msg']}."[:500]
        return Refused(_number(raw), Failure(code="INVALID", message=text))


def _number(raw: bytes) -> str | None:
    try:
        whole = from_json(raw)
    except ValueError:
        return None
    number = whole.get("number") if isinstance(whole, dict) else None
    return number if isinstance(number, str) and _NUMBER.fullmatch(number) else None


class Operations:
    """The operations on one workspace."""

    def __init__(self, tree: Tree, differ: Differ, executor: ThreadPoolExecutor) -> None:
        self._tree = tree
        self._differ = differ
        self._executor = executor

    async def answer(self, request: Request, seconds: float) -> Reply:
        """Do what is asked within `seconds` and return the reply, be it a failure."""
        limit = Limit(min(seconds, _LONGEST))
        try:
            async with asyncio.timeout(limit.left):
                return await self._do(request, limit)
        except OperationError as error:
            return error.reply()
        except TimeoutError:
            return late().reply()
        except Exception:
            _log.exception("file_operation_failed", operation=request.op)
            return Failure(code="FAILED", message="It failed within the runner: see its log.")
        finally:
            limit.cancel()

    async def _do(self, request: Request, limit: Limit) -> Reply:
        if isinstance(request, Diff):
            return await self._differ.diff(limit)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, run_operation, self._tree, request, limit)


def run_operation(tree: Tree, request: Request, limit: Limit) -> Reply:
    """Do an operation that needs no git.

    Raises:
        OperationError: It was not done.
    """
    match request:
        case ListFiles():
            return list_files(tree, request, limit)
        case ReadFile():
            return read_file(tree, request, limit)
        case WriteFile():
            return write_file(tree, request, limit)
        case DeleteFile():
            return delete_file(tree, request, limit)
        case _:
            raise OperationError("INVALID", f"{request.op!r} is no operation on files.")


@contextmanager
def operations(workspace: Workspace, start_commit: str | None) -> Iterator[Operations]:
    """Give the operations on `workspace`; threads that still run end at their next look."""
    tree = Tree(workspace.repo)
    executor = ThreadPoolExecutor(OPERATIONS_AT_ONCE, thread_name_prefix="files")
    with tempfile.TemporaryDirectory(prefix="moorage-", ignore_cleanup_errors=True) as private:
        try:
            yield Operations(tree, Differ(tree, start_commit, Path(private), executor), executor)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
