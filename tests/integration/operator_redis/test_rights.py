"""What Redis 7 keeps from a session's user beyond 6.2: each of its keys is for certain commands."""

from collections.abc import Iterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis(seven=True) as running:
        yield running


OWN = "moorage:{SELF}"
REFUSED = {
    "forging an input": ("XADD", f"{OWN}:inbox", "*", "input", "{}"),
    "deleting an input": ("XDEL", f"{OWN}:inbox", "1-0"),
    "reading inputs past its group": ("XREAD", "STREAMS", f"{OWN}:inbox", "0"),
    "inputs that expire": ("EXPIRE", f"{OWN}:inbox", "1"),
    "an inbox that is no stream": ("HSET", f"{OWN}:inbox", "a", "b"),
    "forging a file operation": ("XADD", f"{OWN}:rpc", "*", "request", "{}"),
    "reading a reply": ("XRANGE", f"{OWN}:reply:7", "-", "+"),
    "deleting its own events": ("XDEL", f"{OWN}:events", "1-0"),
    "events that expire": ("EXPIRE", f"{OWN}:events", "1"),
    "a group of its events": ("XGROUP", "CREATE", f"{OWN}:events", "a", "0"),
    "reading what it gave up": ("XRANGE", f"{OWN}:dead", "-", "+"),
    "a state that is no hash": ("RPUSH", f"{OWN}:state", "a"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_each_key_is_open_for_what_it_is_for(session: tuple[str, Redis], what: str) -> None:
    """A login that somebody got hold of forges no input, so no approval either."""
    session_id, redis = session
    command = [each.replace("{SELF}", f"{{{session_id}}}") for each in REFUSED[what]]
    with pytest.raises(NoPermissionError):
        await redis.execute_command(*command)  # type: ignore[no-untyped-call]
    async with redis.pipeline(transaction=True) as pipe:
        pipe.execute_command(*command)
        with pytest.raises(NoPermissionError):
            await pipe.execute()
