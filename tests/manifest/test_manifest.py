"""The record: the same in SQLite and PostgreSQL, through upgrades, with one holder at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.errors import Exit, StateUnusable, SyncError, Unfinished, WrongSettings
from confluence_mirror.manifest import (
    ChunkRow,
    Database,
    Generation,
    Intent,
    Manifest,
    PageRow,
    schema,
)
from confluence_mirror.manifest.locks import hold_lock
from confluence_mirror.model import PageRef, Version

V1 = Version(1, "2026-01-31T08:15:00.123Z")


@contextmanager
def opened(url: str, *, read_only: bool = False) -> Iterator[Manifest]:
    with closing(Database(url, read_only=read_only)) as database:
        yield Manifest(database)


def begin(manifest: Manifest, site: str = "site", state: Any = "current") -> Generation:
    return manifest.begin(
        site, ("memory", "here"), "confluence", ("id", "confluence"), state, "{}", True
    )


def row(page_id: str, **changes: Any) -> PageRow:
    made = PageRow(
        page_id, "page", "1", None, None, f"Title {page_id}", "Ada", ("a", "ü"), V1, "hash", "print"
    )
    return replace(made, **changes)


def ref(page_id: str) -> PageRef:
    return PageRef(page_id, "page", "current", "1", f"Title {page_id}", None, None, "", "", V1, "")


def written(manifest: Manifest, generation: Generation, page_id: str, *chunks: str) -> None:
    manifest.of(generation).intend([Intent(ref(page_id), dict.fromkeys(chunks, "m"), (), "f")])
    manifest.of(generation).confirm(dict.fromkeys(chunks, ""))
    manifest.of(generation).commit([row(page_id)], ())


def states(manifest: Manifest, generation: Generation, page_id: str) -> dict[str, str]:
    return {
        chunk.id: chunk.state for chunk in manifest.of(generation).chunks_of([page_id])[page_id]
    }


def test_what_is_committed_is_read_back_in_another_session(url: str) -> None:
    with opened(url) as manifest:
        generation = begin(manifest)
        written(manifest, generation, "1", "a", "b")
        moment = datetime(2026, 1, 31, 8, 15, tzinfo=UTC)
        manifest.of(generation).finish(moment, reconciled=True)
    with opened(url, read_only=True) as manifest:
        (again,) = manifest.generations("memory", "here", "confluence")
        assert again == replace(generation, watermark=moment, reconciled_at=moment)
        assert manifest.of(again).pages(["1", "2"]) == {"1": row("1")}
        assert states(manifest, again, "1") == {"a": "there", "b": "there"}


def test_an_intent_takes_the_version_and_the_leaving_chunks_no_longer_vouch(url: str) -> None:
    with opened(url) as manifest:
        generation = begin(manifest)
        written(manifest, generation, "1", "a", "b")
        manifest.of(generation).intend([Intent(ref("1"), {"c": "m"}, ("a",), "f")])
        assert manifest.of(generation).pages(["1"])["1"].version is None
        assert states(manifest, generation, "1") == {"a": "removing", "b": "there", "c": "sending"}
        assert {chunk.id for chunk in manifest.of(generation).in_doubt()} == {"a", "c"}
        assert list(manifest.of(generation).pending("print")) == [["1"]]


def test_a_transaction_that_breaks_off_leaves_nothing(url: str) -> None:
    with opened(url) as manifest:
        generation = begin(manifest)
        written(manifest, generation, "1", "a")

        def break_off() -> None:
            manifest.of(generation).replan(["1"])
            raise KeyError

        with pytest.raises(KeyError):
            manifest.database.atomically(break_off)
        assert manifest.of(generation).pages(["1"])["1"].version == V1


def test_a_failed_page_keeps_its_chunks_and_is_pending(url: str) -> None:
    with opened(url) as manifest:
        generation = begin(manifest)
        written(manifest, generation, "1", "a")
        manifest.of(generation).intend([Intent(ref("1"), {"b": "m"}, ("a",), "f")])
        manifest.of(generation).fail([row("1", version=None, reason="broken", attempts=3)], ["b"])
        assert states(manifest, generation, "1") == {"a": "removing"}
        assert manifest.of(generation).pages(["1"])["1"].quarantined


def test_a_reason_with_half_a_character_or_a_nul_is_kept(url: str) -> None:
    with opened(url) as manifest:
        generation = begin(manifest)
        manifest.of(generation).fail(
            [row("1", version=None, reason="bad \ud800 and \x00 text", attempts=1)]
        )
        assert manifest.of(generation).pages(["1"])["1"].reason == "bad \ufffd and \ufffd text"


def test_generations_do_not_see_each_others_rows(url: str) -> None:
    with opened(url) as manifest:
        one, other = begin(manifest, "one"), begin(manifest, "other", "building")
        written(manifest, one, "1", "a")
        written(manifest, other, "1", "a", "b")
        manifest.of(one).intend_removal(["1"])
        manifest.of(one).commit_removal(["1"])
        assert (manifest.of(one).page_count(), manifest.of(one).chunk_count()) == (0, 0)
        assert (manifest.of(other).page_count(), manifest.of(other).chunk_count()) == (1, 2)
        manifest.forget_generation(other)
        assert manifest.generations("memory", "here", "confluence") == [one]


def test_the_pointer_moves_in_one_step(url: str) -> None:
    with opened(url) as manifest:
        old, new = begin(manifest), begin(manifest, state="building")
        manifest.promote(new)
        assert {
            each.id: each.state for each in manifest.generations("memory", "here", "confluence")
        } == {
            old.id: "retired",
            new.id: "current",
        }


@pytest.mark.long
def test_more_rows_than_one_batch_come_back_each_once(url: str) -> None:
    with opened(url) as manifest:
        generation = begin(manifest)
        pages = [row(f"{number:05d}") for number in range(1201)]
        chunks = [ChunkRow(f"c{each.id}", each.id, "there", "m", "") for each in pages]
        manifest.of(generation).record_found(pages, chunks)
        assert [each.id for rows in manifest.of(generation).all_pages() for each in rows] == [
            each.id for each in pages
        ]
        assert [each for rows in manifest.of(generation).all_chunks() for each in rows] == chunks
        assert len(manifest.of(generation).pages([each.id for each in pages])) == 1201


# -- upgrades


@pytest.fixture
def next_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of tomorrow, which knows one revision more."""
    steps = {
        schema.REVISION: "ALTER TABLE cs_page ADD COLUMN colour TEXT;\nUPDATE cs_page SET colour = 'blue'"
    }
    monkeypatch.setattr(schema, "_MIGRATIONS", steps)
    monkeypatch.setattr(schema, "REVISION", schema.REVISION + 1)


