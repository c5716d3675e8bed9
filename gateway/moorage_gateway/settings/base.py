"""What groups of settings are made of."""

import ipaddress
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

PREFIX: Final = "MOORAGE_"
SEPARATOR: Final = "__"


class Group(BaseModel):
    """Settings that belong together: immutable, unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _split(value: object) -> object:
    """Return the words between the commas of a text."""
    if not isinstance(value, str):
        return value
    return [word.strip() for word in value.split(",") if word.strip()]


Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]


def is_loopback(host: str) -> bool:
    """Return whether ``host`` (a name or address to bind to) is reachable from here only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
