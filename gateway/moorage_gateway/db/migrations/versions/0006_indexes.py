"""Indexes for what is asked often: partial ones where only a few rows are ever looked for."""

import sqlalchemy as sa
from alembic import op

revision = "0006_indexes"
down_revision = "0005_repositories"
branch_labels = None
depends_on = None

_OPEN_INPUT = sa.text("done_at IS NULL")
_OPEN_APPROVAL = sa.text("resolved_at IS NULL AND decision IS NULL")


def upgrade() -> None:
    """Bring the tables to this version."""
    op.drop_index("ix_approvals_open", table_name="approvals")
    op.create_index(
        "ix_approvals_open",
        "approvals",
        ["session_id", "requested_at"],
        sqlite_where=_OPEN_APPROVAL,
        postgresql_where=_OPEN_APPROVAL,
    )
    op.drop_index("ix_inputs_open", table_name="inputs")
    op.create_index(
        "ix_inputs_open",
        "inputs",
        ["session_id", "sequence"],
        sqlite_where=_OPEN_INPUT,
        postgresql_where=_OPEN_INPUT,
    )
    op.create_index("ix_messages_session_turn", "messages", ["session_id", "turn_id", "position"])
    op.create_index(
        "ix_sessions_archived",
        "sessions",
        ["id"],
        sqlite_where=sa.text("archived IS 1"),
        postgresql_where=sa.text("archived IS true"),
    )
    op.create_index("ix_sessions_owner_run", "sessions", ["owner_id", "run_requested_at"])
    op.create_index("ix_turns_session_ended", "turns", ["session_id", "ended_at"])


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("ix_turns_session_ended", table_name="turns")
    op.drop_index("ix_sessions_owner_run", table_name="sessions")
    op.drop_index("ix_sessions_archived", table_name="sessions")
    op.drop_index("ix_messages_session_turn", table_name="messages")
    op.drop_index("ix_inputs_open", table_name="inputs")
    op.create_index("ix_inputs_open", "inputs", ["session_id", "done_at", "sequence"])
    op.drop_index("ix_approvals_open", table_name="approvals")
    op.create_index("ix_approvals_open", "approvals", ["session_id", "resolved_at"])
