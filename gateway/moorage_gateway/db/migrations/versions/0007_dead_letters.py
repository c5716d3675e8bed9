"""Dead letters: what was given up and waits for an admin."""

import sqlalchemy as sa
from alembic import op

revision = "0007_dead_letters"
down_revision = "0006_indexes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this version."""
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=True),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("session_id", sa.String(length=64), nullable=True),
        sa.Column("input_id", sa.String(length=200), nullable=True),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name=op.f("fk_dead_letters_session_id_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        "ix_dead_letters_last_failed", "dead_letters", ["last_failed_at", "id"], unique=False
    )
    op.create_index("ix_dead_letters_session", "dead_letters", ["session_id"], unique=False)
    op.create_index("uq_dead_letters_subject", "dead_letters", ["subject"], unique=True)


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("uq_dead_letters_subject", table_name="dead_letters")
    op.drop_index("ix_dead_letters_session", table_name="dead_letters")
    op.drop_index("ix_dead_letters_last_failed", table_name="dead_letters")
    op.drop_table("dead_letters")