def recorded(url: str) -> None:
    with opened(url) as manifest:
        written(manifest, begin(manifest), "1", "a")


def test_a_manifest_of_an_older_revision_is_migrated_with_all_that_it_holds(
    url: str, request: pytest.FixtureRequest
) -> None:
    recorded(url)
    request.getfixturevalue("next_revision")
    with opened(url) as manifest:
        (generation,) = manifest.generations("memory", "here", "confluence")
        assert manifest.of(generation).pages(["1"]) == {"1": row("1")}
        assert manifest.database.run("SELECT colour FROM cs_page") == [("blue",)]
    with opened(url) as manifest:
        assert manifest.of(generation).page_count() == 1


def test_a_command_that_only_looks_does_not_migrate(
    url: str, request: pytest.FixtureRequest
) -> None:
    recorded(url)
    request.getfixturevalue("next_revision")
    with (
        pytest.raises(WrongSettings, match=r"older version.*Run a sync first"),
        opened(url, read_only=True),
    ):
        pass


def test_a_migration_that_fails_leaves_the_manifest_as_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(url)
    with monkeypatch.context() as tomorrow:
        steps = {
            schema.REVISION: "ALTER TABLE cs_page ADD COLUMN colour TEXT;\nUPDATE no_such_table SET x = 1"
        }
        tomorrow.setattr(schema, "_MIGRATIONS", steps)
        tomorrow.setattr(schema, "REVISION", schema.REVISION + 1)
        with pytest.raises(StateUnusable), opened(url):
            pass
    with opened(url) as manifest:
        (generation,) = manifest.generations("memory", "here", "confluence")
        assert manifest.of(generation).pages(["1"]) == {"1": row("1")}


