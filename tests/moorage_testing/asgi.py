"""One request to an application in this process, for its head and a first part of its answer."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

_LIMIT_SECONDS = 30.0


async def head_of(
    app: FastAPI, method: str, path: str, headers: Mapping[str, str], body: Any = None
) -> tuple[int, Any]:
    """Return status and JSON body; of a stream, which does not end by itself, the status alone."""
    content = b"" if body is None else json.dumps(body).encode()
    sent: list[Any] = [{"type": "http.request", "body": content, "more_body": False}]
    status, received = 0, b""
    is_stream = asyncio.Event()

    async def receive() -> Any:
        if sent:
            return sent.pop()
        await is_stream.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, received
        if message["type"] == "http.response.start":
            status = message["status"]
            if (b"content-type", b"text/event-stream; charset=utf-8") in message["headers"]:
                is_stream.set()
        else:
            received += message.get("body", b"")

    async with asyncio.timeout(_LIMIT_SECONDS):
        await app(_scope(method, path, headers, len(content)), receive, send)
    return status, None if is_stream.is_set() or not received else json.loads(received)


def _scope(method: str, path: str, headers: Mapping[str, str], length: int) -> dict[str, Any]:
    whole = {
        "host": "localhost",
        "content-type": "application/json",
        "content-length": str(length),
        **headers,
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in whole.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
