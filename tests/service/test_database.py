"""The tables and their migrations, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from confluence_mirror.errors import WrongSettings
from confluence_mirror.service.db.database import (
    Database,
    migrate,
    open_database,
    require_revision,
)
from confluence_mirror.service.db.tables import Base
from confluence_mirror.service.settings import load


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.service])]
)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    environ = {"STATE_DIR": str(tmp_path)}
    if request.param == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("database")
        environ["SERVICE_DATABASE_URL"] = fresh()
    database = open_database(load(environ, tmp_path).service, tmp_path)
    yield database
    database.close()


def test_the_migrations_lead_to_the_tables_and_back(opened: Database) -> None:
    migrate(opened)
    with opened.reading() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(session.connection()).get_table_names()) >= set(Base.metadata.tables)
    require_revision(opened)
    migrate(opened, "base")
    with opened.reading() as session:
        left = set(inspect(session.connection()).get_table_names())
    assert left <= {"alembic_version"}


def test_an_embedded_database_migrates_itself_and_a_server_is_refused(opened: Database) -> None:
    if not opened.is_postgres:
        require_revision(opened)
        return
    with pytest.raises(WrongSettings, match="serve migrate"):
        require_revision(opened)


def test_the_clock_is_the_database_s(opened: Database) -> None:
    with opened.reading() as session:
        first, second = opened.now(session), opened.now(session)
    assert 1_700_000_000 < first <= second
