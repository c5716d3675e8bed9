"""What the gateway's groups of settings are made of."""

import ipaddress
from typing import Final

from moorage_api.settings import Group, Words

__all__ = ["PREFIX", "Group", "Words", "is_loopback"]

PREFIX: Final = "MOORAGE_"


def is_loopback(host: str) -> bool:
    """Return whether ``host`` (a name or address to bind to) is reachable from here only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
