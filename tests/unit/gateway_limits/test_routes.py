"""Every route counts its requests, health's aside."""

from moorage_gateway.app import account_routers, open_routers, routers
from moorage_gateway.health import endpoints as health
from moorage_gateway.limits.route import CountedRoute
from moorage_gateway.limits.rules import open_limit_for


def test_every_route_counts() -> None:
    counted = [router for _, router in open_routers() if router is not health.router]
    counted += [*routers(), *account_routers()]
    found = {type(route) for router in counted for route in router.routes}
    assert found
    assert all(issubclass(kind, CountedRoute) for kind in found)


def test_every_open_route_has_a_limit() -> None:
    paths = {
        route.path
        for _, router in open_routers()
        for route in router.routes
        if isinstance(route, CountedRoute)
    }
    assert {path: open_limit_for(path).value for path in paths} == {
        "/register": "registrations",
        "/login": "logins",
        "/refresh": "refreshes",
        "/logout": "refreshes",
    }
