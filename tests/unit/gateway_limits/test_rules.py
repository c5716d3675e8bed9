"""Which limit a route falls under, and what the answers say of it."""

import pytest
from fastapi.routing import APIRoute
from starlette.requests import Request

from moorage_gateway.app import BASE, routers
from moorage_gateway.limits.check import client_of, header_fields
from moorage_gateway.limits.rules import LimitName, WithoutRedis, limit_for, rules_of
from moorage_gateway.limits.standing import Standing
from moorage_gateway.settings import LimitSettings

EXPECTED = {
    ("POST", "/sessions"): LimitName.SESSIONS,
    ("GET", "/sessions"): LimitName.READS,
    ("PATCH", "/sessions/{session_id}"): LimitName.WRITES,
    ("POST", "/sessions/{session_id}/interrupt"): LimitName.WRITES,
    ("POST", "/sessions/{session_id}/messages"): LimitName.MESSAGES,
    ("GET", "/sessions/{session_id}/messages"): LimitName.READS,
    ("GET", "/sessions/{session_id}/events"): LimitName.READS,
    ("POST", "/sessions/{session_id}/approvals/{approval_id}"): LimitName.WRITES,
    ("GET", "/sessions/{session_id}/files"): LimitName.FILES,
    ("PUT", "/sessions/{session_id}/files/{path:path}"): LimitName.FILES,
    ("GET", "/sessions/{session_id}/diff"): LimitName.FILES,
}


@pytest.mark.parametrize(("route", "name"), EXPECTED.items())
def test_each_route_falls_under_its_limit(route: tuple[str, str], name: LimitName) -> None:
    method, path = route
    assert limit_for(method, BASE + path) is name


def test_the_table_names_routes_that_exist() -> None:
    routes = {
        (method, route.path)
        for router in routers()
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert EXPECTED.keys() <= routes


def test_only_what_guards_passwords_is_refused_without_redis() -> None:
    rules = rules_of(LimitSettings())
    closed = {name for name, rule in rules.items() if rule.without_redis is WithoutRedis.CLOSED}
    assert closed == {LimitName.REGISTRATIONS, LimitName.LOGINS, LimitName.ATTEMPTS}


def test_the_defaults_are_the_documents() -> None:
    rules = rules_of(LimitSettings())
    assert {name.value: (rule.amount, rule.window_seconds) for name, rule in rules.items()} == {
        "sessions": (10, 60),
        "messages": (10, 60),
        "files": (100, 60),
        "reads": (1000, 60),
        "writes": (100, 60),
        "registrations": (5, 60),
        "logins": (10, 60),
        "refreshes": (30, 60),
        "attempts": (20, 900),
    }


@pytest.mark.parametrize(
    "text", ["", "10", "0/minute", "10/fortnight", "1/minute;2/hour", "-1/day"]
)
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 10/minute"):
        LimitSettings(reads=text)


def test_the_header_fields_name_the_policy_and_how_it_stands() -> None:
    rule = rules_of(LimitSettings())[LimitName.MESSAGES]
    standing = Standing(True, 10, 60_000, 0, 0, 3, 90_000)
    assert header_fields(rule, standing) == (
        (b"ratelimit-policy", b'"messages";q=10;w=60'),
        (b"ratelimit", b'"messages";r=7;t=30'),
    )


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_address_counts_as_its_holder(host: str, counted: str) -> None:
    assert client_of(Request({"type": "http", "headers": [], "client": (host, 1)})) == counted


def test_a_request_without_an_address_counts_too() -> None:
    assert client_of(Request({"type": "http", "headers": [], "client": None})) == "unknown"
