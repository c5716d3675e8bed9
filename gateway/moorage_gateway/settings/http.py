"""Settings of what is spoken over HTTP."""

from typing import Annotated

from pydantic import Field

from moorage_gateway.settings.base import Group, Words


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
        int, Field(ge=1024, le=64 * 1024 * 1024, description="The largest request body.")
    ] = 1024 * 1024
    max_file_body_bytes: Annotated[
        int,
        Field(ge=1024, le=64 * 1024 * 1024, description="The largest body of a file operation."),
    ] = 15 * 1024 * 1024
    shutdown_seconds: Annotated[
        float, Field(gt=0, le=600, description="How long open requests may take at the end.")
    ] = 10.0