@pytest.mark.parametrize("read_only", [False, True])
def test_a_manifest_of_a_newer_version_is_refused_and_left_as_it_is(
    url: str, read_only: bool
) -> None:
    recorded(url)
    with closing(Database(url)) as database:
        database.run("UPDATE cs_meta SET value = '99' WHERE name = 'revision'")
    with (
        pytest.raises(WrongSettings, match="newer version") as refused,
        opened(url, read_only=read_only),
    ):
        pass
    assert refused.value.exit == Exit.SETTINGS
    with closing(Database(url)) as database:
        assert database.run("SELECT value FROM cs_meta WHERE name = 'revision'") == [("99",)]
        assert database.run("SELECT count(*) FROM cs_page") == [(1,)]


# -- only looking


def test_looking_at_a_manifest_that_is_not_there_makes_none(url: str, tmp_path: Path) -> None:
    with opened(url, read_only=True) as manifest:
        assert manifest.generations("memory", "here", "confluence") == []
    assert not (tmp_path / "state").exists()
    with closing(Database(url, read_only=True)) as database:
        assert database.missing


def test_looking_cannot_write(url: str) -> None:
    recorded(url)
    with opened(url, read_only=True) as manifest, pytest.raises(StateUnusable):
        begin(manifest)


def test_an_empty_file_is_an_empty_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.db").touch()
    url = f"sqlite:///{tmp_path / 'manifest.db'}"
    with opened(url, read_only=True) as manifest:
        assert manifest.generations("memory", "here", "confluence") == []
    assert (tmp_path / "manifest.db").stat().st_size == 0
    recorded(url)


def test_what_a_killed_run_left_open_is_rolled_back_by_the_next_run_and_not_by_a_look(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'live.db'}"
    killed = f"sqlite:///{tmp_path / 'killed.db'}"
    recorded(url)
    with closing(Database(url)) as database:

        def write_and_copy() -> None:
            database.run("PRAGMA cache_size = 5")
            database.many(
                "INSERT INTO cs_meta VALUES (?, ?)",
                [(f"n{number}", "x" * 1000) for number in range(500)],
            )
            for name in ("", "-journal"):
                shutil.copy(tmp_path / f"live.db{name}", tmp_path / f"killed.db{name}")

        database.atomically(write_and_copy)
    with pytest.raises(StateUnusable, match="Run a sync first"), opened(killed, read_only=True):
        pass
    with opened(killed) as manifest:
        assert manifest.database.run("SELECT count(*) FROM cs_meta") == [(1,)]
        (generation,) = manifest.generations("memory", "here", "confluence")
        assert manifest.of(generation).pages(["1"]) == {"1": row("1")}


# -- errors and locks


def test_one_holder_a_key_and_another_key_is_free(url: str) -> None:
    recorded(url)
    with closing(Database(url)) as one, closing(Database(url)) as other:
        with hold_lock(one, "mirror", 0):
            with (
                pytest.raises(Unfinished, match="Another run of this mirror"),
                hold_lock(other, "mirror", 0),
            ):
                pass
            with hold_lock(other, "another mirror", 0):
                pass
        with hold_lock(other, "mirror", 0):
            pass


def test_the_holder_that_ends_with_an_error_gives_the_lock_back_and_the_error_is_told(
    url: str,
) -> None:
    recorded(url)

    def interrupted(database: Database) -> None:
        with hold_lock(database, "mirror", 0):
            database.close()  # a session that is gone has no lock to give back
            raise SyncError("interrupted")

    with closing(Database(url)) as one, closing(Database(url)) as other:
        with pytest.raises(SyncError, match="interrupted"):
            interrupted(one)
        with hold_lock(
            other, "mirror", 30
        ):  # the server notices a moment later that a session is gone
            pass


def test_waiting_ends_after_the_time_that_is_set(url: str) -> None:
    recorded(url)
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with (
        closing(Database(url)) as one,
        closing(Database(url, sleep=sleep)) as other,
        hold_lock(one, "mirror", 0),
    ):
        waiting = hold_lock(other, "mirror", 60, monotonic=lambda: clock[0])
        with pytest.raises(Unfinished, match="waited 60 s"), waiting:
            pass
    assert 60 <= clock[0] < 61
