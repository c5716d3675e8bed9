"""The sessions' grants in a real Redis: leases that the operator writes, renews and ends."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from redis.asyncio import Redis

from moorage_api.grant import GRANT_FIELD, LEASE_SECONDS, TOKEN_FIELD, Grant, is_token
from moorage_api.keys import SessionKeys
from moorage_api.kube.client import KubernetesApi
from moorage_api.live import LiveStates
from moorage_api.redis_client import make_redis
from moorage_operator.build import Subject
from moorage_operator.grants import Grants, grant_of
from moorage_operator.redis_users import RedisUsers
from moorage_operator.signs import Signs
from moorage_operator.store import Store
from moorage_operator.sweep import Sweep
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis() as running:
        yield running


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Redis]:
    client = make_redis(server.url)
    yield client
    await client.flushall()
    await client.aclose()


class Stage:
    """The operator's side of Redis, with one session that has a pod, and a clock."""

    def __init__(self, redis: Redis, client: ApiClient, url: str) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)
        self.store, self.uid = Store(), str(uuid4())
        prefix = f"session.{uuid4().hex}."
        grants = Grants(redis, self.clock)
        api = KubernetesApi(client)
        self.users = RedisUsers(redis, api, grants, self.clock, session_url=url, prefix=prefix)
        states = LiveStates(redis)
        self.signs = Signs(states, self.users, self.clock)
        self.sweep = Sweep(self.store, states, self.users, grants, self.signs, self.clock)
        self.keys = SessionKeys(self.uid)
        self.put(budget={"maxCostUsd": 5})
        self.login = self.users.new_login(self.uid)

    def clock(self) -> datetime:
        return self.now

    def put(self, generation: int = 1, status: Any = None, **spec: Any) -> None:
        """Have the operator know of the session."""
        meta = {"name": "s", "namespace": "team", "uid": self.uid, "generation": generation}
        body = {
            "metadata": {**meta, "resourceVersion": str(generation)},
            "spec": {"repository": {"url": "https://example.com/r.git"}, **spec},
            "status": status or {},
        }
        self.store.put("ClaudeSession", body)

    def put_pod(self) -> None:
        """Have the operator know of a pod."""
        owner = {"kind": "ClaudeSession", "uid": self.uid, "controller": True}
        name = self.subject.name
        meta = {"name": name, "uid": "pod", "resourceVersion": "1", "ownerReferences": [owner]}
        self.store.put("Pod", {"metadata": meta, "spec": {}, "status": {}})

    @property
    def subject(self) -> Subject:
        record = self.store.get(self.uid)
        assert record is not None
        return Subject(record.session, record.session.spec)


@pytest.fixture
async def stage(redis: Redis, server: RedisServer) -> AsyncIterator[Stage]:
    async with ApiClient(Configuration()) as client:
        yield Stage(redis, client, server.url)


async def granted(redis: Redis, keys: SessionKeys) -> Grant:
    raw: Any = await redis.hget(keys.grant, GRANT_FIELD.decode())
    return Grant.model_validate_json(raw)


async def test_a_login_is_let_in_by_the_digest_of_its_token(stage: Stage, redis: Redis) -> None:
    await stage.users.grant(stage.subject, stage.login)
    digest: Any = await redis.hget(stage.keys.grant, TOKEN_FIELD.decode())
    token = stage.login.token.get_secret_value()
    assert is_token(token, digest)
    assert token not in str(await redis.hgetall(stage.keys.grant))
    assert await granted(redis, stage.keys) == grant_of(stage.subject)
    assert LEASE_SECONDS - 5 <= await redis.ttl(stage.keys.grant) <= LEASE_SECONDS


@pytest.mark.parametrize("over", [True, False])
async def test_what_is_revoked_ends_at_once(stage: Stage, redis: Redis, over: bool) -> None:
    await stage.users.grant(stage.subject, stage.login)
    await redis.xadd(stage.keys.events, {"event": b"{}"})
    await stage.users.revoke(stage.uid, over=over)
    assert not await redis.exists(stage.keys.grant)
    assert await stage.users.look() == set()
    assert (await redis.ttl(stage.keys.events) > 0) is over


