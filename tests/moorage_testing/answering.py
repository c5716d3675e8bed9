"""A runner that only answers file operations: as a test tells it to, or well."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis

from moorage_api.keys import SessionKeys
from moorage_api.rpc import (
    FIELD,
    REPLY,
    REQUEST,
    DeleteFile,
    Diff,
    DiffText,
    FileContent,
    FileEntry,
    ListFiles,
    Listing,
    ReadFile,
    Reply,
    Request,
    WriteFile,
    Written,
)
from moorage_api.tasks import end

Answer = Callable[[Request], Reply | bytes]

MOMENT: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
"""When every file was last written."""


def well(request: Request) -> Reply:
    """Answer as if what is asked for were there and could be done."""
    match request:
        case ListFiles():
            entry = FileEntry(path="src/a.py", name="a.py", type="file", size=3, modified_at=MOMENT)
            return Listing(files=[entry], base_path=request.path, next_after="src/a.py")
        case ReadFile():
            return FileContent(
                path=request.path, content="text", encoding="utf-8", size=4,
                mime_type="text/javascript", modified_at=MOMENT,
            )  # fmt: skip
        case WriteFile():
            return Written(path=request.path, size=len(request.content))
        case DeleteFile():
            return Written(path=request.path)
        case Diff():
            return DiffText(diff="+a", base="abc")


@asynccontextmanager
async def answering(redis: Redis, session_id: str, answer: Answer) -> AsyncIterator[list[Request]]:
    """Answer the session's requests; yields those that came."""
    seen: list[Request] = []
    task = asyncio.create_task(_answer_all(redis, SessionKeys(session_id), answer, seen))
    try:
        yield seen
    finally:
        await end(task)


async def _answer_all(redis: Redis, keys: SessionKeys, answer: Answer, seen: list[Request]) -> None:
    last = "0-0"
    while True:
        streams: Any = await redis.xread({keys.rpc: last}, block=200)
        for _, entries in streams:
            for entry, fields in entries:
                last = entry
                request = REQUEST.validate_json(fields[FIELD])
                seen.append(request)
                reply = answer(request)
                raw = reply if isinstance(reply, bytes) else REPLY.dump_json(reply, by_alias=True)
                await redis.rpush(keys.reply(request.number), raw)
