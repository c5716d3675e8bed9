"""Retention: when a session was found gone, and indexes for what is over."""

import sqlalchemy as sa
from alembic import op

revision = "0008_retention"
down_revision = "0007_dead_letters"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_sessions_gone", "sessions", "gone_at"),
    ("ix_messages_created", "messages", "created_at"),
    ("ix_inputs_done", "inputs", "done_at"),
    ("ix_approvals_requested", "approvals", "requested_at"),
    ("ix_turns_ended", "turns", "ended_at"),
    ("ix_sign_ins_revoked", "sign_ins", "revoked_at"),
    ("ix_refresh_tokens_used", "refresh_tokens", "used_at"),
)


def upgrade() -> None:
    """Bring the tables to this version."""
    op.add_column("sessions", sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True))
    for name, table, column in _INDEXES:
        op.create_index(name, table, [column])


def downgrade() -> None:
    """Go back to the version before. When sessions went is forgotten."""
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table_name=table)
    op.drop_column("sessions", "gone_at")
