"""Hooks, and the secrets that they have one after the other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hooks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("dialect", sa.String(length=16), nullable=False),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("removed_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["confluence_credentials.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_hooks_workspace", "hooks", ["workspace"])
    op.create_index("ix_hooks_connection_id", "hooks", ["connection_id"])
    op.create_table(
        "hook_secrets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("hook_id", sa.String(length=36), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_hook_secrets_workspace", "hook_secrets", ["workspace"])
    op.create_index("ix_hook_secrets_hook_id", "hook_secrets", ["hook_id"])


def downgrade() -> None:
    op.drop_table("hook_secrets")
    op.drop_table("hooks")
