"""The faulty proxy: true by default, and each fault does what it says and no more."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.controlplane.processes import until
from moorage_testing.http import http_client
from moorage_testing.operating.background import Background
from moorage_testing.operating.faults import (
    Answer,
    Cut,
    Dropped,
    GoneEvent,
    Hidden,
    Late,
    Stale,
    Which,
)
from moorage_testing.operating.proxy import FaultyProxy
from moorage_testing.operating.watching import Watch, connected

GETS = frozenset({"GET"})
MERGE = {"Content-Type": "application/merge-patch+json"}


class Asker:
    """A client of the proxy, in one namespace's ConfigMaps."""

    def __init__(self, client: httpx2.Client, namespace: str) -> None:
        self.client = client
        self.path = f"/api/v1/namespaces/{namespace}/configmaps"

    def create(self, name: str = "example") -> httpx2.Response:
        body = {"metadata": {"name": name}, "data": {"a": "1"}}
        return self.client.post(self.path, json=body)

    def names(self) -> set[str]:
        items = self.client.get(self.path).json()["items"]
        return {each["metadata"]["name"] for each in items}


@pytest.fixture
def asker(proxy: FaultyProxy, control_plane: ControlPlane, namespace: str) -> Iterator[Asker]:
    token = {"Authorization": f"Bearer {control_plane.administrator.token}"}
    with http_client(base_url=proxy.url, headers=token, timeout=10) as client:
        yield Asker(client, namespace)


def test_it_is_true_without_a_fault(asker: Asker, proxy: FaultyProxy) -> None:
    made = asker.create()
    assert made.status_code == 201
    assert made.json()["data"] == {"a": "1"}
    patched = asker.client.patch(
        f"{asker.path}/example", content=json.dumps({"data": {"a": "2"}}), headers=MERGE
    )
    assert patched.json()["data"] == {"a": "2"}
    assert asker.client.delete(f"{asker.path}/example").status_code == 200
    assert asker.client.get(f"{asker.path}/example").status_code == 404
    assert [each.method for each in proxy.writes] == ["POST", "PATCH", "DELETE"]


def test_who_has_no_token_is_refused_by_the_api_server(proxy: FaultyProxy) -> None:
    with http_client() as client:
        assert client.get(f"{proxy.url}/api/v1/namespaces").status_code == 403


@pytest.mark.parametrize("status", [409, 410, 429, 500, 503])
def test_an_error_instead(asker: Asker, proxy: FaultyProxy, status: int) -> None:
    which = Which(times=1)
    proxy.add(Answer(which, status, retry_after=3))
    refused = asker.create()
    assert (refused.status_code, refused.json()["code"]) == (status, status)
    assert refused.headers["Retry-After"] == "3"
    assert asker.create().status_code == 201
    assert which.hits == 1


def test_healed(asker: Asker, proxy: FaultyProxy) -> None:
    proxy.add(Answer(Which(), 500))
    assert asker.create().status_code == 500
    proxy.heal()
    assert asker.create().status_code == 201


@pytest.mark.parametrize("done", [True, False])
def test_an_answer_that_never_comes(asker: Asker, proxy: FaultyProxy, done: bool) -> None:
    proxy.add(Dropped(Which(times=1), done=done))
    with pytest.raises(httpx2.TransportError):
        asker.create()
    assert ("example" in asker.names()) is done


def test_an_answer_of_which_half_comes(asker: Asker, proxy: FaultyProxy) -> None:
    proxy.add(Cut(Which(methods=GETS, times=1)))
    with pytest.raises(httpx2.TransportError):
        asker.names()
    assert "kube-root-ca.crt" not in asker.names()


def test_a_late_answer(asker: Asker, proxy: FaultyProxy) -> None:
    proxy.add(Late(Which(), 60))
    with pytest.raises(httpx2.TimeoutException):
        asker.client.post(asker.path, json={"metadata": {"name": "late"}}, timeout=0.5)
    assert "late" in asker.names()


def test_an_old_answer(asker: Asker, proxy: FaultyProxy) -> None:
    asker.create("old")
    proxy.remember()
    assert asker.names() == {"old"}
    asker.create("new")
    proxy.add(Stale(Which(methods=GETS)))
    assert asker.names() == {"old"}
    proxy.heal()
    assert asker.names() == {"old", "new"}


@pytest.mark.parametrize("done", [True, False])
def test_halted_at_a_write(asker: Asker, proxy: FaultyProxy, done: bool) -> None:
    asker.create("first")
    proxy.halt_at_write(2, done=done)
    asker.create("second")
    assert not proxy.halted.is_set()
    with pytest.raises(httpx2.TimeoutException):
        asker.client.post(asker.path, json={"metadata": {"name": "third"}}, timeout=0.5)
    assert proxy.halted.is_set()
    assert ("third" in asker.names()) is done


class Watched:
    """A watch through the proxy, and what came."""

    def __init__(
        self, background: Background, proxy: FaultyProxy, plane: ControlPlane, asker: Asker
    ) -> None:
        self.heard: list[tuple[str, str]] = []
        self.watch: Watch | None = None
        self._plane, self._proxy, self._path = plane, proxy, asker.path
        background.spawn(self._follow())

    async def _follow(self) -> None:
        account = self._plane.administrator
        async with connected(self._plane.server, account) as client:
            url = f"{self._proxy.url}{self._path}"
            self.watch = Watch(client, url, self._hear)
            await self.watch.follow()

    def _hear(self, kind: str, thing: dict[str, Any]) -> None:
        self.heard.append((kind, thing["metadata"]["name"]))

    def awaits(self, kind: str, name: str) -> None:
        until(
            f"{kind} {name}",
            10,
            lambda: None if (kind, name) in self.heard else str(self.heard),
        )

    @property
    def lists(self) -> int:
        return self.watch.lists if self.watch else 0


@pytest.fixture
def watched(
    background: Background, proxy: FaultyProxy, control_plane: ControlPlane, asker: Asker
) -> Watched:
    made = Watched(background, proxy, control_plane, asker)
    asker.create("first")
    made.awaits("ADDED", "first")
    return made


def test_watches_that_are_cut_begin_again(
    watched: Watched, proxy: FaultyProxy, asker: Asker
) -> None:
    until("a watch", 10, lambda: None if proxy.cut_watches() else "there is none")
    asker.create("second")
    watched.awaits("ADDED", "second")
    assert watched.lists == 1


@pytest.mark.parametrize("by_event", [True, False])
def test_a_watch_that_is_too_old(
    watched: Watched, proxy: FaultyProxy, asker: Asker, by_event: bool
) -> None:
    which = Which(watch=True, times=1)
    proxy.add(GoneEvent(which) if by_event else Answer(which, 410))
    until("a watch", 10, lambda: None if proxy.cut_watches() else "there is none")
    asker.create("second")
    watched.awaits("ADDED", "second")
    assert watched.lists == 2


def test_events_that_never_come(watched: Watched, proxy: FaultyProxy, asker: Asker) -> None:
    proxy.hide(Hidden("DELETED", "configmaps"))
    asker.client.delete(f"{asker.path}/first")
    asker.create("second")
    watched.awaits("ADDED", "second")
    assert ("DELETED", "first") not in watched.heard


def test_an_api_server_that_is_away_answers_nothing(
    proxy: FaultyProxy, control_plane: ControlPlane, asker: Asker, admin: Api
) -> None:
    control_plane.apiserver.pause()
    try:
        with pytest.raises(httpx2.TimeoutException):
            asker.client.get(asker.path, timeout=0.5)
    finally:
        control_plane.apiserver.resume()
    assert asker.create().status_code == 201
