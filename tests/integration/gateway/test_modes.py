"""Permission modes: who operates the gateway says which of them users may choose."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from moorage_api.inbox import SetMode
from moorage_gateway.settings.features import SessionSettings
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer

TOLD = "bypassPermissions is not allowed here; allowed: default, plan"


@pytest.fixture
async def gateway(redis_server: RedisServer, home: Path) -> AsyncIterator[Gateway]:
    settings = settings_for(
        home, redis_server.url, sessions={"permission_modes": ["default", "plan"]}
    )
    async with running_gateway(settings) as running:
        yield running


def mistake(answer: Any) -> tuple[int, str, str]:
    (detail,) = answer.json()["details"]
    return answer.status_code, detail["path"], detail["message"]


async def test_a_session_is_created_in_an_allowed_mode_only(gateway: Gateway) -> None:
    body = {"projectPath": REPOSITORY, "claude": {"permissionMode": "bypassPermissions"}}
    refused = await gateway.client.post("/sessions", json=body)
    assert mistake(refused) == (400, "claude.permissionMode", TOLD)
    assert gateway.backend.sessions == {}
    session_id = await gateway.create(projectPath=REPOSITORY, claude={"permissionMode": "plan"})
    assert gateway.backend.get(session_id).spec.claude.permission_mode == "plan"
    await gateway.create()


async def test_no_other_mode_is_chosen_while_it_runs(gateway: Gateway) -> None:
    path = f"/sessions/{(session_id := await gateway.create())}/mode"
    refused = await gateway.client.post(path, json={"mode": "bypassPermissions"})
    assert mistake(refused) == (400, "mode", TOLD)
    assert (await gateway.client.post(path, json={"mode": "plan"})).is_success
    sent = [each for each in await gateway.inbox(session_id) if isinstance(each, SetMode)]
    assert [each.mode for each in sent] == ["plan"]


def test_a_mode_that_does_not_exist_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="everything: the modes are default, acceptEdits"):
        SessionSettings(permission_modes=["default", "everything"])
