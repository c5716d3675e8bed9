"""When Redis is asked for a session's sign of life, seen by a Redis that is not there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from moorage_api.kube.client import KubernetesApi
from moorage_api.live import LiveStates
from moorage_api.redis_client import make_redis
from moorage_operator.grants import Grants
from moorage_operator.observed import PodSeen
from moorage_operator.redis_users import RedisUsers
from moorage_operator.signs import Signs
from moorage_operator.store import Record

from .builders import pod, session, starting_pod, status

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen", "suspend", "asked"),
    [
        (starting_pod(), False, False),
        (starting_pod(), True, True),
        (pod(), False, True),
        (None, False, True),
    ],
    ids=["its runner has not begun", "to be suspended", "its runner runs", "its pod went"],
)
async def test_a_runner_that_has_not_begun_is_not_asked_for(
    tmp_path: Path, seen: PodSeen | None, suspend: bool, asked: bool
) -> None:
    redis = make_redis(f"unix://{tmp_path}/nobody.sock")
    api = cast("KubernetesApi", None)  # it is asked for logins only
    users = RedisUsers(
        redis,
        api,
        Grants(redis, lambda: NOW),
        lambda: NOW,
        session_url="redis://redis/0",
        prefix="session.",
    )
    signs = Signs(LiveStates(redis), users, lambda: NOW)
    signs.answered()
    record = Record(session(status(started_at=NOW), suspend=suspend), pod=seen)
    live = await signs.of(record)
    assert (live is None) is asked
    await redis.aclose()
