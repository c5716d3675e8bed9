"""A session's user in the Redis that a module calls `server`."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.kube.client import KubernetesApi
from moorage_api.redis_client import make_redis
from moorage_operator.grants import Grants
from moorage_operator.redis_users import RedisUsers
from moorage_testing.limited import limited_subject
from moorage_testing.redis import RedisServer


@pytest.fixture
async def admin(server: RedisServer) -> AsyncIterator[Redis]:
    redis = make_redis(server.url)
    yield redis
    await redis.flushall()
    await redis.aclose()


@pytest.fixture
def prefix() -> str:
    """Return what the names of an installation's users begin with."""
    return f"session.{uuid4().hex}."


@pytest.fixture
async def users(admin: Redis, server: RedisServer, prefix: str) -> AsyncIterator[RedisUsers]:
    client = ApiClient(Configuration())
    yield RedisUsers(
        admin, KubernetesApi(client), Grants(admin, now), now, session_url=server.url, prefix=prefix
    )
    await client.close()  # type: ignore[no-untyped-call]


@pytest.fixture
async def session(users: RedisUsers) -> AsyncIterator[tuple[str, Redis]]:
    """A session's id and what its runner talks through."""
    session_id = str(uuid4())
    login = users.new_login(session_id)
    await users.grant(limited_subject(session_id), login)
    redis = make_redis(login.redis_url.get_secret_value())
    yield session_id, redis
    await redis.aclose()
