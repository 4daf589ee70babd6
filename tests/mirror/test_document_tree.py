"""The documents themselves: after a run that ends well the tree is what the site shows, and nothing
of others in that folder is touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from confluence_mirror.document_store.folder import DocumentFolder
from confluence_mirror.errors import Exit, SyncError
from tests.mirror.conftest import body
from tests.mirror.document_checks import check_tree, expected_paths, files
from tests.mirror.harness import Bench
from tests.servers.memory_store import APPEND_ONLY, MemoryStore

Make = Callable[..., Bench]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
def made(make: Make, tree: Path) -> Bench:
    """A mirror that writes its documents, after its first night."""
    bench = make(options={"documents": DocumentFolder(tree)})
    bench.run()
    return bench


def test_the_first_night_writes_each_page_and_a_quiet_one_nothing(made: Bench, tree: Path) -> None:
    check_tree(made, tree)
    assert made.report.documents == {"written": 12, "moved": 0, "removed": 0}
    assert made.report.tree == str(tree)
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    report = made.run()
    assert report.documents == {"written": 0, "moved": 0, "removed": 0}
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


def test_a_day_of_edits_renames_moves_and_removals_is_the_tree_in_the_morning(
    made: Bench, tree: Path
) -> None:
    site = made.site
    at = {page.title: page.id for page in site.content.values()}
    (tree / "OPS" / "notes of ours.txt").write_text("theirs")
    site.edit(at["Page 1"], body(71))
    site.rename(at["Runbooks"], "Runbooks / and: more")
    site.rename(at["Page 2"], "page 2")
    site.move(at["Page 5"], parent=at["Page 1"])
    site.relabel(at["Page 6"], ["urgent"])
    site.trash(at["Page 7"])
    site.restrict(at["Page 8"])
    site.add("OPS", "Page 9?", body(72), parent=site.get(at["Page 9"]).parent_id)
    site.add("OPS", "page_content.md", body(73), parent=at["Home"])
    report = made.run()
    check_tree(made, tree, {"OPS/notes of ours.txt": b"theirs"})
    assert report.documents["removed"] == 2
    assert report.documents["moved"] == 5
    assert made.run().documents == {"written": 0, "moved": 0, "removed": 0}


def test_an_older_page_that_takes_a_name_moves_the_younger_one_and_gives_it_back(
    made: Bench, tree: Path
) -> None:
    site = made.site
    at = {page.title: page.id for page in site.content.values()}
    home = at["Home"]
    older = site.add("OPS", "Und/oder", body(80), parent=home)
    younger = site.add("OPS", "Und:oder", body(81), parent=home)
    below = site.add("OPS", "Below", body(82), parent=younger.id)
    made.run()
    check_tree(made, tree)
    paths = expected_paths(site)
    assert paths[below.id] == f"OPS/Home/Und_oder ({younger.id})/Below/page_content.md"
    site.rename(older.id, "Another")
    report = made.run()
    check_tree(made, tree)
    assert report.documents == {"written": 0, "moved": 3, "removed": 0}
    site.rename(older.id, "Und?oder")
    made.run()
    check_tree(made, tree)


def test_two_pages_that_change_their_titles_change_their_files(made: Bench, tree: Path) -> None:
    site = made.site
    at = {page.title: page.id for page in site.content.values()}
    site.move(at["Page 2"], parent=site.get(at["Page 1"]).parent_id)
    made.run()
    site.rename(at["Page 1"], "Interim")
    site.rename(at["Page 2"], "Page 1")
    site.rename(at["Page 1"], "Page 2")
    made.run()
    check_tree(made, tree)


def test_files_of_others_in_the_way_stay_and_the_page_stands_beside_them(
    make: Make, tree: Path
) -> None:
    theirs = {
        "OPS/Home/page_content.md": b"theirs",
        "OPS/News": b"a file where a folder is wanted",
        "page_content.md": b'---\npage_id: "1"\n---\n',
    }
    for path, content in theirs.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    bench = make(options={"documents": DocumentFolder(tree)})
    bench.run()
    at = {page.title: page.id for page in bench.site.content.values()}
    found = files(tree)
    assert {path: found[path] for path in theirs} == theirs
    assert f"OPS/Home ({at['Home']})/page_content.md" in found
    assert f"OPS/News ({at['News']})/page_content.md" in found
    assert bench.run().documents["written"] == 0
    for path in theirs:
        (tree / path).unlink()
    bench.site.edit(at["Home"], body(90))
    bench.site.edit(at["News"], body(91))
    bench.run()
    check_tree(bench, tree)


def test_an_existing_mirror_writes_its_tree_and_sends_no_chunk(make: Make, tree: Path) -> None:
    bench = make()
    bench.run()
    report = bench.run(documents=DocumentFolder(tree))
    check_tree(bench, tree)
    assert (report.chunks["sent"], report.chunks["removed"]) == (0, 0)
    report = bench.run()
    assert (report.chunks["sent"], report.documents["removed"]) == (0, 0)
    check_tree(bench, tree)


def test_another_place_gets_the_whole_tree_and_the_old_one_is_left_and_told_of_once(
    made: Bench, tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = DocumentFolder(tmp_path / "elsewhere")
    report = made.run(documents=elsewhere)
    check_tree(made, tree)
    check_tree(made, tmp_path / "elsewhere")
    assert report.chunks["sent"] == 0
    told = f"those at {tree} stay as they are"
    assert caplog.text.count(told) == 1
    made.run(documents=elsewhere)
    assert caplog.text.count(told) == 1


def test_without_its_manifest_a_tree_is_taken_over_and_what_has_left_goes(
    made: Bench, tree: Path
) -> None:
    before = {path: (tree / path).stat().st_mtime_ns for path in files(tree)}
    at = {page.title: page.id for page in made.site.content.values()}
    made.site.edit(at["Page 1"], body(77))
    made.site.rename(at["Page 2"], "Page two")
    made.site.trash(at["Page 3"])
    shutil.rmtree(made.state)
    made.store = MemoryStore()
    report = made.run()
    check_tree(made, tree)
    assert report.documents == {"written": 1, "moved": 1, "removed": 1}
    kept = [
        path
        for path, moment in before.items()
        if (tree / path).exists() and (tree / path).stat().st_mtime_ns == moment
    ]
    assert len(kept) == 9


def test_a_rotation_writes_no_file_anew_and_removes_what_has_left(make: Make, tree: Path) -> None:
    bench = make(store=MemoryStore(APPEND_ONLY), options={"documents": DocumentFolder(tree)})
    bench.run()
    at = {page.title: page.id for page in bench.site.content.values()}
    bench.site.edit(at["Page 1"], body(77))
    bench.site.trash(at["Page 3"])
    report = bench.run()
    check_tree(bench, tree)
    assert report.documents == {"written": 1, "moved": 0, "removed": 1}


def test_what_is_lost_or_changed_in_the_tree_is_drift_and_repaired(made: Bench, tree: Path) -> None:
    (tree / "OPS/Home/page_content.md").unlink()
    (tree / "OPS/News/page_content.md").write_text("changed by hand")
    found = made.verify()
    assert sorted(found.documents) == ["OPS/Home/page_content.md", "OPS/News/page_content.md"]
    assert any("2 documents missing or changed" in line for line in found.lines())
    assert not made.start().repair()
    check_tree(made, tree)
    shutil.rmtree(tree)
    made.run()
    check_tree(made, tree)


def test_a_night_that_looks_at_a_window_alone_writes_what_is_in_it(make: Make, tree: Path) -> None:
    bench = make(options={"documents": DocumentFolder(tree)})
    bench.settings = replace(bench.settings, reconcile_hours=168)
    bench.run()
    at = {page.title: page.id for page in bench.site.content.values()}
    bench.site.edit(at["Page 1"], body(77))
    bench.site.rename(at["Page 4"], "Page four")
    first = bench.site.add("OPS", "A/B", body(78), parent=at["Home"])
    second = bench.site.add("OPS", "A:B", body(79), parent=at["Home"])
    bench.run()
    check_tree(bench, tree)
    assert expected_paths(bench.site)[second.id].endswith(f"A_B ({second.id})/page_content.md")
    bench.site.edit(first.id, body(80))
    bench.run(plan=replace(bench.settings, only=(first.id,)))
    check_tree(bench, tree)


def test_a_dry_run_and_a_purge_touch_nothing_but_what_is_ours(made: Bench, tree: Path) -> None:
    made.site.edit(made.site.current()[0].id, body(77))
    before = files(tree)
    made.start().dry_run()
    made.start(documents=DocumentFolder(tree / "new")).dry_run()
    assert files(tree) == before
    (tree / "OPS" / "notes.txt").write_text("theirs")
    made.start().purge()
    assert files(tree) == {"OPS/notes.txt": b"theirs"}
    assert made.report.documents["removed"] == 12


def test_a_place_that_cannot_be_used_is_told_before_confluence_is_asked(
    make: Make, tree: Path
) -> None:
    tree.write_text("a file")
    bench = make(options={"documents": DocumentFolder(tree)})
    with pytest.raises(SyncError, match="is not a folder") as wrong:
        bench.run()
    assert wrong.value.exit == Exit.SETTINGS
    assert not bench.gateway.log
