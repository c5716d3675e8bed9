"""Answers file operations from the session's rpc stream until it is cancelled."""

from redis.asyncio import Redis

from moorage_api.keys import SessionKeys
from moorage_runner.workspace import Workspace


async def serve(
    redis: Redis, keys: SessionKeys, workspace: Workspace, start_commit: str | None
) -> None:
    """Answer requests for ever; Redis may be away or lose its data meanwhile."""
    raise NotImplementedError
