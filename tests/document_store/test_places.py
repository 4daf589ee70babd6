"""What every place for documents promises (``DocumentStore``): a folder and a bucket alike."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.document_store import folder as folder_room
from confluence_mirror.document_store.base import DocumentStore
from confluence_mirror.document_store.folder import DocumentFolder
from confluence_mirror.document_store.s3 import DocumentBucket
from confluence_mirror.errors import (
    DocumentStoreUnavailable,
    DocumentStoreUnusable,
    Exit,
    SyncError,
    WrongSettings,
)
from tests.servers.object_store import BUCKET, KEY, SECRET, ObjectServer

ODD = "OPS/100% ~#1 [x] {y}/Ünï 漢字 👩‍💻 a+b&c=d;e'f/page_content.md"


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    if request.param == "folder":
        yield DocumentFolder(tmp_path / "not" / "there yet")
    else:
        objects: ObjectServer = request.getfixturevalue("objects")
        objects.client.put_object(Bucket=BUCKET, Key="of-others", Body=b"theirs")
        yield DocumentBucket(BUCKET, "some/prefix", objects.access())
        assert objects.client.get_object(Bucket=BUCKET, Key="of-others")["Body"].read() == b"theirs"


def test_what_is_written_is_read_listed_replaced_and_removed(place: DocumentStore) -> None:
    place.check(writes=True)
    assert list(place.list_paths()) == []
    files = {f"OPS/Page {n}/page_content.md": b"x" * n for n in range(20)} | {ODD: b"odd"}
    assert place.write(files) == () or place.write(files) == []
    assert sorted(place.list_paths()) == sorted(files)
    assert place.read([*files, "OPS/none", f"{ODD}/below"]) == files
    place.write({ODD: b"another"})
    place.remove([*list(files)[:20], "OPS/none"])
    assert place.read([*files]) == {ODD: b"another"}
    place.remove([ODD, ODD])
    place.remove([f"{ODD}/below"])
    assert list(place.list_paths()) == []


def test_a_file_of_this_machine_is_written_as_it_is(place: DocumentStore, tmp_path: Path) -> None:
    content = os.urandom(6_000_000)
    (tmp_path / "file").write_bytes(content)
    place.write({"OPS/Home/attachments/a.bin": tmp_path / "file"})
    assert place.read(["OPS/Home/attachments/a.bin"]) == {"OPS/Home/attachments/a.bin": content}


def test_a_folder_leaves_no_empty_folders_and_nothing_of_others_is_touched(tmp_path: Path) -> None:
    place = DocumentFolder(tmp_path)
    (tmp_path / "OPS" / "Home").mkdir(parents=True)
    (tmp_path / "OPS" / "Home" / "notes.txt").write_text("theirs")
    place.write({"OPS/Home/A/B/page_content.md": b"1", "OPS/Home/page_content.md": b"2"})
    place.remove(["OPS/Home/A/B/page_content.md", "OPS/Home/page_content.md"])
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["Home", "OPS", "notes.txt"]


def test_folders_that_a_removal_died_over_go_and_those_with_a_file_stay(tmp_path: Path) -> None:
    for folder in ("OPS/A/B", "OPS/A/C", "OPS/D/E", "HR/F"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "OPS/D/notes.txt").write_text("theirs")
    (tmp_path / "OPS/A/link").symlink_to(tmp_path / "HR")
    place = DocumentFolder(tmp_path)
    place.remove_empty_folders(["OPS", "none"])
    left = {each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*")}
    assert left >= {"HR/F", "OPS/D/notes.txt", "OPS/A/link"}
    assert not left & {"OPS/A/B", "OPS/A/C", "OPS/D/E"}


def test_a_file_of_others_that_stands_in_the_way_is_told_and_stays(tmp_path: Path) -> None:
    place = DocumentFolder(tmp_path)
    (tmp_path / "OPS").write_text("theirs")
    (tmp_path / "HR" / "page_content.md").mkdir(parents=True)
    hindered = place.write({"OPS/page_content.md": b"1", "HR/page_content.md": b"2", "A/b": b"3"})
    assert hindered == ["OPS/page_content.md", "HR/page_content.md"]
    place.remove(["OPS/page_content.md", "HR/page_content.md"])
    assert (tmp_path / "OPS").read_text() == "theirs"
    assert sorted(place.list_paths()) == ["A/b", "OPS"]


def test_a_write_that_dies_leaves_the_former_file_whole_and_the_next_one_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = DocumentFolder(tmp_path)
    place.write({"OPS/page_content.md": b"former"})

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(os, "fsync", die)
        with pytest.raises(Killed):
            place.write({"OPS/page_content.md": b"next"})
    assert place.read(["OPS/page_content.md"]) == {"OPS/page_content.md": b"former"}
    assert len(list(place.list_paths())) == 2
    place.remove(["OPS/page_content.md"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DocumentStoreUnusable),
        (errno.EROFS, DocumentStoreUnusable),
        (errno.ESTALE, DocumentStoreUnavailable),
    ],
)
def test_a_folder_that_is_full_or_away_is_told_and_the_former_file_is_whole(
    number: int, kind: type[SyncError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = DocumentFolder(tmp_path)
    place.write({"OPS/page_content.md": b"former"})
    with monkeypatch.context() as bad:
        bad.setattr(folder_room.os, "fsync", _raising(number))
        with pytest.raises(kind, match=os.strerror(number)):
            place.write({"OPS/page_content.md": b"next"})
    assert list(place.list_paths()) == ["OPS/page_content.md"]
    assert place.read(["OPS/page_content.md"]) == {"OPS/page_content.md": b"former"}


def _raising(number: int) -> Any:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_file_where_a_folder_is_needed_and_a_folder_that_may_not_be_written_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WrongSettings, match="is not a folder") as wrong:
        DocumentFolder(tmp_path / "file" / "below").check(writes=True)
    assert wrong.value.exit == Exit.SETTINGS
    monkeypatch.setattr(folder_room.os, "access", lambda *_: False)
    with pytest.raises(DocumentStoreUnusable, match="cannot be written") as read_only:
        DocumentFolder(tmp_path / "new").check(writes=True)
    assert read_only.value.exit == Exit.STATE
    DocumentFolder(tmp_path / "new").check(writes=False)


@pytest.mark.parametrize(
    ("bucket", "changes", "kind"),
    [
        ("no-such-bucket", {}, WrongSettings),
        (BUCKET, {"endpoint": "http://127.0.0.1:9"}, DocumentStoreUnavailable),
    ],
)
def test_a_bucket_that_is_not_there_or_does_not_answer_is_told_without_address_or_key(
    bucket: str,
    changes: dict[str, Any],
    kind: type[SyncError],
    objects: ObjectServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("confluence_mirror.document_store.s3.RETRIES", 1)
    place = DocumentBucket(bucket, "", objects.access(**changes))
    told: list[str] = []
    for ask in (
        lambda: place.check(writes=True),
        lambda: place.write({"a": b"1"}),
        lambda: place.read(["a"]),
        lambda: list(place.list_paths()),
    ):
        with pytest.raises(kind) as refused:
            ask()
        told.append(f"{refused.value!r} {refused.value}")
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__
    said = " ".join(told) + repr(objects.access())
    assert not any(secret in said for secret in ("127.0.0.1", "http", KEY, SECRET))
    assert f"s3://{bucket}" in said
