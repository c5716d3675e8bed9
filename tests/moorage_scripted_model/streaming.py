"""Sends a reply's events in their time, and breaks off where the script says so."""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from moorage_scripted_model.errors import error_body
from moorage_scripted_model.rendering import Reply
from moorage_scripted_model.steps import Cut, Step

_BATCH = 16_384


class ConnectionCut(Exception):  # noqa: N818 - a signal inside this module, not an error
    """Ends a response without its end, so that the server closes the connection."""


class CuttableResponse(StreamingResponse):
    """A stream that a ConnectionCut in its body ends in the middle."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        except ConnectionCut:
            return


async def stream(reply: Reply, step: Step, cut: Cut | None) -> AsyncIterator[bytes]:
    """Give the bytes of a streamed reply; without pauses, events share writes."""
    pending = bytearray()
    deltas = 0
    for event in reply.events():
        if event.is_delta:
            if cut and deltas == cut.after_deltas:
                break
            if deltas and step.pause_ms:
                yield bytes(pending)
                pending.clear()
                await asyncio.sleep(step.pause_ms / 1000)
            deltas += 1
        pending += event.encode()
        if len(pending) >= _BATCH:
            yield bytes(pending)
            pending.clear()
    if cut:
        pending += _last_words(cut)
    yield bytes(pending)
    if cut and cut.how == "close":
        await asyncio.sleep(0.2)  # a client that is slow to read must see what came before
        raise ConnectionCut


async def whole(reply: Reply, cut: Cut | None) -> AsyncIterator[bytes]:
    """Give the bytes of a reply that is not streamed; a cut one stops halfway."""
    body = json.dumps(reply.message, ensure_ascii=False).encode()
    if cut is None:
        yield body
        return
    yield body[: len(body) // 2]
    raise ConnectionCut


def _last_words(cut: Cut) -> bytes:
    match cut.how:
        case "error":
            return f"event: error\ndata: {json.dumps(error_body(529))}\n\n".encode()
        case "malformed":
            return b"event: content_block_delta\ndata: {malformed\n\n"
        case "close":
            return b""
