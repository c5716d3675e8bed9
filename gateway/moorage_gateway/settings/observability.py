"""Settings of what the gateway tells about itself."""

from typing import Annotated, Literal

from pydantic import Field

from moorage_gateway.settings.base import Group


class LogSettings(Group):
    """What is logged."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least level logged.")
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "console"],
        Field(description="auto: readable lines on a terminal, JSON lines elsewhere."),
    ] = "auto"
