"""One runner of the crew: what a real one says over the wire, without Claude Code behind it.

It logs in to Redis with the login in its pod's Secret and keeps its state with the runner's own
StateKeeper, heartbeats included. What it does at first its session's prompt says (``Script``).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api.backoff import Backoff
from moorage_api.base import now
from moorage_api.events import PermissionRequest
from moorage_api.keys import INBOX_CONSUMER, INBOX_GROUP, SessionKeys
from moorage_api.redis_client import FAILURES, make_redis
from moorage_api.resources import Activity, Phase
from moorage_runner.state import StateKeeper

TURN: Final = "turn-1"


class Script(StrEnum):
    """Prompts that mean something to the crew. Any other is answered at once, then it is idle."""

    STARTS = "start, and be never ready"
    WORKS = "work, until told otherwise"
    ASKS = "ask for approval, and wait"
    COMPLETES = "do it, and complete"
    MUTE = "never say a word"


@dataclass(frozen=True)
class Post:
    """Where a runner is: its session, its pod, and what its pod's Secret holds."""

    session_id: str
    pod_uid: str
    namespace: str
    pod: str
    redis_url: str
    spec: dict[str, Any]
    """The resolved spec, as a runner reads it."""

    @property
    def path(self) -> str:
        """The pod's path at the API server."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}"


class Member:
    """A runner. ``run`` goes on until it is cancelled, as its pod ends."""

    def __init__(self, post: Post, complete: Callable[[], Any]) -> None:
        self.post = post
        self.keys = SessionKeys(post.session_id)
        self._complete = complete
        self._redis: Redis = make_redis(post.redis_url, pool_size=2, client_name="moorage-runner")
        self._keeper = StateKeeper(self._redis, self.keys)
        self._heart: asyncio.Task[None] | None = None
        self.begun = asyncio.Event()
        """Set once it has done what it does at first."""

    async def run(self) -> None:
        """Be the runner."""
        script = self.post.spec.get("prompt")
        try:
            if script != Script.MUTE:
                await self._begin(script)
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            await self.falls_silent()
            await self._redis.aclose()

    async def say(self, **changes: Any) -> None:
        """Change the state; return when it stands in Redis."""
        self._keeper.change(**{"last_activity_at": now(), **changes})
        await self._keeper.flushed()

    async def works(self) -> None:
        """Say that it works on a turn."""
        await self.say(activity=Activity.WORKING, turn_id="turn-2", pending_approvals=[])

    async def rests(self) -> None:
        """Say that its turn ended."""
        await self.say(
            activity=Activity.IDLE, turn_id=None, last_turn_id=TURN, pending_approvals=[]
        )

    async def asks(self) -> None:
        """Say that a permission request waits."""
        request = PermissionRequest(
            approval_id="approval-1",
            turn_id=TURN,
            tool="Bash",
            input={"command": "make"},
            summary="make",
            requested_at=now(),
            expires_at=now() + timedelta(hours=1),
        )
        await self.say(activity=Activity.AWAITING_APPROVAL, pending_approvals=[request])

    async def falls_silent(self) -> None:
        """Give no sign of life from now on, as a runner that hangs."""
        heart, self._heart = self._heart, None
        if heart is not None:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)

    async def _begin(self, script: str | None) -> None:
        before = await self._patiently(self._keeper.load)
        if before is not None:
            self._keeper.change(usage=before.usage, last_turn_id=before.last_turn_id)
        self._heart = asyncio.create_task(self._keeper.run())
        await self.say(phase=Phase.STARTING)
        if script == Script.STARTS:
            return
        await self._patiently(self._take_inputs)
        claude = {"claude_session_id": f"claude-{self.post.session_id[:8]}"}
        await self.say(phase=Phase.READY, start_commit="c0ffee", **claude)
        if script is None:
            await self.say(activity=Activity.IDLE)
        elif script == Script.ASKS:
            await self.asks()
        elif script == Script.WORKS:
            await self.works()
        else:
            await self.rests()
        if script == Script.COMPLETES:
            await self._complete()

    async def _take_inputs(self) -> None:
        """Take all that waits in the inbox, as a runner does when it starts."""
        with suppress(ResponseError):
            await self._redis.xgroup_create(self.keys.inbox, INBOX_GROUP, "0", mkstream=True)
        taken: Any = await self._redis.xreadgroup(
            INBOX_GROUP, INBOX_CONSUMER, {self.keys.inbox: ">"}, count=1000
        )
        for _, entries in taken:
            await self._redis.xack(self.keys.inbox, INBOX_GROUP, *[each for each, _ in entries])

    async def _patiently(self, call: Callable[[], Any]) -> Any:
        """Call until Redis lets it: it may be away, or the login be made a little later."""
        backoff = Backoff()
        while True:
            try:
                return await call()
            except FAILURES:
                await asyncio.sleep(backoff.next())
