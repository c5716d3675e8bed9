"""A session by the gateway, the operator and back: created, used, suspended, woken, deleted."""

from moorage_api.keys import SessionKeys
from moorage_api.names import ANNOTATION_CREATION_ID
from moorage_testing.operating.sessions import REPOSITORY

from .conftest import Scene

BODY = {"projectPath": REPOSITORY["url"], "prompt": "Hello"}


def test_a_session_from_its_creation_to_its_end(scene: Scene) -> None:
    ada, cluster = scene.ada, scene.stage.sessions()
    made = ada.post("/sessions", BODY)
    session_id, name = made["id"], made["name"]
    assert ada.ids() == [session_id]  # at once, before the watch could tell
    resource = cluster.get(name)
    assert resource.metadata.uid == session_id
    assert resource.spec.owner == scene.ada_id
    assert resource.metadata.annotations[ANNOTATION_CREATION_ID] != session_id
    ready = ada.await_phase(session_id, "Ready")
    assert {each["type"]: each["status"] for each in ready["conditions"]}["Ready"] == "True"
    sent = ada.post(f"/sessions/{session_id}/messages", {"content": "More"})["message"]
    with scene.stage.redis_client() as redis:
        assert sent["id"] in str(redis.xrange(SessionKeys(session_id).inbox))
    ada.post(f"/sessions/{session_id}/suspend")
    ada.await_phase(session_id, "Suspended")
    assert cluster.pod(resource) is None
    woken = ada.post(f"/sessions/{session_id}/messages", {"content": "And more"})
    assert woken["waking"] is True
    ada.await_phase(session_id, "Ready")
    ada.delete(f"/sessions/{session_id}")
    assert ada.ids() == []
    assert ada.http.get(f"/sessions/{session_id}").status_code == 404
    cluster.await_absent(name)
