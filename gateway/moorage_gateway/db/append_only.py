"""Triggers that keep a table append-only, on both databases, whatever a statement tries.

Rows may be removed only within a transaction that says so itself: it writes a row with a date into
the table ``audit_retention``, which no other transaction sees, removes what is older, and takes the
row away again. They guard against mistakes and injected statements; who owns the tables can drop
them, which is why each record is a line in the log as well.
"""

from collections.abc import Sequence
from typing import Final

_TABLE: Final = "audit_records"
_MESSAGE: Final = f"{_TABLE} is append-only"
_REMOVABLE: Final = "EXISTS (SELECT 1 FROM audit_retention WHERE OLD.at < removable_before)"

_SQLITE: Final[Sequence[str]] = (
    (
        f"CREATE TRIGGER {_TABLE}_no_update BEFORE UPDATE ON {_TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    ),
    (
        f"CREATE TRIGGER {_TABLE}_no_delete BEFORE DELETE ON {_TABLE} WHEN NOT {_REMOVABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    ),
)
_POSTGRESQL: Final[Sequence[str]] = (
    f"""CREATE FUNCTION {_TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF {_REMOVABLE} THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '{_MESSAGE}';
END $$""",
    (
        f"CREATE TRIGGER {_TABLE}_rows BEFORE UPDATE OR DELETE ON {_TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {_TABLE}_refuse()"
    ),
    (
        f"CREATE TRIGGER {_TABLE}_whole BEFORE TRUNCATE ON {_TABLE} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_TABLE}_refuse()"
    ),
)


def statements(dialect: str) -> Sequence[str]:
    """Return what makes the triggers on a database of this dialect."""
    return _SQLITE if dialect == "sqlite" else _POSTGRESQL
