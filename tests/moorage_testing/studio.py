"""The routes that an application serves outside of its API: the studio's, and who gets in there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import httpx2
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

_LOGIN: Final = "http://localhost/admin/login"
_OPEN: Final = frozenset({"/admin/login", "/admin/logout", "/admin/statics/{path:path}"})
"""What needs no login: the login itself, a logout that does nothing, style and script."""
_NOWHERE: Final = ("/download/", "/preview/")
"""How paths end that no route takes, as all paths lose the slash at their end."""


def closed_routes(app: Starlette) -> list[tuple[str, str]]:
    """Return method and path of everything outside of the API that needs a login."""
    return [
        (method, filled)
        for route in app.routes
        for method, path in _paths(route, "")
        if path not in _OPEN and not path.startswith("/api/")
        for filled in [_filled(path)]
    ]


def _paths(route: BaseRoute, base: str) -> Iterator[tuple[str, str]]:
    if isinstance(route, Mount):
        yield from (found for one in route.routes for found in _paths(one, base + route.path))
        if not route.routes:
            yield "GET", f"{base}{route.path}/{{path:path}}"
    elif isinstance(route, Route):
        yield from ((method, base + route.path) for method in sorted(route.methods or {"GET"}))


def _filled(path: str) -> str:
    for name in ("{identity}", "{pk:path}", "{column_name}"):
        path = path.replace(name, "x")
    return path.replace("{export_type}", "csv")


async def let_in(
    client: httpx2.AsyncClient, routes: Sequence[tuple[str, str]], headers: Mapping[str, str]
) -> list[str]:
    """Return the routes that did not lead to the login."""
    failures = []
    for method, path in routes:
        answer = await client.request(method, f"http://localhost{path}", headers=dict(headers))
        told = (answer.status_code, answer.headers.get("location"))
        if told != ((404, None) if path.endswith(_NOWHERE) else (302, _LOGIN)):
            failures.append(f"{method} {path}: {told}")
    return failures
