"""A database that has been in use for long: 100,000 rows in each table of sessions and history.

200 sessions have a long history (500 messages each); what is open is rare, as it is in life. What
belongs to users has 10,000 rows a table.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moorage_gateway.db.tables import (
    api_keys,
    approvals,
    audit_records,
    checkpoints,
    idempotency_keys,
    inputs,
    messages,
    refresh_tokens,
    sessions,
    sign_ins,
    turns,
    users,
)

ROWS: Final = 100_000
USERS: Final = 10_000
LIVING: Final = 2_000
PER_SESSION: Final = 500
PER_TURN: Final = 5
OPEN_EVERY: Final = 2_000
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def session_id(number: int) -> str:
    """Return the id of a session; the first 200 have a history."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def user_id(number: int) -> str:
    """Return the id of a user; each of the first 1,000 has 100 sessions."""
    return f"user-{number}"


def turn_id(number: int) -> str:
    """Return the id of the user's message that begins a turn."""
    return f"turn-{number - number % PER_TURN}"


@cache
def at(number: int) -> datetime:
    """Return the moment of a row: one a minute."""
    return BEGIN + timedelta(minutes=number)


def _session(n: int) -> Row:
    return {
        "id": session_id(n), "name": f"s-{n}", "owner_id": user_id(n % 1000),
        "project_path": "/p", "archived": n % 1000 == 7, "created_at": at(n), "updated_at": at(n),
        "last_accessed_at": at(n), "run_requested_at": at(n),
        "gone_at": None if n < LIVING else at(n),
    }  # fmt: skip


def _of_session(n: int) -> Row:
    return {"session_id": session_id(n // PER_SESSION)}


def _message(n: int) -> Row:
    is_head = n % PER_TURN == 0
    return _of_session(n) | {
        "id": f"turn-{n}" if is_head else f"message-{n}",
        "turn_id": None if is_head else turn_id(n),
        "role": "user" if is_head else "assistant",
        "content": f"What was said, number {n}. " * 4,
        "created_at": at(n),
    }


def _input(n: int) -> Row:
    done = None if n % OPEN_EVERY == 0 else at(n)
    body = '{"type":"prompt"}'
    return _of_session(n) | {
        "id": f"turn-{n}", "body": body, "created_at": at(n), "sent_at": done, "done_at": done
    }  # fmt: skip


def _approval(n: int) -> Row:
    is_open = n % OPEN_EVERY == 0
    return _of_session(n) | {
        "id": f"approval-{n}", "turn_id": turn_id(n), "tool": "Bash", "input": "{}",
        "summary": "Run ls", "requested_at": at(n), "expires_at": at(n + 60),
        "decision": None if is_open else "allow", "resolved_at": None if is_open else at(n),
    }  # fmt: skip


def _turn(n: int) -> Row:
    return _of_session(n) | {
        "turn_id": f"turn-{n}", "outcome": "completed", "input_tokens": 1, "output_tokens": 1,
        "cost_usd": 0.01, "duration_ms": 9, "ended_at": at(n),
    }  # fmt: skip


def _checkpoint(n: int) -> Row:
    return {"session_id": session_id(n), "event_id": "1-0", "updated_at": at(n)}


def _user(n: int) -> Row:
    return {
        "id": user_id(n), "issuer": "local", "subject": f"{n}@example.com", "role": "user",
        "created_at": at(n), "updated_at": at(n),
    }  # fmt: skip


def _sign_in(n: int) -> Row:
    return {
        "id": f"sign-in-{n}", "user_id": user_id(n), "created_at": at(n), "refreshed_at": at(n),
        "expires_at": at(n + ROWS), "revoked_at": at(n + 9) if n % 100 == 0 else None,
    }  # fmt: skip


def _token(n: int) -> Row:
    return {
        "digest": f"digest-{n}", "sign_in_id": f"sign-in-{n}", "created_at": at(n),
        "used_at": at(n + 5) if n % 2 else None,
    }  # fmt: skip


def _api_key(n: int) -> Row:
    return {
        "id": f"key-{n}", "user_id": user_id(n), "name": "script", "prefix": "mk_x",
        "digest": f"digest-{n}", "created_at": at(n),
    }  # fmt: skip


def _idempotency_key(n: int) -> Row:
    return {
        "user_id": user_id(n % 1000), "scope": "sessions", "key": f"key-{n}", "digest": "x",
        "object_id": session_id(n), "expires_at": at(n),
    }  # fmt: skip


def _audit_record(n: int) -> Row:
    return _of_session(n) | {
        "at": at(n), "action": "repository.push" if n % 100 == 0 else "message.send",
        "outcome": "done", "actor_id": user_id(n % 1000), "via": "sign_in", "object_id": f"o-{n}",
        "request_id": f"request-{n}", "details": "{}",
    }  # fmt: skip


_TABLES: Final[dict[Table, tuple[Callable[[int], Row], int]]] = {
    users: (_user, USERS),
    sessions: (_session, ROWS),
    messages: (_message, ROWS),
    inputs: (_input, ROWS),
    approvals: (_approval, ROWS),
    turns: (_turn, ROWS),
    checkpoints: (_checkpoint, USERS),
    sign_ins: (_sign_in, USERS),
    refresh_tokens: (_token, USERS),
    api_keys: (_api_key, USERS),
    idempotency_keys: (_idempotency_key, USERS),
    audit_records: (_audit_record, ROWS),
}
FILLED: Final = frozenset(table.name for table in _TABLES)


async def fill_with_many(engine: AsyncEngine) -> None:
    """Write all rows; PostgreSQL also learns how they are spread, as it does by itself in time."""
    async with engine.connect() as connection:
        is_sqlite = engine.dialect.name == "sqlite"
        if is_sqlite:  # nothing here outlives the machine
            await connection.exec_driver_sql("PRAGMA synchronous = OFF")
        for table, (row, count) in _TABLES.items():
            await _copy(connection, table, [row(number) for number in range(count)])
        if not is_sqlite:
            await connection.exec_driver_sql("ANALYZE")
        await connection.commit()


async def _copy(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Write a table's rows in the fastest way that the database's driver has."""
    raw: Any = (await connection.get_raw_connection()).driver_connection
    columns, values = list(rows[0]), [tuple(row.values()) for row in rows]
    if connection.dialect.name == "postgresql":
        await raw.copy_records_to_table(table.name, columns=columns, records=values)
        return
    marks = ", ".join("?" * len(columns))
    await raw.executemany(
        f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608
        [tuple(map(_as_sqlite, row)) for row in values],
    )


def _as_sqlite(value: Any) -> Any:
    """Write a moment as SQLAlchemy does."""
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=None).isoformat(" ", "microseconds")
