"""What one gateway process holds: made once at the start, passed along, closed at the end."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import Depends
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import HTTPConnection

from moorage_gateway.auth.logins import Logins
from moorage_gateway.backends.interface import SessionBackend
from moorage_gateway.background import Supervisor
from moorage_gateway.files.client import RunnerFiles
from moorage_gateway.jobs.queue import JobQueue
from moorage_gateway.kept.answers import KeptAnswers
from moorage_gateway.kept.versions import Changes
from moorage_gateway.limits.limiter import Limiter
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.watch import SessionWatch
from moorage_gateway.messages.writing import MessageWriter
from moorage_gateway.metrics.instruments import Metrics
from moorage_gateway.outbox import Relay
from moorage_gateway.pipelined import Pipelined
from moorage_gateway.settings import Settings

OpenBackend = Callable[[Settings, Redis, Metrics], AbstractAsyncContextManager[SessionBackend]]
"""Opens the sessions' backend. It is closed after everything that uses it."""


class AccountContext(Protocol):
    """What accounts need of a process: also of one that has no sessions, as the studio's."""

    @property
    def engine(self) -> AsyncEngine:
        """The database."""
        ...

    @property
    def logins(self) -> Logins | None:
        """What logging in needs; None: nobody logs in."""
        ...

    @property
    def limiter(self) -> Limiter | None:
        """What counts attempts; None: nothing is limited."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time."""
        ...

    @property
    def started_at(self) -> datetime:
        """When the process began."""
        ...


@dataclass(frozen=True, slots=True)
class Accounts:
    """The parts of a process that has accounts and nothing else."""

    engine: AsyncEngine
    logins: Logins | None
    limiter: Limiter | None
    clock: Callable[[], datetime]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Context:
    """One process's parts."""

    settings: Settings
    engine: AsyncEngine
    # The same connections, for what only reads.
    reads: AsyncEngine
    redis: Redis
    # The same Redis, for what every request asks.
    pipelined: Pipelined
    changes: Changes
    answers: KeptAnswers
    files: RunnerFiles
    # None: nobody logs in.
    logins: Logins | None
    # Questions to git servers that are under way.
    branch_slots: asyncio.Semaphore
    # None: nothing is limited.
    limiter: Limiter | None
    backend: SessionBackend
    messages: MessageWriter
    relay: Relay
    jobs: JobQueue
    hub: Hub
    watch: SessionWatch
    supervisor: Supervisor
    metrics: Metrics
    clock: Callable[[], datetime]
    version: str
    started_at: datetime
    # Set when the process is about to end: live streams end then.
    closing: asyncio.Event


@dataclass(frozen=True, slots=True)
class Recording:
    """What the process that records holds."""

    engine: AsyncEngine
    redis: Redis
    backend: SessionBackend
    supervisor: Supervisor
    clock: Callable[[], datetime]
    version: str
    started_at: datetime
    # Set when the process is about to end.
    closing: asyncio.Event


async def current_context(connection: HTTPConnection) -> Context:
    """Return the process's context, which the application's lifespan made.

    A coroutine, though it waits for nothing: FastAPI gives plain functions to a thread.
    """
    context: Context = connection.app.state.context
    return context


ContextDep = Annotated[Context, Depends(current_context)]
