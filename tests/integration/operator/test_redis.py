"""Redis away, emptied, started again: what runs goes on, users come back, who waits says so."""

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from moorage_api.keys import SessionKeys
from moorage_api.resources import Phase
from moorage_testing.controlplane.processes import until
from moorage_testing.operating.sessions import Sessions, ready
from moorage_testing.operating.stage import Stage


@pytest.fixture(scope="module")
def more_settings() -> dict[str, str]:
    return {"SWEEP": "1s", "REDIS__SESSION_MEMORY": "4Mi"}


def test_each_session_has_a_user_for_its_own_keys_alone(
    operated: Stage, sessions: Sessions
) -> None:
    one, other = sessions.create("one"), sessions.create("other")
    for name in ("one", "other"):
        sessions.await_phase(Phase.READY, name)
    user = operated.redis_user(one)
    assert user.ping()
    assert user.hgetall(SessionKeys(one).state)
    with pytest.raises(NoPermissionError):
        user.hgetall(SessionKeys(other).state)
    with pytest.raises(NoPermissionError):
        user.xadd(SessionKeys(other).events, {"a": "1"})
    with pytest.raises(NoPermissionError):
        user.hgetall(SessionKeys(one).meter)
    with pytest.raises(NoPermissionError):
        user.publish(SessionKeys(other).notify, "state")
    for forbidden in (user.keys, user.acl_list, user.config_get, user.flushall, user.scan):
        with pytest.raises(NoPermissionError):
            forbidden()
    user.close()


def test_who_floods_redis_is_cut_off_and_fails(operated: Stage, sessions: Sessions) -> None:
    """Nothing else may: neither what it wrote stays, nor does it come back."""
    hostile, other = sessions.create("hostile"), sessions.create("other")
    for name in ("hostile", "other"):
        sessions.await_phase(Phase.READY, name)
    user = operated.redis_user(hostile)
    with pytest.raises(RedisError):
        flood(user, SessionKeys(hostile).events)
    user.close()
    over = sessions.await_phase(Phase.FAILED, "hostile", reason="EventFlood")
    assert "was cut off" in (over.status.message or "")
    sessions.await_gone(sessions.own("pods", over))
    assert operated.session_users() == {other}
    with operated.redis_client() as redis:
        assert not redis.exists(SessionKeys(hostile).events)
    assert sessions.get("other").status.phase is Phase.READY


def flood(user: Redis, stream: str) -> None:
    """Write until it is refused."""
    while True:
        user.xadd(stream, {"event": "x" * 64 * 1024})


def test_users_that_redis_lost_come_back(operated: Stage, sessions: Sessions) -> None:
    uid = sessions.create()
    before = sessions.await_phase(Phase.READY)
    with operated.redis_client() as redis:
        mine = next(each for each in redis.acl_users() if each.endswith(uid))
        redis.acl_deluser(mine)
        redis.flushall()
        until("the user", 20, lambda: None if mine in redis.acl_users() else "lost")
        key = SessionKeys(uid).state
        until("the state", 20, lambda: None if redis.exists(key) else "lost")
    assert sessions.get().status.pod_uid == before.status.pod_uid


@pytest.mark.parametrize("forced", [True, False])
def test_started_again_and_empty(forced: bool, operated: Stage, sessions: Sessions) -> None:
    """What ran goes on in the same pod; what came meanwhile says what it waits for."""
    uid = sessions.create("runs")
    before = sessions.await_phase(Phase.READY, "runs")
    (operated.redis.kill if forced else operated.redis.stop)()
    sessions.create("comes")
    waits = sessions.await_phase(Phase.PENDING, "comes", reason="RedisUnavailable")
    assert waits.status.message == "Redis does not answer. The session starts once it does."
    assert sessions.get("runs").status.phase is Phase.READY
    operated.redis.start()
    sessions.await_phase(Phase.READY, "comes")
    with operated.redis_client() as redis:
        key = SessionKeys(uid).state
        until("the state", 20, lambda: None if redis.exists(key) else "lost")
    after = sessions.get("runs")
    assert (after.status.phase, after.status.pod_uid) == (Phase.READY, before.status.pod_uid)


def test_without_redis_it_does_what_it_can(operated: Stage, sessions: Sessions) -> None:
    for name in ("suspend", "delete", "evict"):
        sessions.create(name, retry={"backoff": "100ms"})
    there = {
        name: sessions.await_phase(Phase.READY, name) for name in ("suspend", "delete", "evict")
    }
    operated.redis.kill()
    sessions.change("suspend", suspend=True)
    sessions.await_phase(Phase.SUSPENDED, "suspend")
    sessions.delete("delete")
    sessions.await_gone(sessions.own("pods", there["delete"]))
    sessions.delete_pod(there["evict"])
    waits = sessions.await_phase(Phase.PENDING, "evict", reason="RedisUnavailable")
    assert ready(waits).status == "False"
    operated.redis.start()
    sessions.await_phase(Phase.READY, "evict")
    gone = there["delete"].metadata.uid or ""
    with operated.redis_client() as redis:
        until(
            "its user gone",
            20,
            lambda: "there" if any(each.endswith(gone) for each in redis.acl_users()) else None,
        )
