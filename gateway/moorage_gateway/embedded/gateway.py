"""The gateway in this process: the application over the local backend, served on our socket."""

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import select

from moorage_api.settings import secret_values
from moorage_gateway import logs
from moorage_gateway.app import create_app
from moorage_gateway.backends.interface import SessionBackend
from moorage_gateway.backends.local import LocalBackend, LocalSettings
from moorage_gateway.db.engine import open_engine
from moorage_gateway.db.tables import inputs
from moorage_gateway.embedded.checks import HOST
from moorage_gateway.embedded.options import Model, Options
from moorage_gateway.embedded.refusals import BadUsage
from moorage_gateway.metrics.instruments import Metrics
from moorage_gateway.server import Server, make_server
from moorage_gateway.settings import Settings, SettingsRefused, load_settings

_GRACE: Final = 5.0
_LARGEST_LOG: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the gateway runs on."""

    redis_url: str
    model: Model
    port: int
    children_lock: int


class EmbeddedServer(Server):
    """A server that leaves signals to its surroundings and says when it listens."""

    on_started: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self.on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class Gateway:
    """The server and the backend behind it."""

    def __init__(self, options: Options, surroundings: Surroundings) -> None:
        self._options = options
        self._surroundings = surroundings
        self._backend: LocalBackend | None = None
        settings = _settings(options, surroundings)
        _log_to(options.home / "gateway.log", settings)
        app = create_app(settings, self._open_backend)
        self.server = EmbeddedServer(make_server(app, settings).config)

    def stop(self) -> None:
        """Let the server end."""
        self.server.should_exit = True

    def hurry(self) -> None:
        """Leave the sessions' runners no more time."""
        if self._backend is not None:
            self._backend.hurry()

    @asynccontextmanager
    async def _open_backend(
        self, settings: Settings, redis: Redis, metrics: Metrics
    ) -> AsyncIterator[SessionBackend]:
        del metrics
        async with open_engine(settings.database_location, settings.database) as engine:

            async def open_inputs(session_id: str) -> bool:
                query = select(inputs.c.id).where(
                    inputs.c.session_id == session_id, inputs.c.done_at.is_(None)
                )
                async with engine.connect() as connection:
                    return (await connection.execute(query.limit(1))).first() is not None

            async with LocalBackend.open(
                self._local_settings(),
                redis,
                open_inputs=open_inputs,
                lock=self._surroundings.children_lock,
            ) as backend:
                self._backend = backend
                yield backend

    def _local_settings(self) -> LocalSettings:
        model = self._surroundings.model
        return LocalSettings(
            home=self._options.home,
            redis_url=self._surroundings.redis_url,
            anthropic_base_url=model.url,
            anthropic_credential=SecretStr(model.credential),
            credential_variable=model.variable,
            max_running=self._options.max_sessions,
            grace_seconds=_GRACE,
        )


def _settings(options: Options, surroundings: Surroundings) -> Settings:
    """Return the gateway's settings: what an embedded run decides, and else the environment's."""
    os.environ.setdefault("MOORAGE_HTTP__SHUTDOWN_SECONDS", "2")
    os.environ.setdefault(
        "MOORAGE_REPOSITORIES__PATTERNS", '[{"url": "https://**/**"}, {"url": "http://**/**"}]'
    )
    for name in ("RUNNING", "CREATED"):
        os.environ.setdefault(f"MOORAGE_QUOTAS__SESSIONS_{name}", "0")
    os.environ.setdefault("MOORAGE_LIMITS__ENABLED", "false")
    os.environ.setdefault("MOORAGE_HTTP__DRAIN_SECONDS", "0")  # nobody else takes requests over
    os.environ |= {
        "MOORAGE_AUTH": "none",
        "MOORAGE_HOME": str(options.home),
        "MOORAGE_HOST": HOST,
        "MOORAGE_PORT": str(surroundings.port),
        "MOORAGE_REDIS_URL": surroundings.redis_url,
        "MOORAGE_SESSIONS__ALLOW_LOCAL_PATHS": "true",
    }
    try:
        return load_settings()
    except SettingsRefused as refused:
        raise BadUsage(" ".join(f"{mistake}." for mistake in refused.mistakes)) from None


def _log_to(path: Path, settings: Settings) -> None:
    """Send the gateway's log to a file: the terminal is the session's."""
    chosen = {"file": settings.log.file or path, "file_backups": 1, "file_max_bytes": _LARGEST_LOG}
    logs.configure(settings.log.model_copy(update=chosen), secret_values(settings))
