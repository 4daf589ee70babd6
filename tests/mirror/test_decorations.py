"""What only decorates a page never stops a run, and is made good by the next one that can."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.errors import IncompleteEvidence, Unfinished
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import Site
from tests.crash.test_order import Killed
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in
from tests.selection import only_quick
from tests.servers.memory_store import FULL, MemoryStore

Make = Callable[..., Bench]
MANY = [f"label-{number:02d}" for number in range(40)]


def metadata_of(bench: Bench, title: str, key: str) -> set[Any]:
    return {
        metadata[key] for _, metadata in content(bench.store).values() if metadata["title"] == title
    }


def equals_fresh(bench: Bench, tmp_path: Path) -> bool:
    """Every key of every chunk is as in a store that is filled anew."""
    fresh = content(bench.fresh(tmp_path / "fresh"))
    shutil.rmtree(tmp_path / "fresh")
    return content(bench.store) == fresh


# -- the tree


def deep_site(levels: int) -> tuple[Site, str]:
    site = Site()
    site.add_space("OPS", "Operations")
    at = site.add("OPS", "Level 0", "<p>top.</p>").id
    top = at
    for number in range(1, levels):
        kind = "folder" if number % 100 == 50 else "page"
        at = site.add("OPS", f"Level {number}", f"<p>level {number}.</p>", parent=at, type=kind).id
    return site, top


@pytest.mark.parametrize("by_folder", [False, True], ids=["a space", "a folder"])
@pytest.mark.long
def test_a_tree_of_three_hundred_levels_is_mirrored_whole(
    make: Make, tmp_path: Path, by_folder: bool
) -> None:
    site, top = deep_site(300)
    bench = make(site)
    bench.wanted = ScopeSpec(folder_id=top) if by_folder else ScopeSpec()
    bench.run()
    assert pages_in(bench) == {each.title for each in site.current()}
    (breadcrumb,) = metadata_of(bench, "Level 299", "breadcrumb")
    assert breadcrumb == " > ".join(f"Level {number}" for number in range(299))
    site.rename(top, "The very top")
    bench.run()
    assert equals_fresh(bench, tmp_path)


CONTAINERS = {
    "a folder": "folder",
    "a whiteboard": "whiteboard",
    "a database": "database",
    "a parent page": "page",
}
REFUSALS: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "403": {"status": 403},
    "a login page": {"html": True},
    "a cut": {"cut": "before"},
}


PAIRS = list(itertools.product(CONTAINERS, REFUSALS))
IN_A_SHORT_TIME = [pair for pair in PAIRS if "a folder" in pair or "500" in pair]


def below_a_container(make: Make, kind: str) -> tuple[Bench, str]:
    """A page below a container that no listing shows: one of another type, or a page that is
    archived."""
    bench = make()
    top = bench.site.add("OPS", "Container", type=kind, parent=page(bench.site, "Home"))
    bench.site.add("OPS", "Below", body(88), parent=top.id)
    if kind == "page":
        bench.site.archive(top.id)
    return bench, rf"/wiki/api/v2/\w+/{top.id}$"


@pytest.mark.parametrize("pair", only_quick(PAIRS, *IN_A_SHORT_TIME), ids=" and ".join)
def test_a_container_that_cannot_be_read_costs_its_breadcrumb_for_a_night(
    make: Make, tmp_path: Path, pair: tuple[str, str]
) -> None:
    container, how = pair
    bench, route = below_a_container(make, CONTAINERS[container])
    refusal = REFUSALS[how]
    bench.gateway.fault(route, **refusal)
    bench.run()
    assert metadata_of(bench, "Below", "breadcrumb") == {""}
    assert len(pages_in(bench)) == len(bench.site.current())
    bench.gateway.clear()
    bench.run()
    assert metadata_of(bench, "Below", "breadcrumb") == {"Home > Container"}
    assert equals_fresh(bench, tmp_path)
    before = content(bench.store)
    bench.gateway.fault(route, **refusal)
    assert bench.run().moved == 0  # a breadcrumb that cannot be read is no other one
    assert content(bench.store) == before
    bench.site.relabel(page(bench.site, "Below"), ["urgent"])
    bench.run()
    assert metadata_of(bench, "Below", "labels") == {"urgent"}
    bench.gateway.clear()
    bench.run()
    assert equals_fresh(bench, tmp_path)


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422, 451])
def test_a_page_whose_body_is_refused_fails_alone(make: Make, status: int) -> None:
    bench = make()
    at = page(bench.site, "Page 4")
    bench.gateway.fault(
        "/wiki/api/v2/pages$", query=rf"(?=.*id={at}\b)(?=.*body-format)", status=status
    )
    with pytest.raises(Unfinished, match="1 page failed and is kept"):
        bench.run()
    assert [failure.title for failure in bench.report.failures.values()] == ["Page 4"]
    assert pages_in(bench) == {each.title for each in bench.site.current()} - {"Page 4"}


# -- labels


def with_many_labels(make: Make, **options: Any) -> Bench:
    """A row of the index shows 25 labels; one page bears more."""
    bench = make(**options)
    bench.gateway.switches.nested_labels = 25
    bench.site.relabel(page(bench.site, "Page 4"), MANY)
    return bench


def test_labels_beyond_those_of_a_row_follow_an_edit(make: Make, tmp_path: Path) -> None:
    bench = with_many_labels(make)
    bench.run()
    bench.site.relabel(page(bench.site, "Page 4"), [*MANY[:-1], "another"])
    bench.run()
    assert metadata_of(bench, "Page 4", "labels") == {",".join(sorted([*MANY[:-1], "another"]))}
    assert bench.run().moved == 0


def test_labels_beyond_those_of_a_row_come_back_after_the_manifest_is_lost(
    make: Make, tmp_path: Path
) -> None:
    bench = with_many_labels(make)
    bench.run()
    shutil.rmtree(bench.state)
    bench.run()
    assert metadata_of(bench, "Page 4", "labels") == {",".join(MANY)}
    assert equals_fresh(bench, tmp_path)


def test_labels_beyond_those_of_a_row_come_back_after_a_kill(make: Make) -> None:
    bench = with_many_labels(make)

    def die(what: str, chunk_id: str) -> None:
        raise Killed(what)

    with pytest.raises(Killed):
        bench.run(store=MemoryStore(FULL, step=die))
    bench.run()
    assert metadata_of(bench, "Page 4", "labels") == {",".join(MANY)}


@pytest.mark.parametrize("hours", [0, 24], ids=["the whole scope", "a window"])
@pytest.mark.parametrize("route", ["/content/search$", "/pages/\\d+/labels$"])
def test_labels_that_could_not_be_learned_are_made_good(
    make: Make, tmp_path: Path, route: str, hours: int
) -> None:
    bench = with_many_labels(make, settings=PlanSettings(reconcile_hours=hours))
    bench.gateway.fault(route, query="" if "labels" in route else "metadata.labels", status=500)
    if "search" in route:
        bench.gateway.fault(r"/pages/\d+/labels$", status=403)
    bench.run()
    assert len(pages_in(bench)) == 12
    assert metadata_of(bench, "Page 4", "labels") == {""}
    bench.gateway.clear()
    bench.site.age_all(hours=1000)
    bench.run()
    assert metadata_of(bench, "Page 4", "labels") == {",".join(MANY)}


def test_a_new_page_whose_labels_are_unknown_in_a_window_comes_into_a_scope_of_labels_later(
    make: Make,
) -> None:
    bench = make(wanted=ScopeSpec(labels=("runbook",)), settings=PlanSettings(reconcile_hours=24))
    bench.site.age_all(hours=1000)
    bench.run()
    bench.site.add("OPS", "New", body(70), labels=["runbook"])
    bench.gateway.fault("/content/search$", query="metadata.labels", status=500)
    bench.gateway.fault("/labels$", status=500)
    with pytest.raises(IncompleteEvidence, match="labels of 1 new page "):
        bench.run()
    bench.gateway.clear()
    bench.run()
    assert "New" in pages_in(bench)


def test_labels_behind_a_listing_that_is_cut_by_413_are_asked_for(
    make: Make, tmp_path: Path
) -> None:
    bench = make()
    bench.run()
    for each in bench.site.current():
        bench.site.relabel(each.id, ["moved-on"])
    bench.gateway.switches.change({"caps": {"expand": 5}})
    bench.gateway.fault("/content/search$", query=r"(?=.*metadata\.labels)(?=.*cursor)", status=413)
    bench.run()
    assert {metadata["labels"] for _, metadata in content(bench.store).values()} == {"moved-on"}


def test_a_limit_that_is_too_large_is_lowered(make: Make, tmp_path: Path) -> None:
    bench = make(small_site(60))
    bench.gateway.switches.heavy_limit = 30
    bench.run()
    assert len(pages_in(bench)) == 60


def test_an_index_that_knows_nothing_keeps_the_labels_and_says_so(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make()
    bench.run()
    before = content(bench.store)
    bench.gateway.fault("/content/search$", payload={"results": []})
    bench.gateway.fault("/labels$", status=403)
    bench.run()
    assert content(bench.store) == before
    assert "the labels of some pages could not be learned" in caplog.text


# -- names


def by_ada(make: Make, **options: Any) -> Bench:
    bench = make(**options)
    ada, bea = bench.site.add_person("Ada"), bench.site.add_person("Bea")
    mention = f'<p>Ask <ac:link><ri:user ri:account-id="{bea.account_id}"/></ac:link>.</p>'
    bench.site.add("OPS", "By Ada", f"{body(70)}{mention}", author=ada.account_id)
    return bench


@pytest.mark.parametrize("hours", [0, 24], ids=["the whole scope", "a window"])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 403},
        {"status": 410},
        {"payload": {"results": []}},
        {"html": True},
        {"cut": "before"},
    ],
    ids=str,
)
def test_names_asked_for_in_a_bad_hour_are_made_good(
    make: Make, tmp_path: Path, fault: dict[str, Any], hours: int
) -> None:
    bench = by_ada(make, settings=PlanSettings(reconcile_hours=hours))
    bench.gateway.fault("/users?[-/]bulk", **fault)
    bench.run()
    assert metadata_of(bench, "By Ada", "author") == {""}
    bench.gateway.log.clear()
    bench.run()
    assert sum("bulk" in path for path in bench.gateway.counts()) <= 2
    assert not [
        entry for entry in bench.gateway.log if "body-format" in entry.query
    ]  # nothing is read meanwhile
    bench.gateway.clear()
    bench.site.age_all(hours=1000)
    bench.run()
    assert metadata_of(bench, "By Ada", "author") == {"Ada"}
    assert any("Bea" in text for text, _ in content(bench.store).values())
    bench.gateway.clear()
    bench.run()
    assert not [path for path in bench.gateway.counts() if "bulk" in path]


def test_a_token_that_may_not_tell_names_costs_no_further_night(make: Make) -> None:
    bench = by_ada(make)
    bench.gateway.switches.scopes -= {"read:confluence-user", "read:user:confluence"}
    bench.run()
    bench.gateway.clear()
    assert bench.run().unchanged == 13
    assert not [path for path in bench.gateway.counts() if "bulk" in path]


def test_an_author_without_a_visible_name_is_asked_for_once(make: Make) -> None:
    bench = make()
    ghost = bench.site.add_person(None)
    bench.site.add("OPS", "By nobody", body(70), author=ghost.account_id)
    bench.run()
    bench.gateway.clear()
    assert bench.run().unchanged == 13
    assert not [path for path in bench.gateway.counts() if "bulk" in path]
