"""What a session was created under, apart from its id."""

import sqlalchemy as sa
from alembic import op

revision = "0009_creations"
down_revision = "0008_retention"
branch_labels = None
depends_on = None

_UNMADE = sa.text("id = creation_id")


def upgrade() -> None:
    """Bring the tables to this version."""
    op.add_column("sessions", sa.Column("creation_id", sa.String(length=64), nullable=True))
    op.create_index("uq_sessions_creation_id", "sessions", ["creation_id"], unique=True)
    op.create_index(
        "ix_sessions_unmade",
        "sessions",
        ["id"],
        postgresql_where=_UNMADE,
        sqlite_where=_UNMADE,
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("ix_sessions_unmade", table_name="sessions")
    op.drop_index("uq_sessions_creation_id", table_name="sessions")
    op.drop_column("sessions", "creation_id")
