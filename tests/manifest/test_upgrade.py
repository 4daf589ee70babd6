"""A manifest that an earlier revision made, opened by this one."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest

from confluence_mirror.errors import WrongSettings
from confluence_mirror.manifest import Database, Manifest
from confluence_mirror.manifest.schema import REVISION
from confluence_mirror.model import Version
from tests.manifest import revisions

SHAPE = {
    True: "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
    "WHERE table_schema = current_schema() ORDER BY 1, 2",
    False: 'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value FROM sqlite_master m, pragma_table_info(m.name) c '
    "WHERE m.type = 'table' ORDER BY 1, 2",
}


def test_a_manifest_of_revision_1_is_brought_up_to_date_with_every_row(url: str) -> None:
    revisions.load(url)
    with closing(Database(url)) as database:
        manifest = Manifest(database)
        (generation,) = manifest.generations("vector-api", "", "confluence")
        assert (generation.place, generation.compared_at) == ("", None)
        assert generation.watermark == datetime(2026, 1, 31, 8, 15, 0, 6318, tzinfo=UTC)
        pages = manifest.of(generation).pages(["1310721", "1310722", "1310723", "1310724"])
        assert {page.title for page in pages.values()} == {"Home", "Ausfälle", "News", "Refused"}
        assert pages["1310722"].labels == ("größe", "runbook")
        assert pages["1310721"].version == Version(1, "2026-01-31T08:15:00.000Z")
        assert pages["1310724"].attempts == 1
        assert {(page.cause, page.pending) for page in pages.values()} == {("", ())}
        assert [chunk.state for rows in manifest.of(generation).all_chunks() for chunk in rows] == [
            "there"
        ] * 3
        assert database.run("SELECT value FROM cs_meta WHERE name = 'revision'") == [
            (str(REVISION),)
        ]


def test_a_manifest_that_was_brought_up_to_date_has_the_tables_of_a_new_one(
    url: str, request: pytest.FixtureRequest
) -> None:
    revisions.load(url)
    shapes = []
    new = request.getfixturevalue("database")() if url.startswith("postgres") else f"{url}.new"
    for each in (url, new):
        with closing(Database(each)) as database:
            Manifest(database)
            shapes.append(database.run(SHAPE[database.is_postgres]))
    assert shapes[0] == shapes[1]


def test_looking_at_a_manifest_of_revision_1_is_refused_with_the_way_out(url: str) -> None:
    revisions.load(url)
    with (
        closing(Database(url, read_only=True)) as database,
        pytest.raises(WrongSettings, match=rf"revision 1 of {REVISION}.*Run a sync first"),
    ):
        Manifest(database)


def test_what_was_learned_once_is_known_in_the_next_run_until_it_no_longer_holds(url: str) -> None:
    with closing(Database(url)) as database:
        manifest = Manifest(database)
        assert manifest.read_known("batch") is None
        manifest.record_known("batch", "64 \x00")
        manifest.record_known("batch", "32 \x00")
    with closing(Database(url)) as database:
        manifest = Manifest(database)
        assert manifest.read_known("batch") == "32 \ufffd"
        manifest.forget_known("batch")
        manifest.forget_known("batch")
        assert manifest.read_known("batch") is None
