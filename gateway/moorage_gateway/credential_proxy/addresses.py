"""Which addresses may be connected to for a session: public ones, and those that are allowed.

The check is made on the address that is about to be connected to, whatever name it came from and
however that name was resolved. So a name that resolves to another address a moment later gains
nothing.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, Final

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NOT_PUBLIC: Final = [
    ipaddress.ip_network(each)
    for each in (
        # This network, private ones, carriers' NAT, loopback, link-local with the metadata address
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16"),
        # Assigned to protocols, documentation, benchmarks, old 6to4 relays, multicast, reserved
        *("192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15"),
        *("192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Of the global unicast addresses: protocols and Teredo, documentation
        *("2001::/23", "2001:db8::/32", "3fff::/20"),
    )
]
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_TRANSLATED: Final = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
"""IPv6 addresses that stand for an IPv4 one, and by how many bits it is shifted in them."""


class AddressRefusedError(OSError):
    """An address that no session may reach."""

    def __init__(self) -> None:
        super().__init__("this address may not be reached from a session")


class Addresses:
    """Tells which addresses may be reached."""

    def __init__(self, allowed: Sequence[str] = (), denied: Sequence[str] = ()) -> None:
        self._allowed = [ipaddress.ip_network(each) for each in allowed]
        self._denied = [ipaddress.ip_network(each) for each in denied]

    def may_reach(self, text: str) -> bool:
        """Whether an address may be reached; what is no address may not."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        forms = [address, *_embedded(address)]
        if any(_within(form, self._denied) for form in forms):
            return False
        return all(_within(form, self._allowed) or _is_public(form) for form in forms[-1:])

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Return a socket for an address as getaddrinfo gives it.

        Raises:
            AddressRefusedError: It may not be reached.
        """
        family, kind, protocol, _, place = info
        if not self.may_reach(str(place[0])):
            raise AddressRefusedError
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        return opened


def _embedded(address: _Address) -> list[_Address]:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    return [
        ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
        for network, shift in _TRANSLATED
        if address in network
    ]


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not _within(address, _NOT_PUBLIC) and not address.is_multicast


def _within(address: _Address, networks: Sequence[_Network]) -> bool:
    return any(address.version == each.version and address in each for each in networks)
