"""Whatever happens in Confluence by day, after the night's run the store holds exactly what
Confluence shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import Site
from tests.mirror.conftest import body
from tests.mirror.harness import Bench, content

Make = Callable[..., Bench]


def page(site: Site, title: str) -> str:
    return next(each.id for each in site.current() if each.title == title)


def pages_in(bench: Bench) -> set[str]:
    return {str(metadata["title"]) for _, metadata in content(bench.store).values()}


def test_the_first_run_mirrors_every_current_page_and_blog_post(make: Make) -> None:
    bench = make()
    report = bench.run()
    assert pages_in(bench) == {each.title for each in bench.site.current()}
    assert (report.added, report.failures) == (12, {})
    assert not bench.verify()


def test_a_second_run_sends_nothing(make: Make) -> None:
    bench = make()
    bench.run()
    report = bench.run()
    assert (report.unchanged, report.chunks["sent"], report.added, report.changed) == (12, 0, 0, 0)


def test_a_page_that_the_listing_repeats_is_one_page(make: Make) -> None:
    bench = make()
    bench.gateway.fault(
        "/spaces/.*/pages$",
        change=lambda answer: {**answer, "results": answer["results"] + answer["results"][::-1]},
    )
    assert bench.run().listed == 12
    assert (bench.report.added, bench.report.chunks["sent"]) == (12, len(content(bench.store)))
    assert bench.run().unchanged == 12


def test_pages_and_labels_are_listed_at_the_same_time(make: Make) -> None:
    bench = make()
    labels_asked, waited = threading.Event(), []

    def note(answer: dict[str, Any]) -> dict[str, Any]:
        labels_asked.set()
        return answer

    def wait(answer: dict[str, Any]) -> dict[str, Any]:
        waited.append(labels_asked.wait(timeout=20))
        return answer

    bench.gateway.fault("/content/search$", change=note)
    bench.gateway.fault("/spaces/.*/pages$", change=wait)
    bench.run()
    assert waited == [True]


@pytest.mark.parametrize("hours", [0, 24], ids=["the whole scope", "a window"])
def test_without_label_metadata_nobody_is_asked_for_labels_and_no_chunk_has_any(
    make: Make, tmp_path: Path, hours: int
) -> None:
    bench = make(settings=PlanSettings(reconcile_hours=hours, labels=False))
    bench.site.age_all(hours=1000)
    bench.run()
    bench.site.edit(page(bench.site, "Page 3"), body(77))
    bench.site.relabel(page(bench.site, "Page 6"), ["urgent"])
    report = bench.run()
    assert (report.reconciled, report.changed, report.moved) == (hours == 0, 1, 0)
    assert {metadata["labels"] for _, metadata in content(bench.store).values()} == {""}
    assert not [entry for entry in bench.gateway.log if "metadata.labels" in str(entry.query)]
    assert not [route for route in bench.gateway.counts() if "labels" in route]
    bench.settings = PlanSettings()
    assert bench.run().moved == 3
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_an_edited_paragraph_sends_only_the_chunks_that_it_touches(make: Make) -> None:
    bench = make()
    long = bench.site.add("OPS", "A long page", body(500, sections=12))
    bench.run()
    bench.site.edit(long.id, long.body.replace("Part 6 of 500", "Part 6, reworded"))
    report = bench.run()
    assert report.changed == 1
    assert 1 <= report.chunks["sent"] <= 3
    assert report.chunks["kept"] >= 6


CHANGES: dict[str, Callable[[Site, str], object]] = {
    "edited": lambda site, at: site.edit(at, body(1234)),
    "renamed": lambda site, at: site.rename(at, "A new name"),
    "moved below another page": lambda site, at: site.move(at, parent=page(site, "Page 5")),
    "relabelled": lambda site, at: site.relabel(at, ["urgent", "runbook"]),
    "trashed": lambda site, at: site.trash(at),
    "archived": lambda site, at: site.archive(at),
    "restricted away": lambda site, at: site.restrict(at),
    "turned into a draft": lambda site, at: site.draft(at),
    "purged": lambda site, at: (site.trash(at), site.purge(at)),
    "emptied": lambda site, at: site.edit(at, ""),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_page_that_is(make: Make, tmp_path: Path, change: Callable[[Site, str], object]) -> None:
    bench = make()
    bench.run()
    change(bench.site, page(bench.site, "Page 4"))
    bench.run()
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))
    assert not bench.verify()


def test_a_restored_page_comes_back_although_its_version_is_old(make: Make, tmp_path: Path) -> None:
    bench = make()
    bench.site.age_all(hours=1000)
    at = page(bench.site, "Page 4")
    bench.run()
    bench.site.trash(at)
    bench.run()
    assert "Page 4" not in pages_in(bench)
    bench.site.restore(at)
    bench.run()
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_a_renamed_parent_changes_the_breadcrumb_of_the_pages_below_it(
    make: Make, tmp_path: Path
) -> None:
    bench = make()
    bench.run()
    bench.site.rename(page(bench.site, "Home"), "Start here")
    report = bench.run()
    assert report.moved > 5
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_a_page_moved_to_a_space_outside_the_scope_leaves(make: Make) -> None:
    bench = make(wanted=ScopeSpec(space_keys=("OPS",)))
    bench.site.add_space("OTHER", "Elsewhere")
    bench.run()
    bench.site.move_space(page(bench.site, "Page 4"), "OTHER")
    report = bench.run()
    assert report.removed == 1
    assert "Page 4" not in pages_in(bench)


def test_a_folder_scope_holds_the_descendants_through_folders_and_nothing_else(
    make: Make, tmp_path: Path
) -> None:
    bench = make()
    folder = next(
        each.id for each in bench.site.children(page(bench.site, "Home")) if each.type == "folder"
    )
    bench.wanted = ScopeSpec(folder_id=folder)
    below = next(each for each in bench.site.children(folder))
    deep = bench.site.add("OPS", "Deep below", body(55), parent=below.id)
    bench.run()
    expected = {each.title for each in bench.site.descendants(folder) if each.type == "page"}
    assert pages_in(bench) == expected
    bench.site.move(deep.id, parent=page(bench.site, "Home"))
    bench.run()
    assert pages_in(bench) == expected - {"Deep below"}
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_a_label_scope_follows_labels_that_are_added_and_taken_away(make: Make) -> None:
    bench = make(wanted=ScopeSpec(labels=("runbook",)))
    bench.run()
    labelled = {f"Page {n}" for n in (3, 6, 9)}
    assert pages_in(bench) == labelled
    bench.site.relabel(page(bench.site, "Page 3"), [])
    bench.site.relabel(page(bench.site, "Page 1"), ["runbook"])
    bench.run()
    assert pages_in(bench) == (labelled - {"Page 3"}) | {"Page 1"}


def test_a_run_between_reconciles_brings_in_the_edits_of_its_window(make: Make) -> None:
    bench = make(settings=PlanSettings(reconcile_hours=24))
    bench.site.age_all(hours=1000)
    bench.run()
    bench.site.edit(page(bench.site, "Page 2"), body(77))
    bench.site.add("OPS", "Brand new", body(78))
    report = bench.run()
    assert not report.reconciled
    assert (report.added, report.changed) == (1, 1)
    assert "Brand new" in pages_in(bench)


def test_a_run_between_reconciles_asks_for_the_tree_above_in_bulk(
    make: Make, tmp_path: Path
) -> None:
    bench = make(settings=PlanSettings(reconcile_hours=24))
    for number in range(10):
        folder = bench.site.add(
            "OPS", f"Shelf {number}", type="folder", parent=page(bench.site, f"Page {number + 1}")
        )
        inner = bench.site.add("OPS", f"Box {number}", body(60), parent=folder.id)
        bench.site.add("OPS", f"Inside {number}", body(70), parent=inner.id)
    bench.site.age_all(hours=1000)
    bench.run()
    for number in range(10):
        bench.site.edit(page(bench.site, f"Inside {number}"), body(500 + number))
    bench.gateway.clear()
    report = bench.run()
    assert (report.reconciled, report.changed) == (False, 10)
    assert not [route for route in bench.gateway.counts() if route.endswith("/{}")]
    assert sum(bench.gateway.counts().values()) < 12
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_a_changed_chunk_size_reads_every_page_again(make: Make, tmp_path: Path) -> None:
    from confluence_mirror.chunking import ChunkSettings

    bench = make()
    bench.run()
    bench.chunks = ChunkSettings(60, 0)
    report = bench.run()
    assert report.changed == 12
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))
