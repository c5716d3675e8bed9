"""Sessions that kubectl made are their owner's: shown, recorded, streamed, gone when deleted."""

import threading

import pytest

from moorage_api.keys import SessionKeys
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.operating.member import Script

from .conftest import Scene, await_conversation, conversation


def test_it_is_shown_to_its_owner_and_to_nobody_else(scene: Scene) -> None:
    cluster, elsewhere = scene.stage.sessions(), scene.stage.sessions(1)
    mine = cluster.create("mine", owner=scene.ada_id, prompt="Hello")
    other = elsewhere.create("elsewhere", owner=scene.ada_id)
    cluster.create("nobodys")
    _, eve = scene.gateway.user("eve")
    scene.ada.await_ids(lambda ids: set(ids) == {mine, other})
    assert eve.ids() == []
    assert eve.http.get(f"/sessions/{mine}").status_code == 404
    assert scene.ada.await_phase(mine, "Ready")["name"] == "mine"


def test_its_conversation_is_recorded_and_goes_on(scene: Scene) -> None:
    uid = scene.stage.sessions().create("recorded", owner=scene.ada_id, prompt="Hello")
    scene.ada.await_phase(uid, "Ready")
    scene.says(uid, "Hello", "Good morning")
    await_conversation(scene.ada, uid, ["Hello", "Good morning"])
    path = f"/sessions/{uid}/messages"
    sent = scene.ada.post(path, {"content": "And you?"})["message"]
    assert conversation(scene.ada, uid) == ["Hello", "Good morning", "And you?"]
    with scene.stage.redis_client() as redis:
        assert sent["id"] in str(redis.xrange(SessionKeys(uid).inbox))


def test_what_it_asks_is_answered_through_the_gateway(scene: Scene) -> None:
    uid = scene.stage.sessions().create("asks", owner=scene.ada_id, prompt=Script.ASKS)
    # The approval is told from Redis, the activity by the resource: one may come before the other.
    scene.ada.await_session(uid, lambda one: one["pendingApprovals"] == 1, "asks")
    scene.ada.await_session(uid, lambda one: one["activity"] == "AwaitingApproval", "awaits")
    (approval,) = scene.ada.get(f"/sessions/{uid}/approvals")["approvals"]
    scene.ada.post(f"/sessions/{uid}/approvals/{approval['id']}", {"decision": "allow"})
    with scene.stage.redis_client() as redis:
        assert approval["id"] in str(redis.xrange(SessionKeys(uid).inbox))


def test_kubectl_deletes_it_and_its_stream_ends(scene: Scene) -> None:
    cluster = scene.stage.sessions()
    uid = cluster.create("streamed", owner=scene.ada_id, prompt="Hello")
    scene.ada.await_phase(uid, "Ready")
    begun, ended = threading.Event(), threading.Event()

    def follow() -> None:
        with scene.ada.http.stream("GET", f"/sessions/{uid}/events", timeout=120) as answer:
            begun.set()
            for _ in answer.iter_raw():
                pass
        ended.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert begun.wait(60)
    cluster.delete("streamed")
    scene.ada.await_ids(lambda ids: uid not in ids)
    assert ended.wait(60)
    thread.join()
    assert scene.ada.http.get(f"/sessions/{uid}").status_code == 404


def test_kubectl_suspends_it_and_a_message_wakes_it(scene: Scene) -> None:
    cluster = scene.stage.sessions()
    uid = cluster.create("sleeps", owner=scene.ada_id, prompt="Hello", suspend=True)
    scene.ada.await_phase(uid, "Suspended")
    scene.ada.post(f"/sessions/{uid}/messages", {"content": "Wake up"})
    scene.ada.await_phase(uid, "Ready")
    assert cluster.get("sleeps").spec.suspend is False


def test_one_that_cannot_be_read_hinders_no_other(scene: Scene) -> None:
    cluster = scene.stage.sessions()
    twice = {"url": "https://git.example.com/team/lib.git", "path": "lib"}
    cluster.create("strange", owner=scene.ada_id, additionalRepositories=[twice, twice])
    plain = cluster.create("plain", owner=scene.ada_id)
    scene.ada.await_ids(lambda ids: ids == [plain])
    assert "moorage_sessions_unreadable 1.0" in scene.gateway.metrics()


def test_a_template_fills_what_a_request_leaves_out(scene: Scene) -> None:
    cluster = scene.stage.sessions()
    cluster.create_template(
        "small",
        repository={"url": "https://git.example.com/team/app.git"},
        timeouts={"idle": "7m"},
        prompt="From the template",
    )
    made = scene.ada.post("/sessions", {"template": "small"})
    spec = cluster.get(made["name"]).spec
    assert spec.template_ref is not None
    assert (spec.template_ref.name, spec.prompt) == ("small", None)
    assert made["projectPath"] == "https://git.example.com/team/app.git"
    scene.ada.await_phase(made["id"], "Ready")
    assert scene.stage.crew.member(made["id"]).post.spec["timeouts"]["idle"] == "7m"
    missing = scene.ada.http.post("/sessions", json={"template": "missing"})
    assert (missing.status_code, missing.json()["details"][0]["path"]) == (400, "template")


def test_the_gateway_may_not_touch_pods_and_secrets(scene: Scene) -> None:
    account = scene.gateways.account
    namespace = scene.stage.namespaces[0]
    with scene.stage.plane.client(account) as own:
        for path in ("pods", "secrets"):
            with pytest.raises(ApiRefused, match="forbidden"):
                own.get(f"/api/v1/namespaces/{namespace}/{path}")
