"""Which addresses a session may reach by way of the proxy."""

import socket

import pytest

from moorage_gateway.credential_proxy.addresses import Addresses, AddressRefusedError

REFUSED = {
    "this network": "0.0.0.1",
    "private": "10.1.2.3",
    "private, the second": "172.16.0.1",
    "private, the last of the second": "172.31.255.255",
    "private, the third": "192.168.1.1",
    "carriers' NAT": "100.64.0.1",
    "loopback": "127.0.0.1",
    "all of loopback": "127.8.8.8",
    "the metadata address": "169.254.169.254",
    "link-local": "169.254.0.1",
    "protocols": "192.0.0.8",
    "documentation": "192.0.2.1",
    "documentation, the second": "198.51.100.1",
    "documentation, the third": "203.0.113.1",
    "benchmarks": "198.18.0.1",
    "6to4 relays": "192.88.99.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback, IPv6": "::1",
    "unspecified, IPv6": "::",
    "unique local": "fd00::1",
    "the metadata address, IPv6": "fd00:ec2::254",
    "link-local, IPv6": "fe80::1",
    "link-local with its zone": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast, IPv6": "ff02::1",
    "documentation, IPv6": "2001:db8::1",
    "documentation, IPv6, the second": "3fff::1",
    "Teredo": "2001:0:1::1",
    "loopback as IPv4-mapped": "::ffff:127.0.0.1",
    "private as IPv4-mapped": "::ffff:10.0.0.1",
    "metadata as IPv4-mapped": "::ffff:a9fe:a9fe",
    "private as IPv4-compatible": "::10.0.0.1",
    "private by NAT64": "64:ff9b::10.0.0.1",
    "metadata by NAT64": "64:ff9b::a9fe:a9fe",
    "local NAT64": "64:ff9b:1::1",
    "private by 6to4": "2002:a00:1::1",
    "discard": "100::1",
    "no address": "example.com",
    "nothing": "",
    "a number": "2130706433",
    "short": "127.1",
    "octal": "0177.0.0.1",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_public_is_refused(what: str) -> None:
    assert not Addresses().may_reach(REFUSED[what])


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "140.82.121.3", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1",
     "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"],
)  # fmt: skip
def test_what_is_public_is_not(address: str) -> None:
    assert Addresses().may_reach(address)


def test_networks_can_be_allowed_and_denied() -> None:
    addresses = Addresses(["10.20.0.0/16", "fd00:1::/32"], ["8.8.0.0/16", "10.20.9.0/24"])
    assert addresses.may_reach("10.20.1.1")
    assert addresses.may_reach("::ffff:10.20.1.1")
    assert addresses.may_reach("fd00:1::5")
    assert not addresses.may_reach("10.21.1.1")
    assert not addresses.may_reach("8.8.8.8")
    assert not addresses.may_reach("::ffff:8.8.8.8")
    assert not addresses.may_reach("10.20.9.1")  # what is denied stays denied


def test_a_socket_is_made_for_an_address_that_was_checked() -> None:
    addresses = Addresses(["127.0.0.1/32"])
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    with addresses.open_socket((*kind, ("127.0.0.1", 80))) as opened:
        assert not opened.getblocking()
    with pytest.raises(AddressRefusedError):
        addresses.open_socket((*kind, ("127.0.0.2", 80)))
