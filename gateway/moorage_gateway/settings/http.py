"""Settings of what is spoken over HTTP."""

from typing import Annotated, Final

from pydantic import Field

from moorage_api.resources.parts import MAX_PROMPT
from moorage_api.rpc import MAX_FILE_BYTES
from moorage_gateway.settings.base import Group, Words

_ESCAPED: Final = 12
"""Bytes that JSON may take for one character: two escapes of six."""
_ESCAPED_BYTE: Final = 3
"""And for each byte of text in UTF-8, control characters aside: six for two, or twelve for four."""
_ELSE: Final = 1024 * 1024


class HttpSettings(Group):
    """What is accepted over HTTP."""

    allowed_hosts: Annotated[
        Words,
        Field(
            description="Host names that requests may be addressed to, as in the Host header. "
            "Loopback names always may. Without login no other name can be added.",
        ),
    ] = []
    allowed_origins: Annotated[
        Words,
        Field(
            description="Origins (as https://app.example.com) of other web pages that may use the "
            "gateway. Its own always may.",
        ),
    ] = []
    max_body_bytes: Annotated[
        int,
        Field(
            ge=1024,
            le=64 * 1024 * 1024,
            description="The largest request body: the longest message as JSON may write it, and "
            "as much again. Under /api/auth 64 KiB.",
        ),
    ] = 2 * _ESCAPED * MAX_PROMPT
    max_file_body_bytes: Annotated[
        int,
        Field(
            ge=1024,
            le=64 * 1024 * 1024,
            description="The largest body of a file operation: the largest file as JSON may write "
            "it. The bundled Redis takes values of up to 32 MiB.",
        ),
    ] = _ESCAPED_BYTE * MAX_FILE_BYTES + _ELSE
    receive_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=600,
            description="How long a request's head may take to arrive, and then its body.",
        ),
    ] = 30.0
    receive_file_seconds: Annotated[
        float,
        Field(
            gt=0, le=3600, description="How long the body of a file operation may take to arrive."
        ),
    ] = 300.0
    compress_from_bytes: Annotated[
        int,
        Field(
            ge=0,
            le=1024 * 1024,
            description="Answers from this size on are compressed (zstd, br, gzip) for clients "
            "that take it; streams never are.",
        ),
    ] = 1024
    trusted_proxies: Annotated[
        Words,
        Field(
            description="Addresses or networks (10.0.0.0/8) of reverse proxies whose "
            "X-Forwarded-For and X-Forwarded-Proto are believed. `*`: everybody's.",
        ),
    ] = ["127.0.0.1", "::1"]
    hsts_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=63_072_000,
            description="Strict-Transport-Security on answers to https requests; 0: without.",
        ),
    ] = 31_536_000
    keep_alive_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=3600,
            description="How long an idle connection is kept. Longer than the reverse proxy in "
            "front keeps its own, or it will use one that was just closed.",
        ),
    ] = 75
    drain_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=300,
            description="At the end: how long requests are still accepted, not ready, each "
            "connection closed after its next answer, before the port is closed. As long as a "
            "load balancer takes to notice.",
        ),
    ] = 3.0
    idempotency_hours: Annotated[
        float,
        Field(
            gt=0,
            le=8760,
            description="How long an Idempotency-Key stands for what it made. Then it is new.",
        ),
    ] = 24.0
    shutdown_seconds: Annotated[
        float, Field(gt=0, le=600, description="How long open requests may take at the end.")
    ] = 10.0
