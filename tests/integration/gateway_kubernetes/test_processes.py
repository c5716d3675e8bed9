"""Several processes over one cluster: replicas of the API, and the recorder apart from them."""

import json
from typing import Any

from moorage_api.base import now
from moorage_api.events import FIELD, MessageStopData, MessageStopEvent, encode_entry
from moorage_api.keys import SessionKeys
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.sessions import REPOSITORY

from .conftest import Scene

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
        with scene.stage.redis_client() as redis:
            redis.xadd(SessionKeys(uid).events, said("Good morning"))
        path = f"/sessions/{uid}/messages"
        assert ada.get(path)["messages"] == []
        recorder.start()
        assert "moorage_recorder_lag_seconds" in recorder.metrics()

        def pending() -> str | None:
            found = [each["content"] for each in ada.get(path)["messages"]]
            return None if found == ["Good morning"] else str(found)

        until("the message recorded", 60, pending)
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


def said(text: str) -> dict[Any, Any]:
    """Return what a runner writes when Claude has said something."""
    data = MessageStopData(message_id="m-1", turn_id="turn-1", role="assistant", content=text)
    return {FIELD: encode_entry(MessageStopEvent(timestamp=now(), data=data))}
