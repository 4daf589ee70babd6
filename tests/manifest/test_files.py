"""The state's files as they are: held, removed, full, on odd file systems, in odd folders."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from confluence_mirror.errors import Exit, StateUnusable, Unfinished, WrongSettings
from confluence_mirror.manifest import Database, Manifest, database
from confluence_mirror.manifest.locks import hold_lock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def opened(folder: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{folder / 'manifest.db'}")) as made:
        Manifest(made)
        yield made


def lock_of(folder: Path) -> Path:
    (found,) = folder.glob("*.lock")
    return found


def another(folder: Path) -> Database:
    return Database(f"sqlite:///{folder / 'manifest.db'}")


def test_a_lock_file_that_is_removed_ends_the_run_that_held_it_before_it_writes(
    opened: Database, folder: Path
) -> None:
    with hold_lock(opened, "mirror", 0), closing(another(folder)) as other:
        lock_of(folder).unlink()
        with hold_lock(other, "mirror", 0):
            with pytest.raises(Unfinished, match="was removed while this run held it") as stopped:
                Manifest(opened).record_known("by", "the first")
            Manifest(other).record_known("by", "the second")
    assert stopped.value.exit == Exit.UNFINISHED
    assert Manifest(opened).read_known("by") == "the second"


def test_a_lock_file_that_is_removed_while_it_is_waited_for_is_not_taken_for_the_lock(
    opened: Database, folder: Path
) -> None:
    third = another(folder)
    with closing(another(folder)) as waiting, closing(third):
        first = hold_lock(opened, "mirror", 0)
        first.__enter__()
        in_between = hold_lock(third, "mirror", 0)

        def removed_and_taken(_seconds: float) -> None:
            lock_of(folder).unlink()
            in_between.__enter__()
            first.__exit__(None, None, None)

        waiting.sleep = removed_and_taken
        late = hold_lock(waiting, "mirror", 0.2, monotonic=iter([0.0, 0.1, 0.3, 0.4]).__next__)
        with pytest.raises(Unfinished, match="Another run of this mirror"), late:
            pass
        in_between.__exit__(None, None, None)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_where_the_file_system_has_no_flock_another_lock_is_used(
    opened: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def absent(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", absent)
    with hold_lock(opened, "mirror", 0):
        child = os.fork()
        if not child:  # another process: these locks do not hold within one
            try:
                with hold_lock(another(folder), "mirror", 0):
                    os._exit(1)
            except Unfinished:
                os._exit(0)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    monkeypatch.setattr(fcntl, "lockf", absent)
    with pytest.raises(StateUnusable, match="has no locks"), hold_lock(opened, "mirror", 0):
        pass


def test_a_manifest_that_another_process_writes_is_busy_and_not_broken(
    opened: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    with (
        closing(sqlite3.connect(folder / "manifest.db", isolation_level=None)) as other,
        closing(another(folder)) as ours,
    ):
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unfinished, match="held by another process") as busy:
            Manifest(ours)
        assert busy.value.exit == Exit.UNFINISHED
        other.execute("ROLLBACK")
        Manifest(ours)


def test_a_disk_that_is_full_is_74_and_leaves_what_was_there(opened: Database) -> None:
    manifest = Manifest(opened)
    manifest.record_known("kept", "yes")
    pages = int(opened.run("PRAGMA page_count")[0][0])
    opened.run(f"PRAGMA max_page_count = {pages}")

    def too_much() -> None:
        manifest.record_known("lost", "yes")
        for number in range(100):
            manifest.record_known(f"more {number}", "x" * 1000)

    with pytest.raises(StateUnusable, match="full") as full:
        opened.atomically(too_much)
    assert full.value.exit == Exit.STATE
    opened.run("PRAGMA max_page_count = 1000000")
    assert (manifest.read_known("kept"), manifest.read_known("lost")) == ("yes", None)
    opened.atomically(too_much)
    assert manifest.read_known("lost") == "yes"


def test_a_sqlite_that_is_too_old_is_told_at_the_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 22, 0))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.22.0")
    with pytest.raises(WrongSettings, match=r"is 3\.22\.0; the manifest needs 3\.24\.0 or later"):
        another(folder)


def odd_file(folder: Path) -> None:
    folder.write_text("a file")


def odd_database(folder: Path) -> None:
    (folder / "manifest.db").mkdir(parents=True)


def text_for_a_database(folder: Path) -> None:
    folder.mkdir()
    (folder / "manifest.db").write_text("this is no database, and longer than its header\n" * 100)


def link_to_nowhere(folder: Path) -> None:
    folder.mkdir()
    (folder / "manifest.db").symlink_to(folder / "gone" / "manifest.db")


def link_to_itself(folder: Path) -> None:
    folder.symlink_to(folder)


@pytest.mark.parametrize(
    "made", [odd_file, odd_database, text_for_a_database, link_to_nowhere, link_to_itself]
)
@pytest.mark.parametrize("read_only", [False, True])
def test_odd_contents_of_the_folder_are_one_line_and_74(
    folder: Path, made: object, read_only: bool
) -> None:
    assert callable(made)
    made(folder)
    if read_only and made in (odd_file, link_to_nowhere, link_to_itself):
        return  # nothing is there, and nothing is made
    with pytest.raises(StateUnusable, match="cannot be used") as refused:
        Manifest(Database(f"sqlite:///{folder / 'manifest.db'}", read_only=read_only))
    assert "\n" not in str(refused.value)
