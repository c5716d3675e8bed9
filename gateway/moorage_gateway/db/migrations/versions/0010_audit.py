"""Who did what, append-only by triggers."""

import sqlalchemy as sa
from alembic import op

revision = "0010_audit"
down_revision = "0009_creations"
branch_labels = None
depends_on = None

_REMOVABLE = "EXISTS (SELECT 1 FROM audit_retention WHERE OLD.at < removable_before)"
_SQLITE = (
    (
        "CREATE TRIGGER audit_records_no_update BEFORE UPDATE ON audit_records "
        "BEGIN SELECT RAISE(ABORT, 'audit_records is append-only'); END"
    ),
    (
        "CREATE TRIGGER audit_records_no_delete BEFORE DELETE ON audit_records "
        f"WHEN NOT {_REMOVABLE} "
        "BEGIN SELECT RAISE(ABORT, 'audit_records is append-only'); END"
    ),
)
_POSTGRESQL = (
    f"""CREATE FUNCTION audit_records_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF {_REMOVABLE} THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit_records is append-only';
END $$""",
    (
        "CREATE TRIGGER audit_records_rows BEFORE UPDATE OR DELETE ON audit_records "
        "FOR EACH ROW EXECUTE FUNCTION audit_records_refuse()"
    ),
    (
        "CREATE TRIGGER audit_records_whole BEFORE TRUNCATE ON audit_records "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_records_refuse()"
    ),
)


def upgrade() -> None:
    """Bring the tables to this version."""
    op.create_table(
        "audit_retention",
        sa.Column("removable_before", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("removable_before", name=op.f("pk_audit_retention")),
    )
    op.create_table(
        "audit_records",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.String(length=128), nullable=True),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("via_id", sa.String(length=64), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("object_id", sa.String(length=1024), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_records")),
        sqlite_autoincrement=True,
    )
    for column in ("actor_id", "session_id", "action"):
        op.create_index(
            f"ix_audit_records_{column}_position", "audit_records", [column, "position"]
        )
    op.create_index("ix_audit_records_at", "audit_records", ["at"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _SQLITE if sqlite else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Go back to the version before. The records are lost."""
    op.drop_table("audit_records")
    op.drop_table("audit_retention")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_records_refuse()")
