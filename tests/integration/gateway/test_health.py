"""Health: what is well, what is not, and that it is said in time."""

import os
from pathlib import Path

import pytest

from moorage_testing.gateway import Gateway
from moorage_testing.redis import RedisServer


@pytest.mark.parametrize("path", ["/health", "/health/"])
async def test_everything_is_well(gateway: Gateway, path: str) -> None:
    answer = await gateway.client.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "healthy"
    assert body["services"] == dict.fromkeys(["database", "redis", "queue", "sessions"], "healthy")
    assert body["timestamp"].endswith("Z")
    assert body["uptime"] >= 0
    assert body["version"]
    assert body["details"]["redis"]["latencyMs"] >= 0


async def test_the_process_lives(gateway: Gateway) -> None:
    body = (await gateway.client.get("/health/live")).json()
    assert body.keys() == {"status", "timestamp"}
    assert body["status"] == "ok"


async def test_without_redis_it_is_degraded_and_not_ready(
    gateway: Gateway, redis_server: RedisServer
) -> None:
    ready = await gateway.client.get("/health/ready")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    redis_server.stop()
    health = await gateway.client.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["services"]["redis"] == "unhealthy"
    ready = await gateway.client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"] == {"database": True, "redis": False, "sessions": True}


async def test_without_a_backend_it_is_degraded(gateway: Gateway) -> None:
    gateway.backend.away = True
    assert (await gateway.client.get("/health")).json()["services"]["sessions"] == "unhealthy"
    assert (await gateway.client.get("/health/ready")).status_code == 503


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_without_its_database_it_is_unhealthy(gateway: Gateway, tmp_path: Path) -> None:
    elsewhere = tmp_path.with_suffix(".gone")
    os.rename(tmp_path, elsewhere)  # noqa: PTH104 - at once
    await gateway.context.engine.dispose()
    health = await gateway.client.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    session = await gateway.client.get("/sessions")
    assert (session.status_code, session.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    os.rename(elsewhere, tmp_path)  # noqa: PTH104
    assert (await gateway.client.get("/health")).status_code == 200
