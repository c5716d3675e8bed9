"""What the studio shows: which tables, and of those never a column that could let anybody in.

sqladmin wants mapped classes, so the tables are mapped here, for it alone. A column that is hidden
is not mapped: no statement of the studio reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import new_class
from typing import Any, ClassVar, Final

from sqladmin import ModelView
from sqlalchemy import Select, Table, or_, select
from sqlalchemy.orm import registry
from starlette.requests import Request

from moorage_gateway.db import tables

MOST: Final = 10_000
"""Rows that a list leads to: to count more would read a whole table."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A table as it is shown."""

    table: Table
    listed: Sequence[str]
    """Columns of the list; a row's own page has all."""
    sought: Sequence[str]
    """Columns that a search compares, as a whole: they have an index."""
    newest: str
    """The column that the list is sorted by, downwards."""
    hidden: Sequence[str] = ()


SHOWN: Final = (
    Shown(
        tables.sessions,
        ("id", "name", "owner_id", "archived", "created_at", "last_accessed_at", "gone_at"),
        ("id", "owner_id"),
        "id",
    ),
    Shown(
        tables.messages,
        ("position", "session_id", "turn_id", "role", "created_at"),
        ("session_id",),
        "position",
    ),
    Shown(
        tables.inputs,
        ("sequence", "session_id", "id", "created_at", "sent_at", "done_at"),
        ("session_id",),
        "sequence",
    ),
    Shown(
        tables.approvals,
        ("session_id", "id", "tool", "requested_at", "decision", "decided_by", "outcome"),
        ("session_id",),
        "requested_at",
    ),
    Shown(
        tables.turns,
        ("session_id", "turn_id", "outcome", "cost_usd", "duration_ms", "ended_at"),
        ("session_id",),
        "ended_at",
    ),
    Shown(
        tables.dead_letters,
        ("id", "kind", "name", "reason", "failures", "session_id", "last_failed_at"),
        ("session_id",),
        "last_failed_at",
    ),
    Shown(
        tables.audit_records,
        ("position", "at", "action", "outcome", "actor_id", "via", "address", "object_id"),
        ("actor_id", "session_id"),
        "position",
    ),
    Shown(
        tables.users,
        ("id", "email", "name", "role", "issuer", "created_at", "disabled_at"),
        ("id",),
        "id",
        hidden=("password_hash",),
    ),
    Shown(
        tables.sign_ins,
        ("id", "user_id", "created_at", "refreshed_at", "expires_at", "revoked_because"),
        ("id", "user_id"),
        "expires_at",
    ),
    Shown(
        tables.api_keys,
        ("id", "user_id", "name", "prefix", "created_at", "expires_at", "used_at"),
        ("id", "user_id"),
        "id",
        hidden=("digest",),
    ),
    Shown(
        tables.quotas, ("user_id", "sessions_running", "sessions_created"), ("user_id",), "user_id"
    ),
    Shown(
        tables.repositories,
        ("id", "folder_name", "url", "everybody", "created_at"),
        ("id", "folder_name"),
        "folder_name",
    ),
)
"""Not among them: tokens, signing keys, and what is of use to programs alone."""


class ReadOnly(ModelView):
    """A table's pages: a list, newest first, and a page for each row."""

    can_create = False
    can_edit = False
    can_delete = False
    can_export = False
    can_import = False
    page_size = 25
    shown: ClassVar[Shown]

    def list_query(self, request: Request) -> Select[Any]:
        """Return the rows that the list leads to."""
        del request
        return select(self.model).limit(MOST)

    def search_query(self, stmt: Select[Any], term: str) -> Select[Any]:
        """Narrow the rows to those in which a column that is sought has this value."""
        columns = self.shown.table.c
        return stmt.where(or_(*(columns[name] == term for name in self.shown.sought)))


def views() -> list[type[ReadOnly]]:
    """Return a view for each table that is shown."""
    mapping = registry()
    return [_view(mapping, shown) for shown in SHOWN]


def _view(mapping: registry, shown: Shown) -> type[ReadOnly]:
    name = shown.table.name
    model = type(name.title().replace("_", ""), (), {})
    mapping.map_imperatively(model, shown.table, exclude_properties=list(shown.hidden))
    attributes = {
        "shown": shown,
        "name": name,
        "name_plural": name,
        "column_list": list(shown.listed),
        "column_details_list": [
            column.key for column in shown.table.columns if column.key not in shown.hidden
        ],
        "column_searchable_list": list(shown.sought),
        "column_default_sort": (shown.newest, True),
    }
    return new_class(
        f"{name}_view", (ReadOnly,), {"model": model}, lambda body: body.update(attributes)
    )
