"""Several processes over one cluster: replicas of the API, and the recorder apart from them."""

import json

from moorage_testing.operating.sessions import REPOSITORY

from .conftest import Scene, await_conversation, conversation

BODY = {"projectPath": REPOSITORY["url"]}


def test_what_one_replica_makes_another_shows(scene: Scene) -> None:
    second = scene.gateways.make()
    second.start()
    ada = second.known(scene.ada.token)
    key = {"Idempotency-Key": "the-same"}
    made = scene.ada.post("/sessions", BODY, **key)["id"]
    assert ada.post("/sessions", BODY, **key)["id"] == made
    ada.await_ids(lambda ids: ids == [made])
    ada.delete(f"/sessions/{made}")
    scene.ada.await_ids(lambda ids: ids == [])
    assert second.stop() == 0


def test_the_recorder_runs_apart_and_alone(scene: Scene) -> None:
    """The API's process is ended while it records: what it wrote is there for another one."""
    recorder = scene.gateways.make("record")
    without = scene.gateways.make(more={"MOORAGE_RECORDER__ENABLED": "false"})
    without.start()
    assert "moorage_recorder_lag_seconds" not in without.metrics()
    scene.gateway.process.kill()
    try:
        ada = without.known(scene.ada.token)
        uid = ada.post("/sessions", BODY)["id"]
        ada.await_phase(uid, "Ready")
        scene.says(uid, "Hello", "Good morning")
        assert conversation(ada, uid) == []
        recorder.start()
        assert "moorage_recorder_lag_seconds" in recorder.metrics()
        await_conversation(ada, uid, ["Hello", "Good morning"])
        assert recorder.stop() == 0
        assert without.stop() == 0
    finally:
        scene.gateway.start()


def test_it_logs_no_secret_and_no_token(scene: Scene) -> None:
    uid = scene.ada.post("/sessions", {**BODY, "prompt": "Hello"})["id"]
    scene.ada.await_phase(uid, "Ready")
    logs = scene.gateways.logs()
    assert [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    for secret in (scene.gateways.account.token, scene.ada.token or "?", *scene.stage.crew.secrets):
        assert secret not in logs
