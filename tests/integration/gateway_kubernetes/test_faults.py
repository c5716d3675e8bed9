"""The API server and the way to it at their worst. What is shown is true again afterwards."""

from collections.abc import Iterator

import pytest

from moorage_testing.controlplane.processes import until
from moorage_testing.operating.faults import Answer, Dropped, Fault, GoneEvent, Hidden, Which
from moorage_testing.operating.gateway import Gateway, User
from moorage_testing.operating.sessions import REPOSITORY

from .conftest import Scene

BODY = {"projectPath": REPOSITORY["url"]}
SESSIONS = "/claudesessions"


@pytest.fixture(scope="module")
def proxied(scene: Scene) -> Iterator[Gateway]:
    """Return a gateway that reaches the API server through the proxy."""
    made = scene.gateways.make(proxied=True)
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture
def ada(scene: Scene, proxied: Gateway) -> Iterator[User]:
    yield proxied.known(scene.ada.token)
    scene.stage.proxy.heal()


@pytest.mark.parametrize(
    "fault",
    [
        Answer(Which(watch=True, times=2), 410),
        GoneEvent(Which(watch=True, times=1)),
        Answer(Which(watch=True, times=3), 500),
        Answer(Which(watch=True, times=1), 429, retry_after=1),
        Dropped(Which(watch=True, times=2), done=False),
    ],
    ids=["410", "410 in the stream", "500", "429", "connection lost"],
)
def test_a_watch_that_breaks_loses_no_deletion(fault: Fault, scene: Scene, ada: User) -> None:
    cluster, proxy = scene.stage.sessions(), scene.stage.proxy
    gone = cluster.create("gone", owner=scene.ada_id)
    stays = cluster.create("stays", owner=scene.ada_id)
    ada.await_ids(lambda ids: set(ids) == {gone, stays})
    # What a connection loses is its end: with a later bookmark the deletion would count as told.
    proxy.hide(Hidden(None, SESSIONS))
    proxy.add(fault)
    cluster.delete("gone")
    proxy.cut_watches()
    until("the fault", 60, lambda: None if fault.which.hits else "not met yet")
    proxy.heal()
    proxy.cut_watches()
    fresh = cluster.create("fresh", owner=scene.ada_id)
    ada.await_ids(lambda ids: set(ids) == {stays, fresh})


def test_a_create_whose_answer_is_lost_is_one(scene: Scene, ada: User) -> None:
    scene.stage.proxy.add(Dropped(Which(frozenset({"POST"}), SESSIONS, times=1), done=True))
    made = ada.post("/sessions", BODY)["id"]
    assert ada.ids() == [made]
    assert len(scene.stage.sessions().names()) == 1


def test_no_create_gets_through_and_it_is_said_when_to_come_again(scene: Scene, ada: User) -> None:
    used = ada.get("/quotas")["sessionsCreated"]["used"]
    which = Which(frozenset({"POST"}), SESSIONS)
    scene.stage.proxy.add(Answer(which, 429, retry_after=7))
    answer = ada.http.post("/sessions", json=BODY)
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "7"
    assert ada.get("/quotas")["sessionsCreated"]["used"] <= used


@pytest.mark.parametrize(("status", "told"), [(403, 403), (422, 400)])
def test_a_refusal_is_told(status: int, told: int, scene: Scene, ada: User) -> None:
    scene.stage.proxy.add(Answer(Which(frozenset({"POST"}), SESSIONS), status))
    answer = ada.http.post("/sessions", json=BODY)
    assert answer.status_code == told
    assert "a fault of the test" in answer.json()["error"]


def test_an_answer_lost_for_good_is_found_by_the_key(scene: Scene, ada: User) -> None:
    """Created, and neither this nor the second try is answered; the same key finds it."""
    scene.stage.proxy.add(Dropped(Which(frozenset({"POST"}), SESSIONS, times=2), done=True))
    headers = {"Idempotency-Key": "lost"}
    assert ada.http.post("/sessions", json=BODY, headers=headers).status_code == 503
    again = ada.post("/sessions", BODY, **headers)["id"]
    ada.await_ids(lambda ids: ids == [again])
    assert len(scene.stage.sessions().names()) == 1
