"""Idempotency keys that outlive what was made under them; quotas."""

import sqlalchemy as sa
from alembic import op

revision = "0004_keys_and_quotas"
down_revision = "0002_auth"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this version."""
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("scope", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", "scope", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_expires", "idempotency_keys", ["expires_at"])
    op.create_table(
        "quotas",
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("sessions_running", sa.Integer(), nullable=True),
        sa.Column("sessions_created", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_quotas")),
    )
    op.add_column("sessions", sa.Column("run_requested_at", sa.DateTime(timezone=True)))
    op.drop_column("sessions", "request_digest")


def downgrade() -> None:
    """Go back to the version before. Sessions' keys are forgotten."""
    op.add_column("sessions", sa.Column("request_digest", sa.String(length=64)))
    op.drop_column("sessions", "run_requested_at")
    op.drop_table("quotas")
    op.drop_index("ix_idempotency_keys_expires", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
