"""Alembic's entry: runs the scripts on the connection that `db.migrate` passes."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from moorage_gateway.db.tables import metadata
from moorage_gateway.db.values import SafeText, UtcDateTime


def plain_types(kind: str, item: Any, autogen: object) -> str | Literal[False]:
    """Write our own types as plain ones: a script must not change with the code."""
    del autogen
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, SafeText):
        return "sa.Text()" if item.length is None else f"sa.String(length={item.length})"
    return False


def run(connection: Connection) -> None:
    """Run what was asked for on ``connection``."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        transactional_ddl=True,
        render_item=plain_types,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
