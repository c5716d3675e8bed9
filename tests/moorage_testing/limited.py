"""A runner's own login in Redis, made as the operator makes it: its keys, its commands, no more."""

import asyncio

from kubernetes.aio.client import ApiClient, Configuration

from moorage_api.base import now
from moorage_api.kube.client import KubernetesApi
from moorage_api.redis_client import make_redis
from moorage_api.resources import ClaudeSession
from moorage_operator.build import Subject
from moorage_operator.grants import Grants
from moorage_operator.redis_users import RedisUsers

PREFIX = "session.test."


def limited_login(url: str, session_id: str, session_url: str | None = None) -> str:
    """Create the user of a session; return the URL that its runner logs in with.

    ``url`` is an administrator's, and the runner's too unless there is another for it.
    """
    return asyncio.run(_granted(url, session_id, session_url or url))


async def _granted(url: str, session_id: str, session_url: str) -> str:
    redis = make_redis(url)
    client = ApiClient(Configuration())
    try:
        users = RedisUsers(
            redis,
            KubernetesApi(client),
            Grants(redis, now),
            now,
            session_url=session_url,
            prefix=PREFIX,
        )
        login = users.new_login(session_id)
        await users.grant(limited_subject(session_id), login)
        return login.redis_url.get_secret_value()
    finally:
        await redis.aclose()
        await client.close()  # type: ignore[no-untyped-call]


def limited_subject(session_id: str) -> Subject:
    """Return a session to make a user for."""
    session = ClaudeSession.model_validate(
        {
            "metadata": {"name": "session", "namespace": "default", "uid": session_id},
            "spec": {"repository": {"url": "https://example.com/r.git"}},
        }
    )
    return Subject(session, session.spec)
