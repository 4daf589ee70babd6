"""A scope is the union of what its items name, less what is excluded: each with the evidence that
every removal needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from confluence_mirror.errors import IncompleteEvidence, PermissionRefused, Refused, SyncError
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import Site
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in

Make = Callable[..., Bench]


def two_spaces() -> Site:
    """``small_site``, and a library with a shelf: a folder with a book and its chapter."""
    site = small_site()
    site.add_space("LIB", "Library")
    shelf = site.add("LIB", "Shelf", type="folder")
    book = site.add("LIB", "Book", body(20), parent=shelf.id)
    site.add("LIB", "Chapter", body(21), parent=book.id, labels=["draft"])
    site.add("LIB", "Catalogue", body(22))
    site.add("LIB", "Opening hours", body(23), type="blogpost")
    return site


def id_of(site: Site, title: str) -> str:
    return next(each.id for each in site.content.values() if each.title == title)


def scope(*items: str, **excluded: tuple[str, ...]) -> ScopeSpec:
    return ScopeSpec(items=items, **excluded)


def equals_fresh(bench: Bench, tmp_path: Path) -> bool:
    return content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


# -- what goes in


def test_a_scope_is_the_union_of_its_items_and_what_overlaps_is_there_once(
    make: Make, tmp_path: Path
) -> None:
    site = two_spaces()
    shelf, book, hours = (id_of(site, title) for title in ("Shelf", "Book", "Opening hours"))
    bench = make(site)
    bench.wanted = scope(f"tree:{shelf}", f"tree:{book}", f"page:{book}", f"page:{hours}")
    bench.run()
    assert pages_in(bench) == {"Book", "Chapter", "Opening hours"}
    bench.wanted = scope("space:OPS", f"tree:{page(site, 'Page 1')}", f"page:{hours}")
    bench.run(change_scope=True)
    assert pages_in(bench) == {each.title for each in site.current("OPS")} | {"Opening hours"}
    assert equals_fresh(bench, tmp_path)
    assert not bench.verify()


def test_single_pages_are_mirrored_without_a_listing_of_their_space(
    make: Make, tmp_path: Path
) -> None:
    site = two_spaces()
    bench = make(site)
    bench.wanted = scope(*(f"page:{id_of(site, title)}" for title in ("Chapter", "Opening hours")))
    bench.run()
    assert pages_in(bench) == {"Chapter", "Opening hours"}
    assert not [route for route in bench.gateway.counts() if "/spaces/" in route]
    ((_, metadata), *_) = (
        row for row in content(bench.store).values() if row[1]["title"] == "Chapter"
    )
    assert (metadata["breadcrumb"], metadata["labels"]) == ("Shelf > Book", "draft")
    site.edit(id_of(site, "Chapter"), body(77))
    assert bench.run().changed == 1
    assert equals_fresh(bench, tmp_path)


def test_what_hangs_on_a_page_follows_it_into_the_scope_and_out_of_it(make: Make) -> None:
    site = two_spaces()
    bench = make(site)
    inside, outside = id_of(site, "Chapter"), id_of(site, "Catalogue")
    for at in (inside, outside):
        site.add_comment(at, "<p>A remark.</p>")
        site.attach_file(at, "notes.txt", b"Some notes.")
    children = ("attachment", "comment")
    bench.wanted = ScopeSpec(items=(f"page:{inside}",), children=children)
    bench.run()
    kinds = [metadata["page_type"] for _, metadata in content(bench.store).values()]
    assert (kinds.count("comment"), kinds.count("attachment")) == (1, 1)
    bench.wanted = ScopeSpec(items=("space:LIB",), children=children, exclude_labels=("draft",))
    bench.run(change_scope=True)
    parents = {metadata.get("parent_page_id") for _, metadata in content(bench.store).values()}
    assert outside in parents
    assert inside not in parents


def test_a_tree_that_is_moved_to_another_space_takes_its_mirror_along(
    make: Make, tmp_path: Path
) -> None:
    site = two_spaces()
    bench = make(site)
    shelf = id_of(site, "Shelf")
    bench.wanted = scope(f"tree:{shelf}", f"page:{page(site, 'Page 1')}")
    bench.run()
    before = pages_in(bench)
    site.move_space(shelf, "OPS")
    for _ in range(2):
        bench.run()
        assert pages_in(bench) == before == {"Book", "Chapter", "Page 1"}
    assert equals_fresh(bench, tmp_path)


@pytest.mark.parametrize("hours", [0, 24], ids=["the whole scope", "a window"])
def test_a_single_page_that_is_trashed_leaves_and_comes_back(make: Make, hours: int) -> None:
    site = two_spaces()
    bench = make(site, settings=PlanSettings(reconcile_hours=hours))
    bench.wanted = scope(f"page:{id_of(site, 'Book')}", f"page:{page(site, 'Page 1')}")
    site.age_all(hours=1000)
    bench.run()
    site.trash(page(site, "Page 1"))
    assert bench.run().removed == 1
    assert pages_in(bench) == {"Book"}
    assert bench.run().unchanged == 1
    site.restore(id_of(site, "Page 1"))
    bench.run()
    assert pages_in(bench) == {"Book", "Page 1"}


def test_a_single_page_that_is_hidden_leaves_behind_a_canary_and_without_one_it_stays(
    make: Make,
) -> None:
    site = two_spaces()
    bench = make(site)
    pages = [id_of(site, "Book"), page(site, "Page 1")]
    bench.wanted = scope(*(f"page:{each}" for each in pages))
    bench.run()
    site.restrict(pages[1])
    bench.run()
    assert pages_in(bench) == {"Book"}
    site.restrict(pages[0])
    with pytest.raises(IncompleteEvidence):
        bench.run()
    assert pages_in(bench) == {"Book"}


@pytest.mark.parametrize("item", ["space:NONE", "tree:{}", "page:{}", "tree:4711", "page:4711"])
def test_an_item_that_the_credential_does_not_see_is_named_before_anything_is_read(
    make: Make, item: str
) -> None:
    site = two_spaces()
    bench = make(site)
    hidden = id_of(site, "Catalogue")
    site.restrict(hidden)
    bench.wanted = scope("space:OPS", item.format(hidden))
    with pytest.raises(PermissionRefused, match=item.format(hidden).split(":")[1]):
        bench.run()
    assert not content(bench.store)


def test_a_tree_whose_root_is_hidden_ends_the_run_and_keeps_its_pages(make: Make) -> None:
    site = two_spaces()
    bench = make(site, wanted=scope("space:OPS", f"tree:{id_of(site, 'Shelf')}"))
    bench.run()
    before = content(bench.store)
    site.restrict(id_of(site, "Shelf"))
    with pytest.raises(PermissionRefused, match="tree:"):
        bench.run()
    assert content(bench.store) == before


# -- what stays out


@pytest.mark.parametrize("hours", [0, 24], ids=["the whole scope", "a window"])
def test_a_page_that_is_given_an_excluded_label_is_gone_tomorrow(make: Make, hours: int) -> None:
    bench = make(
        two_spaces(),
        wanted=ScopeSpec(exclude_labels=("Draft",)),
        settings=PlanSettings(reconcile_hours=hours),
    )
    bench.site.age_all(hours=1000)
    bench.run()
    assert "Chapter" not in pages_in(bench)
    bench.site.relabel(page(bench.site, "Page 1"), ["draft", "runbook"])
    report = bench.run()
    assert (report.removed, report.reconciled) == (1, not hours)
    assert "Page 1" not in pages_in(bench)
    bench.site.relabel(page(bench.site, "Page 1"), [])
    bench.run(plan=PlanSettings())
    assert "Page 1" in pages_in(bench)


def test_a_recorded_page_leaves_for_a_label_only_when_its_own_labels_route_says_so(
    make: Make,
) -> None:
    bench = make(two_spaces(), wanted=ScopeSpec(exclude_labels=("draft",)))
    bench.run()
    at = page(bench.site, "Page 1")
    bench.gateway.fault(
        r"/labels/\d+/pages$", change=lambda a: {**a, "results": [*a["results"], {"id": at}]}
    )
    assert bench.run().removed == 0
    bench.site.relabel(at, ["draft"])
    bench.gateway.fault(rf"/pages/{at}/labels$", status=500)
    with pytest.raises(SyncError):
        bench.run()
    assert "Page 1" in pages_in(bench)


@pytest.mark.parametrize(
    "route", ["/content/labels$", r"/labels/\d+/pages$", r"/pages/\d+/labels$", "/content/search$"]
)
@pytest.mark.parametrize("status", [403, 500])
def test_a_page_with_an_excluded_label_is_never_mirrored_while_the_labels_cannot_be_read(
    make: Make, route: str, status: int
) -> None:
    bench = make(two_spaces(), wanted=ScopeSpec(exclude_labels=("draft",)))
    bench.gateway.fault(route, status=status)
    try:
        bench.run()
    except SyncError:
        bench.gateway.clear()
        assert "Chapter" not in pages_in(bench)
        bench.run()
    assert pages_in(bench) == {each.title for each in bench.site.current()} - {"Chapter"}


def test_what_lies_below_an_excluded_page_or_folder_is_not_mirrored(
    make: Make, tmp_path: Path
) -> None:
    site = two_spaces()
    shelf, home = id_of(site, "Shelf"), page(site, "Page 1")
    bench = make(site, wanted=ScopeSpec(exclude_trees=(shelf, home)))
    site.add("OPS", "Below it", body(30), parent=home)
    bench.run()
    excluded = {"Book", "Chapter", "Page 1", "Below it"}
    assert pages_in(bench) == {each.title for each in site.current()} - excluded
    site.move(page(site, "Page 2"), parent=home)
    site.move(id_of(site, "Book"), space="LIB")
    bench.run()
    assert not {"Page 1", "Page 2", "Below it"} & pages_in(bench)
    assert {"Book", "Chapter"} <= pages_in(bench)
    site.purge(shelf)
    bench.run()
    assert equals_fresh_without(bench, tmp_path, shelf)


def equals_fresh_without(bench: Bench, tmp_path: Path, gone: str) -> bool:
    """A mirror that begins today cannot name what is gone."""
    left = tuple(each for each in bench.wanted.exclude_trees if each != gone)
    before = bench.wanted
    bench.wanted = ScopeSpec(exclude_trees=left)
    fresh = equals_fresh(bench, tmp_path)
    bench.wanted = before
    return fresh


def test_an_excluded_tree_that_nobody_sees_is_a_mistake_at_first(make: Make) -> None:
    bench = make(wanted=ScopeSpec(exclude_trees=("4711",)))
    with pytest.raises(PermissionRefused, match="EXCLUDE_TREES=4711"):
        bench.run()


def test_a_page_whose_place_cannot_be_read_is_not_mirrored_where_trees_are_excluded(
    make: Make,
) -> None:
    site = two_spaces()
    inner = site.add("LIB", "Box", type="folder", parent=id_of(site, "Shelf"))
    site.add("LIB", "In the box", body(40), parent=inner.id)
    bench = make(site, wanted=ScopeSpec(exclude_trees=(id_of(site, "Book"),)))
    bench.gateway.fault(rf"/folders/{inner.id}$", status=500)
    with pytest.raises(IncompleteEvidence, match="EXCLUDE_TREES"):
        bench.run()
    assert "In the box" not in pages_in(bench)
    assert "Catalogue" in pages_in(bench)
    bench.gateway.clear()
    bench.run()
    assert "In the box" in pages_in(bench)


# -- another scope than before


def change(bench: Bench, wanted: ScopeSpec) -> str:
    """What a change to this scope is refused with."""
    with pytest.raises(Refused) as refused:
        bench.run(wanted=wanted)
    return str(refused.value)


def test_a_scope_that_only_adds_is_accepted_and_read_whole(make: Make, tmp_path: Path) -> None:
    site = two_spaces()
    site.age_all(hours=1000)
    shelf, book = id_of(site, "Shelf"), id_of(site, "Book")
    bench = make(site, settings=PlanSettings(reconcile_hours=24))
    for wanted in (
        ScopeSpec(items=(f"page:{book}",), exclude_labels=("draft",), exclude_trees=(book,)),
        ScopeSpec(items=(f"page:{book}",), exclude_labels=("draft",)),
        ScopeSpec(items=(f"tree:{book}",)),
        ScopeSpec(items=(f"tree:{shelf}",)),
        ScopeSpec(items=("space:LIB",)),
        ScopeSpec(space_keys=("LIB", "OPS")),
        ScopeSpec(),
    ):
        bench.wanted = wanted
        bench.run()
        assert equals_fresh(bench, tmp_path)
        shutil.rmtree(tmp_path / "fresh")


def test_a_scope_that_holds_less_is_refused_and_says_what_would_go(make: Make) -> None:
    site = two_spaces()
    shelf, hours = id_of(site, "Shelf"), id_of(site, "Opening hours")
    bench = make(site, wanted=scope("space:OPS", f"tree:{shelf}", f"page:{hours}"))
    bench.run()
    before = content(bench.store)
    said = change(bench, scope(f"tree:{shelf}", f"page:{hours}"))
    assert "removes space OPS (12 recorded)" in said
    assert f"removes tree {shelf}, page {hours}." in change(bench, scope("space:OPS"))
    kept = ("space:OPS", f"tree:{shelf}", f"page:{hours}")
    labelled = change(bench, scope(*kept, exclude_labels=("runbook",)))
    assert "removes pages labelled runbook (3 recorded)" in labelled
    assert f"removes tree {shelf}" in change(bench, scope(*kept, exclude_trees=(shelf,)))
    other = change(bench, scope("space:LIB"))
    assert "adds space LIB and removes space OPS (12 recorded)." in other
    assert f"tree {shelf}" not in other.partition("It adds")[2].partition("Both")[0]
    assert content(bench.store) == before
    bench.run(
        wanted=scope("space:LIB"), change_scope=True, plan=PlanSettings(allow_mass_delete="true")
    )
    assert pages_in(bench) == {each.title for each in site.current("LIB")}


def test_the_settings_that_users_know_are_the_same_scope_in_other_words(make: Make) -> None:
    site = two_spaces()
    bench = make(site, wanted=ScopeSpec(folder_id=id_of(site, "Shelf")))
    bench.run()
    assert bench.run(wanted=scope(f"tree:{id_of(site, 'Shelf')}")).unchanged == 2
    assert bench.run(wanted=ScopeSpec(space_keys=("LIB",))).added == 2
    assert bench.run(wanted=scope("space:lib")).unchanged == 4