async def test_a_suspended_session_comes_back_with_the_same_login(
    stage: Stage, redis: Redis
) -> None:
    """Nothing has to be read for that: no API server answers here."""
    await stage.users.grant(stage.subject, stage.login)
    await stage.users.revoke(stage.uid, over=False)
    await stage.users.grant(stage.subject, None)
    digest: Any = await redis.hget(stage.keys.grant, TOKEN_FIELD.decode())
    assert is_token(stage.login.token.get_secret_value(), digest)
    login = make_redis(stage.login.redis_url.get_secret_value())
    await login.xadd(stage.keys.events, {"event": b"{}"})
    await login.aclose()


async def test_a_lease_is_renewed_while_there_is_a_pod(stage: Stage, redis: Redis) -> None:
    await stage.users.grant(stage.subject, stage.login)
    looked: list[str] = []
    await stage.sweep.run(looked.append)
    await redis.expire(stage.keys.grant, 100)
    await stage.sweep.run(looked.append)
    assert await redis.ttl(stage.keys.grant) <= 100  # without a pod nobody renews it
    stage.put_pod()
    await stage.sweep.run(looked.append)
    assert await redis.ttl(stage.keys.grant) > 100
    await redis.expire(stage.keys.grant, 100)
    await stage.sweep.run(looked.append)
    assert await redis.ttl(stage.keys.grant) <= 100  # it was a moment ago
    stage.now += timedelta(seconds=LEASE_SECONDS / 4)
    await stage.sweep.run(looked.append)
    assert await redis.ttl(stage.keys.grant) > 100


async def test_another_budget_counts_with_the_next_sweep(stage: Stage, redis: Redis) -> None:
    await stage.users.grant(stage.subject, stage.login)
    stage.put_pod()
    await stage.sweep.run(lambda _: None)
    stage.put(generation=2, budget={"maxCostUsd": 50})
    await stage.sweep.run(lambda _: None)
    assert (await granted(redis, stage.keys)).max_cost_usd == 50


async def test_a_lease_that_ran_out_is_granted_anew(stage: Stage, redis: Redis) -> None:
    await stage.users.grant(stage.subject, stage.login)
    stage.put_pod()
    await stage.sweep.run(lambda _: None)
    await redis.delete(stage.keys.grant)
    stage.now += timedelta(seconds=LEASE_SECONDS)
    looked: list[str] = []
    await stage.sweep.run(looked.append)
    assert looked == [stage.uid]
    record = stage.store.get(stage.uid)
    assert record is not None
    live = await stage.signs.of(record)
    assert live is not None
    assert not live.access  # so the next pass grants it


async def test_a_session_that_is_gone_is_let_in_no_more(stage: Stage, redis: Redis) -> None:
    await stage.users.grant(stage.subject, stage.login)
    stage.store.forget(stage.uid)
    await stage.sweep.run(lambda _: None)
    assert not await redis.exists(stage.keys.grant)


async def test_what_was_spent_survives_a_redis_that_lost_everything(
    stage: Stage, redis: Redis
) -> None:
    await redis.hset(stage.keys.meter, mapping={"costMicroUsd": 4_000_000, "inputTokens": 7})
    stage.put(generation=2, status={"usage": {"costUsd": 3.5}}, budget={"maxCostUsd": 5})
    await stage.users.grant(stage.subject, stage.login)
    assert await redis.hget(stage.keys.meter, "costMicroUsd") == b"4000000"  # it knows better
    await redis.flushall()
    await stage.users.grant(stage.subject, stage.login)
    assert await redis.hget(stage.keys.meter, "costMicroUsd") == b"3500000"


async def test_what_is_metered_is_seen_with_the_runner_s_turns(stage: Stage, redis: Redis) -> None:
    await stage.sweep.run(lambda _: None)
    await redis.hset(stage.keys.meter, mapping={"costMicroUsd": 2_500_000, "outputTokens": 9})
    said = {"phase": "Ready", "usage": {"turns": 3, "costUsd": 0.01}}
    await redis.hset(stage.keys.state, mapping={"state": json.dumps(said), "heartbeat": "1"})
    stage.put(generation=2, status={"startedAt": "2026-01-31T11:00:00Z"})
    record = stage.store.get(stage.uid)
    assert record is not None
    live = await stage.signs.of(record)
    assert live is not None
    assert live.metered is not None
    usage = live.metered
    assert (usage.cost_usd, usage.output_tokens, usage.turns) == (2.5, 9, 3)
