"""Sessions over HTTP: every shape and transition, with a real database and a real Redis."""

from datetime import UTC, datetime
from typing import Final

import pytest

from moorage_api.inbox import Interrupt, SetMode, SetModel
from moorage_api.keys import SessionKeys
from moorage_api.resources import Activity, Phase, Usage
from moorage_testing.gateway import REPOSITORY, Gateway
from moorage_testing.redis import RedisServer

CLIENT_FIELDS = {
    "id", "projectPath", "claudeDirectoryPath", "claudeCodeSessionId", "context", "status",
    "metadata", "isWorking", "currentJobId", "lastJobStatus", "createdAt", "updatedAt",
    "lastAccessedAt",
}  # fmt: skip
OWN_FIELDS = {
    "name", "phase", "activity", "repository", "usage", "budget", "pendingApprovals",
    "conditions", "message",
}  # fmt: skip


async def test_a_session_has_every_field_that_the_client_reads(gateway: Gateway) -> None:
    answer = await gateway.client.post(
        "/sessions",
        json={
            "projectPath": REPOSITORY,
            "context": "about it",
            "metadata": {"branch": "dev", "allowedTools": ["Read"], "mine": {"a": [1, None]}},
            "budget": {"maxCostUsd": 2.5},
        },
    )
    assert answer.status_code == 201
    session = answer.json()
    assert session.keys() >= CLIENT_FIELDS | OWN_FIELDS
    assert session["projectPath"] == REPOSITORY
    assert session["repository"]["ref"] == "dev"
    assert session["metadata"] == {
        "branch": "dev", "allowedTools": ["Read"], "mine": {"a": [1, None]}
    }  # fmt: skip
    assert (session["status"], session["isWorking"]) == ("active", False)
    assert session["claudeDirectoryPath"] is None
    assert session["createdAt"].endswith("Z")
    assert len(session["createdAt"]) == len("2026-01-31T12:00:00.000Z")
    spec = gateway.backend.get(session["id"]).spec
    assert (spec.owner, spec.claude.allowed_tools) == ("local", ["Read"])
    assert (await gateway.client.get(f"/sessions/{session['id']}")).json() == session


@pytest.mark.parametrize("path", ["/sessions", "/sessions/"])
async def test_both_forms_of_a_path_answer_without_a_redirect(gateway: Gateway, path: str) -> None:
    created = await gateway.client.post(path, json={"projectPath": REPOSITORY})
    assert created.status_code == 201
    listed = await gateway.client.get(path)
    assert [each["id"] for each in listed.json()["sessions"]] == [created.json()["id"]]


async def test_the_same_key_makes_one_session(gateway: Gateway) -> None:
    async def create(**fields: str) -> tuple[int, dict[str, str]]:
        answer = await gateway.client.post(
            "/sessions", json=fields, headers={"Idempotency-Key": "key-1"}
        )
        return answer.status_code, answer.json()

    first = await create(projectPath=REPOSITORY)
    assert await create(projectPath=REPOSITORY) == first
    status, error = await create(projectPath=REPOSITORY, prompt="other")
    assert (status, error["code"]) == (409, "CONFLICT")
    assert len(gateway.backend.sessions) == 1


