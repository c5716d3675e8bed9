"""What is done when a transaction commits, and not if it is rolled back."""

from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Act = Callable[[], None]

# Not in `Connection.info`, which cannot be read once the driver's connection is lost.
_acts: Final[WeakKeyDictionary[Connection, list[Act]]] = WeakKeyDictionary()


def when_committed(connection: AsyncConnection, act: Act) -> None:
    """Have ``act`` called when the transaction that this connection is in commits."""
    assert connection.sync_connection is not None  # noqa: S101 - it has just been used
    _acts.setdefault(connection.sync_connection, []).append(act)


def watch(engine: AsyncEngine) -> None:
    """Have the engine's connections do what is to be done.

    One listener for all of them: SQLAlchemy takes 0.1 ms to add one to a connection.
    """
    event.listen(engine.sync_engine, "commit", _committed)
    event.listen(engine.sync_engine, "rollback", _forget)


def _committed(connection: Connection) -> None:
    for act in _acts.pop(connection, ()):
        act()


def _forget(connection: Connection) -> None:
    _acts.pop(connection, None)
