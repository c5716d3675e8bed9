"""What is done when a transaction commits, and not if it is rolled back."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_KEY: Final = "moorage.when_committed"

Act = Callable[[], None]


def when_committed(connection: AsyncConnection, act: Act) -> None:
    """Have ``act`` called when the transaction that this connection is in commits."""
    acts: list[Act] = _info(connection.sync_connection).setdefault(_KEY, [])
    acts.append(act)


def watch(engine: AsyncEngine) -> None:
    """Have the engine's connections do what is to be done.

    One listener for all of them: SQLAlchemy takes 0.1 ms to add one to a connection.
    """
    event.listen(engine.sync_engine, "commit", _committed)
    event.listen(engine.sync_engine, "rollback", _forget)


def _committed(connection: Connection) -> None:
    for act in _info(connection).pop(_KEY, ()):
        act()


def _forget(connection: Connection) -> None:
    _info(connection).pop(_KEY, None)


def _info(connection: Connection | None) -> dict[Any, Any]:
    """Return what hangs on the driver's connection; it is another one after a reconnect."""
    assert connection is not None  # noqa: S101 - it has just been used
    return connection.info
