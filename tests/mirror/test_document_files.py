"""The files that are attached to pages, in the tree of documents: the bytes of the current version,
in their page's folder, whatever text can be read of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from confluence_mirror.document_store.folder import DocumentFolder
from confluence_mirror.errors import Unfinished
from confluence_mirror.mirror.scope import ScopeSpec
from tests.mirror.conftest import body, small_site
from tests.mirror.document_checks import expected_files, expected_paths, files
from tests.mirror.harness import Bench
from tests.mirror.test_attachments import FILES, InlineReader, downloads

Make = Callable[..., Bench]


def check_files_of_pages(bench: Bench, tree: Path) -> None:
    found = files(tree)
    attached = {path: content for path, content in found.items() if "/attachments/" in path}
    assert attached == expected_files(bench.site)
    pages = {path for path in found if path not in attached}
    assert pages == set(expected_paths(bench.site).values())
    assert all(any(each.iterdir()) for each in tree.rglob("*") if each.is_dir())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
def made(make: Make, tree: Path) -> Bench:
    """A mirror with files and documents, after its first night."""
    site = small_site()
    at = {page.title: page.id for page in site.content.values()}
    site.attach_file(at["Page 1"], "notes.md", b"Restart the proxy.", media_type="text/markdown")
    site.attach_file(at["Page 1"], "Notes.md", b"Another.", media_type="text/markdown")
    site.attach_file(at["Page 1"], "a/b: c.zip", b"PK\x03\x04", media_type="application/zip")
    site.attach_file(at["Page 2"], "locked.pdf", b"locked \x00\xff", media_type="application/pdf")
    site.attach_file(at["Page 2"], "empty.txt", b"", media_type="text/plain")
    bench = make(site, wanted=FILES, options={"documents": DocumentFolder(tree)})
    bench.reader = InlineReader()
    bench.run()
    return bench


def test_files_lie_with_their_pages_whatever_their_kind_and_a_quiet_night_fetches_none(
    made: Bench, tree: Path
) -> None:
    check_files_of_pages(made, tree)
    names = {path.name for path in tree.rglob("attachments/*")}
    assert {"notes.md", "a_b_ c.zip", "locked.pdf", "empty.txt"} < names
    before = downloads(made)
    report = made.run()
    assert report.documents == {"written": 0, "moved": 0, "removed": 0}
    assert downloads(made) == before
    assert not made.verify()


def test_a_day_of_new_versions_renames_moves_and_removals(made: Bench, tree: Path) -> None:
    site = made.site
    at = {page.title: page.id for page in site.content.values()}
    held = {file.title: file for file in site.files.values()}
    site.upload_version(held["notes.md"], b"Restart both proxies.")
    site.rename_file(held["locked.pdf"], "opened.pdf")
    site.move_file(held["a/b: c.zip"], at["Page 5"])
    site.trash_file(held["empty.txt"])
    site.rename(at["Home"], "House")
    made.run()
    check_files_of_pages(made, tree)
    site.purge_file(held["notes.md"])
    site.trash(at["Page 2"])
    site.attach_file(at["Page 4"], "new.bin", bytes(300_000))
    made.run()
    check_files_of_pages(made, tree)
    assert not any(made.run().documents.values())


def test_a_page_that_moves_takes_its_files_along_without_their_being_fetched_for_the_tree(
    made: Bench, tree: Path
) -> None:
    at = {page.title: page.id for page in made.site.content.values()}
    older = made.site.add("OPS", "Und/oder", body(80), parent=at["Home"])
    younger = made.site.add("OPS", "Und:oder", body(81), parent=at["Home"])
    made.site.attach_file(younger.id, "plan.zip", b"PK")
    made.run()
    check_files_of_pages(made, tree)
    before = downloads(made)
    made.site.rename(older.id, "Another")
    made.run()
    check_files_of_pages(made, tree)
    assert downloads(made) == before


def test_what_is_lost_or_changed_comes_back_and_what_is_switched_off_goes(
    made: Bench, tree: Path
) -> None:
    paths = sorted(path for path in files(tree) if "/attachments/" in path)
    (tree / paths[0]).unlink()
    (tree / paths[1]).write_bytes(b"changed")
    assert made.verify().documents == paths[:2]
    made.start().repair()
    check_files_of_pages(made, tree)
    shutil.rmtree(made.state)
    made.run()
    check_files_of_pages(made, tree)
    made.run(wanted=ScopeSpec(), change_scope=True)
    assert not list(tree.rglob("attachments"))


def test_a_file_that_does_not_come_keeps_its_former_version_and_is_tried_again(
    made: Bench, tree: Path
) -> None:
    (zipped,) = [each for each in made.site.files.values() if each.title.endswith(".zip")]
    before = expected_files(made.site)
    made.site.upload_version(zipped, b"PK\x03\x04 and more")
    made.gateway.fault(path="/download", status=500)
    with pytest.raises(Unfinished):
        made.run()
    assert {p: c for p, c in files(tree).items() if "/attachments/" in p} == before
    made.gateway.faults.clear()
    made.run()
    check_files_of_pages(made, tree)


def test_a_version_that_is_too_large_to_be_fetched_takes_the_former_one_out_of_the_tree(
    made: Bench, tree: Path
) -> None:
    (zipped,) = [each for each in made.site.files.values() if each.title.endswith(".zip")]
    made.site.upload_version(zipped, bytes(1_100_000))
    made.most_mb = 1
    made.run()
    assert not list(tree.rglob("*.zip"))
    assert not any(made.run().documents.values())


def test_one_page_alone_brings_its_files(made: Bench, tree: Path) -> None:
    (page,) = [each for each in made.site.current() if each.title == "Page 1"]
    made.site.attach_file(page.id, "late.zip", b"PK late")
    made.run(plan=replace(made.settings, only=(page.id,)))
    check_files_of_pages(made, tree)
