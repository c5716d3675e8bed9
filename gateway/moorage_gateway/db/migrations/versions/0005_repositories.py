"""Repositories that admins register."""

import sqlalchemy as sa
from alembic import op

revision = "0005_repositories"
down_revision = "0004_keys_and_quotas"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this version."""
    op.create_table(
        "repositories",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("folder_name", sa.String(length=100), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("default_branch", sa.String(length=255), nullable=True),
        sa.Column("credentials_secret", sa.String(length=253), nullable=True),
        sa.Column("everybody", sa.Boolean(), nullable=False),
        sa.Column("users", sa.JSON(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
    )
    op.create_index("uq_repositories_folder_name", "repositories", ["folder_name"], unique=True)


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_index("uq_repositories_folder_name", table_name="repositories")
    op.drop_table("repositories")