async def test_a_create_that_fails_leaves_nothing_and_can_be_repeated(gateway: Gateway) -> None:
    headers = {"Idempotency-Key": "again"}
    body = {"projectPath": REPOSITORY}
    gateway.backend.away = True
    failed = await gateway.client.post("/sessions", json=body, headers=headers)
    assert (failed.status_code, failed.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    gateway.backend.away = False
    assert (await gateway.client.post("/sessions", json=body, headers=headers)).status_code == 201
    assert (await gateway.client.get("/sessions")).json()["total"] == 1


async def test_a_local_folder_is_taken_where_the_settings_say_so(gateway: Gateway) -> None:
    session_id = await gateway.create(repository={"url": "/somewhere/project", "ref": "main"})
    session = (await gateway.client.get(f"/sessions/{session_id}")).json()
    assert session["projectPath"] == session["repository"]["url"] == "/somewhere/project"


MISTAKES: Final[list[tuple[dict[str, object], str]]] = [
    ({}, "projectPath"),
    ({"projectPath": REPOSITORY, "folderName": "x"}, "folderName"),
    ({"folderName": "x"}, "folderName"),
    ({"projectPath": "relative/path"}, "projectPath"),
    ({"projectPath": 5}, "projectPath"),
    ({"projectPath": "https://me:secret@example.com/x"}, "projectPath"),
    ({"repository": {"url": "ext::sh -c x"}}, "repository.url"),
    ({"repository": {"url": REPOSITORY, "ref": "-x"}}, "repository.ref"),
    ({"repository": {"url": REPOSITORY}, "metadata": {"branch": "--x"}}, "metadata.branch"),
    ({"projectPath": REPOSITORY, "template": "x"}, "template"),
    ({"projectPath": REPOSITORY, "nonsense": 1}, "nonsense"),
    ({"projectPath": REPOSITORY, "claude": {"permissionMode": "x"}}, "claude.permissionMode"),
    ({"projectPath": REPOSITORY, "budget": {"maxCostUsd": -1}}, "budget.maxCostUsd"),
    ({"projectPath": REPOSITORY, "timeouts": {"idle": "soon"}}, "timeouts.idle"),
    (
        {"projectPath": REPOSITORY, "metadata": {"allowedTools": [1]}},
        "metadata.allowedTools[0]",
    ),
    ({"projectPath": REPOSITORY, "prompt": ""}, "prompt"),
    ({"projectPath": REPOSITORY, "interactive": False}, "body"),
]


async def test_a_mistake_is_named_by_its_path(gateway: Gateway) -> None:
    for body, path in MISTAKES:
        answer = await gateway.client.post("/sessions", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR"), answer.text
        assert path in [mistake["path"] for mistake in answer.json()["details"]], answer.text
        assert "secret" not in answer.text
        assert gateway.backend.sessions == {}, body


async def test_the_list_is_filtered_paged_and_newest_first(gateway: Gateway) -> None:
    ids = [await gateway.create(projectPath=f"https://example.com/p{n}") for n in range(3)]
    gateway.backend.stand(ids[0], phase=Phase.FAILED)
    await gateway.client.patch(f"/sessions/{ids[1]}", json={"status": "archived"})

    async def found(**query: str | int) -> list[str]:
        answer = await gateway.client.get("/sessions/", params=query)
        assert answer.status_code == 200, answer.text
        return [session["id"] for session in answer.json()["sessions"]]

    assert await found() == ids[::-1]
    assert await found(limit=1, offset=1) == [ids[1]]
    assert await found(status="inactive") == [ids[0]]
    assert await found(status="archived") == [ids[1]]
    assert await found(status="active") == [ids[2]]
    assert await found(phase="Failed") == [ids[0]]
    assert await found(repository="https://example.com/p2") == [ids[2]]
    assert await found(q="P1") == [ids[1]]
    page = (await gateway.client.get("/sessions?limit=2")).json()
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 0)


async def test_patch_changes_only_what_is_given(gateway: Gateway) -> None:
    session_id = await gateway.create(
        projectPath=REPOSITORY, context={"a": 1}, metadata={"branch": "x"}
    )
    path = f"/sessions/{session_id}"
    patched = (await gateway.client.patch(path, json={"status": "archived"})).json()
    assert (patched["status"], patched["context"]) == ("archived", {"a": 1})
    patched = (await gateway.client.patch(path, json={"status": "active", "context": None})).json()
    assert (patched["status"], patched["context"]) == ("active", None)
    assert patched["metadata"] == {"branch": "x"}
    refused = await gateway.client.patch(path, json={"status": "inactive"})
    assert refused.json()["details"][0]["path"] == "status"


async def test_delete_removes_the_session_and_its_history(gateway: Gateway) -> None:
    session_id = await gateway.create()
    await gateway.say(session_id)
    deleted = await gateway.client.delete(f"/sessions/{session_id}")
    assert (deleted.status_code, deleted.json()) == (200, {"success": True})
    for path in ("", "/messages", "/approvals"):
        answer = await gateway.client.get(f"/sessions/{session_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_suspend_and_resume(gateway: Gateway) -> None:
    session_id = await gateway.create()
    assert (await gateway.client.post(f"/sessions/{session_id}/suspend")).status_code == 200
    gateway.backend.stand(session_id, phase=Phase.SUSPENDED)
    again = (await gateway.client.post(f"/sessions/{session_id}/suspend")).json()
    assert (again["phase"], again["status"]) == ("Suspended", "inactive")
    assert (await gateway.client.post(f"/sessions/{session_id}/resume")).status_code == 200
    assert gateway.backend.sessions[session_id].spec.suspend is False
    assert [call for call, _ in gateway.backend.calls] == ["create", "suspend", "resume"]
    gateway.backend.stand(session_id, phase=Phase.SUCCEEDED)
    refused = await gateway.client.post(f"/sessions/{session_id}/resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")


async def test_live_facts_come_from_the_runner_while_it_lives(gateway: Gateway) -> None:
    session_id = await gateway.create()
    await gateway.live(
        session_id,
        activity=Activity.WORKING,
        turn_id="turn-1",
        claude_session_id="conversation",
        last_turn_outcome="completed",
        usage=Usage(turns=3, cost_usd=0.5),
    )
    session = (await gateway.client.get(f"/sessions/{session_id}")).json()
    assert (session["activity"], session["isWorking"]) == ("Working", True)
    assert (session["currentJobId"], session["lastJobStatus"]) == ("turn-1", "completed")
    assert (session["claudeCodeSessionId"], session["usage"]["turns"]) == ("conversation", 3)
    await gateway.live(session_id, age=3600, activity=Activity.WORKING, turn_id="turn-1")
    session = (await gateway.client.get(f"/sessions/{session_id}")).json()
    assert (session["activity"], session["currentJobId"]) == (None, None)


@pytest.mark.parametrize("value", [b"", b"{broken", b'{"phase": "Sleeping"}', b"[" * 5000])
async def test_a_runners_nonsense_harms_nobody(gateway: Gateway, value: bytes) -> None:
    session_id = await gateway.create()
    await gateway.redis.hset(
        SessionKeys(session_id).state, mapping={"state": value, "heartbeat": b"now"}
    )
    assert (await gateway.client.get(f"/sessions/{session_id}")).status_code == 200
    assert (await gateway.client.get("/sessions")).status_code == 200


async def test_without_redis_what_is_known_is_still_told(
    gateway: Gateway, redis_server: RedisServer
) -> None:
    session_id = await gateway.create()
    gateway.backend.stand(
        session_id, activity=Activity.IDLE, last_activity_at=datetime.now(UTC), message="Well."
    )
    redis_server.stop()
    session = await gateway.client.get(f"/sessions/{session_id}")
    assert (session.status_code, session.json()["activity"]) == (200, "Idle")
    assert (await gateway.client.get("/sessions")).json()["total"] == 1


async def test_steering_goes_through_the_inbox(gateway: Gateway) -> None:
    session_id = await gateway.create()
    await gateway.live(session_id, activity=Activity.WORKING, turn_id="turn-1")
    path = f"/sessions/{session_id}"
    for action, body in (
        ("interrupt", None),
        ("mode", {"mode": "plan"}),
        ("model", {"model": "opus"}),
        ("model", {"model": None}),
    ):
        answer = await gateway.client.post(f"{path}/{action}", json=body)
        assert (answer.status_code, answer.json()) == (200, {"success": True}), answer.text
    interrupt, mode, model, own = await gateway.inbox(session_id)
    assert isinstance(interrupt, Interrupt)
    assert interrupt.turn_id == "turn-1"
    assert isinstance(mode, SetMode)
    assert mode.mode == "plan"
    assert isinstance(model, SetModel)
    assert isinstance(own, SetModel)
    assert (model.model, own.model) == ("opus", None)
    refused = await gateway.client.post(f"{path}/mode", json={"mode": "nonsense"})
    assert refused.json()["details"][0]["path"] == "mode"


async def test_an_interrupt_names_the_message_that_waits(gateway: Gateway) -> None:
    session_id = await gateway.create()
    message = await gateway.say(session_id)
    await gateway.client.post(f"/sessions/{session_id}/interrupt", json={})
    _, interrupt = await gateway.inbox(session_id)
    assert isinstance(interrupt, Interrupt)
    assert interrupt.turn_id == message["id"]


async def test_nothing_steers_a_session_that_ended(gateway: Gateway) -> None:
    session_id = await gateway.create()
    gateway.backend.stand(session_id, phase=Phase.FAILED)
    for action, body in (("interrupt", None), ("mode", {"mode": "plan"})):
        answer = await gateway.client.post(f"/sessions/{session_id}/{action}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
