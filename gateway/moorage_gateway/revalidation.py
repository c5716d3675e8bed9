"""ETag and 304: a client that asks again for what has not changed is told so, without the body.

The tag is weak and made of the answer's content, so every replica makes the same one, compressed
or not. It saves the transfer, not the work. An answer that was tagged before says so itself.
"""

import hashlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DIGEST_BYTES: Final = 16
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_OF_THE_BODY: Final = frozenset({b"content-length", b"content-type"})


def tag_of(content: bytes) -> str:
    """Return the entity tag of a content."""
    return f'W/"{hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()}"'


def is_known(asked: str, tag: str) -> bool:
    """Return whether an If-None-Match header names the tag (weak comparison, RFC 9110 13.1.2)."""
    known = {part.strip().removeprefix("W/") for part in asked.split(",")}
    return "*" in known or tag.removeprefix("W/") in known


class Revalidation:
    """Tags whole JSON answers to GET, and answers 304 to who has them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        held: Message | None = None

        async def send_tagged(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _may_be_tagged(message):
                held = message
                return
            if held is None:
                await send(message)
                return
            start, held = held, None
            if not message.get("more_body"):
                start, message = _tagged(start, message, Headers(scope=scope))
            await send(start)
            await send(message)

        await self._app(scope, receive, send_tagged)


def _may_be_tagged(start: Message) -> bool:
    if start["status"] != _OK:
        return False
    headers = Headers(raw=start["headers"])
    return headers.get("content-type", "").startswith("application/json")


def _tagged(start: Message, body: Message, asked: Headers) -> tuple[Message, Message]:
    headers = MutableHeaders(raw=list(start["headers"]))
    tag = headers.setdefault("ETag", headers.get("etag") or tag_of(body.get("body", b"")))
    # To be kept by who asked alone, and not to be used without asking again.
    headers.setdefault("Cache-Control", "private, no-cache")
    headers.add_vary_header("Authorization")
    if not is_known(asked.get("if-none-match", ""), tag):
        return {**start, "headers": headers.raw}, body
    kept = [(name, value) for name, value in headers.raw if name.lower() not in _OF_THE_BODY]
    return {**start, "status": _NOT_MODIFIED, "headers": kept}, {**body, "body": b""}
