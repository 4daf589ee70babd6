"""What Alembic runs to migrate: on the connection that it is given."""

from __future__ import annotations

from alembic import context

from confluence_mirror.service.db.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
