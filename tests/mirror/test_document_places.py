"""The tree of documents where its place is a bucket, full, or away: nothing is lost, and the next
night it is whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from confluence_mirror.document_store import folder as folder_room
from confluence_mirror.document_store.folder import DocumentFolder
from confluence_mirror.document_store.s3 import DocumentBucket
from confluence_mirror.errors import DocumentStoreUnavailable, DocumentStoreUnusable
from tests.mirror.conftest import body
from tests.mirror.document_checks import check_files, check_tree, files
from tests.mirror.harness import Bench
from tests.servers.object_store import BUCKET, ObjectServer

Make = Callable[..., Bench]


class LostBucket(DocumentBucket):
    """One that goes away after so many documents."""

    def __init__(self, objects: ObjectServer, documents: int) -> None:
        super().__init__(BUCKET, "tree", objects.access())
        self._away = DocumentBucket(
            BUCKET, "tree", objects.access(endpoint="http://127.0.0.1:9", timeout=0.5)
        )
        self._left = documents

    def write(self, files: Mapping[str, bytes]) -> Sequence[str]:
        self._left -= len(files)
        return (super() if self._left >= 0 else self._away).write(files)


def test_nights_in_a_bucket_and_one_in_which_it_goes_away(
    make: Make, objects: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confluence_mirror.document_store.s3.RETRIES", 0)
    objects.client.put_object(Bucket=BUCKET, Key="tree/theirs.txt", Body=b"theirs")
    theirs = {"theirs.txt": b"theirs"}
    bench = make(options={"documents": DocumentBucket(BUCKET, "tree", objects.access())})
    bench.run()
    check_files(bench, objects.files("tree"), theirs)
    assert bench.report.tree == f"s3://{BUCKET}/tree"
    before = objects.files("tree")
    at = {page.title: page.id for page in bench.site.content.values()}
    bench.site.edit(at["Page 1"], body(71))
    bench.site.rename(at["Runbooks"], "Run: books")
    bench.site.trash(at["Page 4"])
    with pytest.raises(DocumentStoreUnavailable, match="does not answer"):
        bench.run(documents=LostBucket(objects, 0))
    kept = objects.files("tree")
    assert {path: before[path] for path in kept} == kept
    report = bench.run()
    check_files(bench, objects.files("tree"), theirs)
    assert report.chunks["sent"] == 0
    assert not any(bench.run().documents.values())
    assert not bench.verify()
    bench.start().purge()
    assert objects.files("tree") == theirs


def test_a_disk_that_is_full_in_the_middle_ends_the_night_and_the_next_one_is_whole(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "documents"
    bench = make(options={"documents": DocumentFolder(tree), "batch_size": 10})
    bench.run()
    for number in range(1, 10):
        page = next(each for each in bench.site.current() if each.title == f"Page {number}")
        bench.site.edit(page.id, body(100 + number))
    before, room = files(tree), [4]
    flush = os.fsync

    def full(descriptor: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    with monkeypatch.context() as tonight:
        tonight.setattr(folder_room.os, "fsync", full)
        with pytest.raises(DocumentStoreUnusable, match="No space left"):
            bench.run()
    assert files(tree).keys() == before.keys()
    sent = bench.report.chunks["sent"]
    report = bench.run()
    check_tree(bench, tree)
    assert sent > 0
    assert report.documents["written"] > 0


def test_a_folder_that_may_not_be_written_is_told_before_anything_is_read(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "documents"
    tree.mkdir(mode=0o500)
    # For root, who may write everywhere, the mode of the folder decides.
    monkeypatch.setattr(os, "access", lambda at, asked: Path(at).stat().st_mode & 0o200 != 0)
    bench = make(options={"documents": DocumentFolder(tree)})
    with pytest.raises(DocumentStoreUnusable, match="cannot be written"):
        bench.run()
    assert not bench.gateway.log
