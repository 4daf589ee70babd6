"""The first tables: keys, connections, folders, mirrors, imports and runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "confluence_credentials",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("deployment", sa.String(length=16), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("cloud_id", sa.String(length=64), nullable=False),
        sa.Column("site_url", sa.Text(), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("account_name", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("checked_at", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("removed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("confluence_credentials", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_confluence_credentials_workspace"), ["workspace"], unique=False
        )
        batch_op.create_index(
            "one_connection",
            ["workspace", "cloud_id", "account_id"],
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )

    op.create_table(
        "folders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("standard", sa.Boolean(), nullable=False),
        sa.Column("schedule_minutes", sa.Integer(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("readers", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("removed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("folders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_folders_workspace"), ["workspace"], unique=False)
        batch_op.create_index(
            "one_standard_folder",
            ["workspace"],
            unique=True,
            sqlite_where=sa.text("standard AND removed_at IS NULL"),
            postgresql_where=sa.text("standard AND removed_at IS NULL"),
        )

    op.create_table(
        "keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_keys_workspace"), ["workspace"], unique=False)

    op.create_table(
        "mirrors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("folder_id", sa.String(length=36), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["confluence_credentials.id"],
        ),
        sa.ForeignKeyConstraint(
            ["folder_id"],
            ["folders.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("mirrors", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_mirrors_connection_id"), ["connection_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_mirrors_folder_id"), ["folder_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_mirrors_workspace"), ["workspace"], unique=False)
        batch_op.create_index("one_mirror", ["folder_id", "connection_id"], unique=True)

    op.create_table(
        "confluence_imports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("folder_id", sa.String(length=36), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("mirror_id", sa.String(length=36), nullable=False),
        sa.Column("import_type", sa.String(length=16), nullable=False),
        sa.Column("space_key", sa.Text(), nullable=True),
        sa.Column("space_id", sa.String(length=32), nullable=True),
        sa.Column("page_id", sa.String(length=32), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("include_attachments", sa.Boolean(), nullable=False),
        sa.Column("include_comments", sa.Boolean(), nullable=False),
        sa.Column("schedule_minutes", sa.Integer(), nullable=True),
        sa.Column("last_sync_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("removed_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["confluence_credentials.id"],
        ),
        sa.ForeignKeyConstraint(
            ["folder_id"],
            ["folders.id"],
        ),
        sa.ForeignKeyConstraint(
            ["mirror_id"],
            ["mirrors.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("confluence_imports", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_confluence_imports_connection_id"), ["connection_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_confluence_imports_folder_id"), ["folder_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_confluence_imports_mirror_id"), ["mirror_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_confluence_imports_workspace"), ["workspace"], unique=False
        )

    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("folder_id", sa.String(length=36), nullable=False),
        sa.Column("connection_id", sa.String(length=36), nullable=False),
        sa.Column("mirror_id", sa.String(length=36), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("pages", sa.JSON(), nullable=True),
        sa.Column("removes", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("merged_into", sa.String(length=36), nullable=True),
        sa.Column("cancel_asked", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("first_started_at", sa.Double(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.Column("needs", sa.String(length=16), nullable=True),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("eta_seconds", sa.Double(), nullable=True),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["folder_id"],
            ["folders.id"],
        ),
        sa.ForeignKeyConstraint(
            ["mirror_id"],
            ["mirrors.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_runs_connection_id"), ["connection_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_runs_folder_id"), ["folder_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_runs_merged_into"), ["merged_into"], unique=False)
        batch_op.create_index(batch_op.f("ix_runs_mirror_id"), ["mirror_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_runs_workspace"), ["workspace"], unique=False)
        batch_op.create_index(
            "one_queued_run",
            ["mirror_id"],
            unique=True,
            sqlite_where=sa.text("status = 'queued' AND merged_into IS NULL"),
            postgresql_where=sa.text("status = 'queued' AND merged_into IS NULL"),
        )
        batch_op.create_index(
            "one_running_run",
            ["mirror_id"],
            unique=True,
            sqlite_where=sa.text("status = 'running' AND merged_into IS NULL"),
            postgresql_where=sa.text("status = 'running' AND merged_into IS NULL"),
        )
        batch_op.create_index("runs_due", ["status", "due_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index("runs_due")
        batch_op.drop_index(
            "one_running_run",
            sqlite_where=sa.text("status = 'running' AND merged_into IS NULL"),
            postgresql_where=sa.text("status = 'running' AND merged_into IS NULL"),
        )
        batch_op.drop_index(
            "one_queued_run",
            sqlite_where=sa.text("status = 'queued' AND merged_into IS NULL"),
            postgresql_where=sa.text("status = 'queued' AND merged_into IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_runs_workspace"))
        batch_op.drop_index(batch_op.f("ix_runs_mirror_id"))
        batch_op.drop_index(batch_op.f("ix_runs_merged_into"))
        batch_op.drop_index(batch_op.f("ix_runs_folder_id"))
        batch_op.drop_index(batch_op.f("ix_runs_connection_id"))

    op.drop_table("runs")
    with op.batch_alter_table("confluence_imports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_confluence_imports_workspace"))
        batch_op.drop_index(batch_op.f("ix_confluence_imports_mirror_id"))
        batch_op.drop_index(batch_op.f("ix_confluence_imports_folder_id"))
        batch_op.drop_index(batch_op.f("ix_confluence_imports_connection_id"))

    op.drop_table("confluence_imports")
    with op.batch_alter_table("mirrors", schema=None) as batch_op:
        batch_op.drop_index("one_mirror")
        batch_op.drop_index(batch_op.f("ix_mirrors_workspace"))
        batch_op.drop_index(batch_op.f("ix_mirrors_folder_id"))
        batch_op.drop_index(batch_op.f("ix_mirrors_connection_id"))

    op.drop_table("mirrors")
    with op.batch_alter_table("keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_keys_workspace"))

    op.drop_table("keys")
    with op.batch_alter_table("folders", schema=None) as batch_op:
        batch_op.drop_index(
            "one_standard_folder",
            sqlite_where=sa.text("standard AND removed_at IS NULL"),
            postgresql_where=sa.text("standard AND removed_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_folders_workspace"))

    op.drop_table("folders")
    with op.batch_alter_table("confluence_credentials", schema=None) as batch_op:
        batch_op.drop_index(
            "one_connection",
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_confluence_credentials_workspace"))

    op.drop_table("confluence_credentials")
