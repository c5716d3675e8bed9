"""What an identity provider last said a user belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0011_groups_of_users"
down_revision = "0010_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this version."""
    op.add_column("users", sa.Column("groups", sa.JSON(), nullable=True))
    op.add_column("users", sa.Column("groups_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_column("users", "groups_at")
    op.drop_column("users", "groups")
