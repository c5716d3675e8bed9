"""What a runner before this one left in Redis, gathered before anything is written."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from redis.asyncio import Redis

from moorage_api.backoff import Backoff
from moorage_api.inbox import Prompt
from moorage_api.keys import SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_api.resources import SessionSpec, Usage
from moorage_api.state import SessionState
from moorage_runner.claude.command import prompt_id
from moorage_runner.claude.transcript import Transcript
from moorage_runner.errors import RedisUnreachableError
from moorage_runner.inbox import Inbox
from moorage_runner.logs import get_logger
from moorage_runner.permissions import KnownApprovals
from moorage_runner.state import StateKeeper
from moorage_runner.stream_facts import StreamFacts, gather


@dataclass(frozen=True, slots=True)
class Found:
    """What was found."""

    state: SessionState | None = None
    stream: StreamFacts = field(default_factory=StreamFacts)

    @property
    def usage(self) -> Usage:
        """What the session used so far: the state is newer than the last usage event."""
        if self.state:
            return self.state.usage
        return self.stream.total or Usage()

    @property
    def last_turn_id(self) -> str | None:
        """The turn that ended last."""
        return (self.state and self.state.last_turn_id) or self.stream.last_turn_id

    @property
    def approvals(self) -> KnownApprovals:
        """Requests for permission, from the stream and the state."""
        known = self.stream.approvals
        pending = dict(known.pending)
        for request in self.state.pending_approvals if self.state else []:
            if request.approval_id not in known.resolved:
                pending.setdefault(request.approval_id, request)
        return KnownApprovals(pending, known.resolved, known.grants)


async def find(
    redis: Redis, keys: SessionKeys, state: StateKeeper, inbox: Inbox, patience: float
) -> Found:
    """Read what there is.

    Raises:
        RedisUnreachableError: Redis does not answer for `patience` seconds.
    """
    backoff, deadline = Backoff(), monotonic() + patience
    while True:
        try:
            before, stream, _ = await asyncio.gather(
                state.load(), gather(redis, keys), inbox.remember()
            )
        except FAILURES as error:
            get_logger().warning("redis is awaited", cause=type(error).__name__)
            if monotonic() > deadline:
                raise RedisUnreachableError(patience) from error
            await asyncio.sleep(backoff.next())
        else:
            return Found(before, stream)


def first_prompt(
    session_id: str, spec: SessionSpec, found: Found, transcript: Transcript
) -> Prompt | None:
    """Return the spec's prompt, unless a runner before this one is done with it. Pure.

    It is the head of the queue, so any turn that ended shows that it is done, and so does a
    later prompt in the transcript.
    """
    if spec.prompt is None or found.last_turn_id or (found.state and found.state.last_input_id):
        return None
    prompt = Prompt(input_id=f"{session_id}:prompt", content=spec.prompt)
    name = prompt_id(session_id, prompt.input_id)
    if transcript.holds(name) and not transcript.is_last(name):
        return None
    return prompt
