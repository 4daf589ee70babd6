"""Nothing is removed on a guess: however a listing lies, what Confluence still shows stays
answerable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.errors import (
    IncompleteEvidence,
    PermissionRefused,
    Refused,
    SourceUnavailable,
    SyncError,
)
from confluence_mirror.mirror import evidence
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import Site
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in

Make = Callable[..., Bench]
LISTING = r"/wiki/api/v2/spaces/\d+/pages$"


def drop_rows(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "results": answer["results"][:2]}


def endless(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        **answer,
        "results": [],
        "_links": {**answer.get("_links", {}), "next": "/wiki/api/v2/x?cursor=same"},
    }


LIES: dict[str, dict[str, Any]] = {
    "truncated JSON": {"truncate": True},
    "a row without an id": {"change": lambda a: {**a, "results": [{"title": "no id"}]}},
    "no results at all": {"change": lambda a: {"_links": a["_links"]}},
    "a cursor that repeats": {"change": endless},
    "401": {"status": 401},
    "403": {"status": 403},
    "404, as a revoked token gets": {"status": 404},
    "410": {"status": 410},
    "500": {"status": 500},
    "a login page": {"html": True},
    "a cut connection": {"cut": "before"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_nothing_leaves_the_store_when_the_listing_answers_with(
    make: Make, lie: dict[str, Any]
) -> None:
    bench = make()
    bench.run()
    before = content(bench.store)
    bench.site.trash(page(bench.site, "Page 4"))
    bench.gateway.fault(LISTING, **lie)
    with pytest.raises(SyncError):
        bench.run()
    assert content(bench.store) == before
    bench.gateway.clear()
    bench.run()
    assert "Page 4" not in pages_in(bench)


def test_a_page_that_a_truncated_listing_leaves_out_stays_because_it_is_asked_for_by_id(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    before = content(bench.store)
    bench.gateway.fault(LISTING, change=drop_rows)
    with pytest.raises(IncompleteEvidence, match="was not complete"):
        bench.run()
    assert content(bench.store) == before
    bench.site.edit(page(bench.site, "Page 7"), body(707))
    with pytest.raises(IncompleteEvidence, match="was not complete"):
        bench.run()
    assert any("707" in text for text, _ in content(bench.store).values())


def test_pages_that_nobody_recorded_yet_and_a_truncated_listing_leaves_out_are_found_by_the_index(
    make: Make,
) -> None:
    bench = make()
    bench.site.add("OPS", "Never seen", body(71))
    bench.site.clock.advance(hours=3)
    bench.gateway.fault(LISTING, change=lambda answer: {"results": []})
    with pytest.raises(IncompleteEvidence, match="was not complete"):
        bench.run()
    assert "Never seen" in pages_in(bench)
    bench.gateway.clear()
    bench.run()
    assert len(pages_in(bench)) == 13


def test_a_page_that_is_made_while_the_listing_runs_is_mirrored_and_proves_nothing(
    make: Make,
) -> None:
    bench = make()
    bench.site.clock.advance(hours=3)
    made = bench.site.add("OPS", "Made meanwhile", body(71)).id
    bench.gateway.fault(
        LISTING,
        change=lambda answer: {
            **answer,
            "results": [row for row in answer["results"] if row["id"] != made],
        },
    )
    bench.run()
    assert "Made meanwhile" in pages_in(bench)


def test_what_can_be_read_is_written_although_another_space_cannot_be_listed(make: Make) -> None:
    bench = make()
    other = bench.site.add_space("ZOO", "Zoo")
    bench.site.add("ZOO", "Zebra", body(70))
    bench.run()
    bench.site.add("OPS", "Written tonight", body(71))
    bench.site.trash(page(bench.site, "Page 4"))
    bench.gateway.fault(
        rf"/wiki/api/v2/spaces/{other.id}/pages$", change=lambda a: {"_links": a["_links"]}
    )
    with pytest.raises(IncompleteEvidence):
        bench.run()
    assert {"Written tonight", "Page 4", "Zebra"} <= pages_in(bench)


def test_a_credential_that_is_revoked_after_the_listing_removes_nothing(make: Make) -> None:
    bench = make()
    bench.run()
    bench.site.restrict(page(bench.site, "Page 4"))
    # The question by id is the first request to this route; from then on the token is dead.
    bench.gateway.fault(r"/wiki/api/v2/pages$", query="status=archived", nth=1, do=[("revoke", {})])
    with pytest.raises(SyncError):
        bench.run()
    assert "Page 4" in pages_in(bench)


def test_a_canary_that_vanishes_with_the_page_means_nothing_is_known(make: Make) -> None:
    bench = make()
    bench.run()
    bench.site.restrict(page(bench.site, "Page 4"))
    bench.gateway.fault(
        r"/wiki/api/v2/pages$", query="id=", change=lambda answer: {**answer, "results": []}
    )
    with pytest.raises(IncompleteEvidence):
        bench.run()
    assert "Page 4" in pages_in(bench)


def test_a_403_at_the_edge_that_heals_costs_nothing(make: Make) -> None:
    bench = make()
    bench.run()
    before = content(bench.store)
    bench.gateway.fault(LISTING, status=403, headers={"x-cache": "Error from cloudfront"}, times=2)
    assert bench.run().removed == 0
    assert content(bench.store) == before


def test_an_index_that_still_shows_a_trashed_page_does_not_keep_it(make: Make) -> None:
    bench = make(settings=PlanSettings(reconcile_hours=24))
    bench.run()
    at = page(bench.site, "Page 4")
    bench.site.edit(at, body(44))
    bench.gateway.run("index", pin=[at])
    bench.site.trash(at)
    report = bench.run()
    assert not report.reconciled
    assert "Page 4" not in pages_in(bench)


def test_duplicated_and_reordered_rows_are_one_page_each(make: Make) -> None:
    bench = make()
    bench.gateway.fault(
        LISTING,
        change=lambda answer: {
            **answer,
            "results": answer["results"][::-1] + answer["results"][:3],
        },
    )
    bench.run()
    assert {each.title for each in bench.site.current()} == pages_in(bench)
    content(bench.store)  # fails where an id is there twice


# -- the guard


def many_gone(bench: Bench, count: int) -> None:
    for each in [
        p for p in bench.site.current() if p.type == "page" and p.title.startswith("Page")
    ][:count]:
        bench.site.trash(each.id)


def test_a_mass_removal_is_refused_and_named_by_a_hash_that_allows_this_very_set(
    make: Make,
) -> None:
    bench = make(small_site(60))
    bench.run()
    many_gone(bench, 30)
    with pytest.raises(Refused, match="ALLOW_MASS_DELETE=") as refused:
        bench.run()
    assert len(pages_in(bench)) == 60
    allowed = refused.value.hint.split("ALLOW_MASS_DELETE=")[1].rstrip(".")
    bench.site.trash(page(bench.site, "Page 50"))
    with pytest.raises(Refused):
        bench.run(plan=PlanSettings(allow_mass_delete=allowed))
    bench.site.restore(next(p.id for p in bench.site.content.values() if p.title == "Page 50"))
    assert bench.run(plan=PlanSettings(allow_mass_delete=allowed)).removed == 30


def test_what_could_be_written_is_written_when_removals_are_refused(make: Make) -> None:
    bench = make(small_site(60))
    bench.run()
    many_gone(bench, 30)
    bench.site.add("OPS", "Written all the same", body(5))
    with pytest.raises(Refused):
        bench.run()
    assert "Written all the same" in pages_in(bench)


def test_twenty_pages_pass_whatever_their_share(make: Make) -> None:
    bench = make(small_site(30))
    bench.run()
    many_gone(bench, 20)
    assert bench.run().removed == 20


def test_a_scope_of_five_pages_is_not_emptied_without_leave(make: Make) -> None:
    bench = make(small_site(6))
    bench.run()
    for each in list(bench.site.current()):
        bench.site.trash(each.id)
    with pytest.raises(Refused):
        bench.run()
    assert len(pages_in(bench)) == 6
    assert bench.run(plan=PlanSettings(allow_mass_delete="true")).removed == 6


def test_the_hash_names_a_set_whatever_its_order() -> None:
    assert (
        evidence.set_hash(["1", "2"])
        == evidence.set_hash(["2", "1"])
        != evidence.set_hash(["1", "3"])
    )


# -- spaces


def two_spaces() -> Site:
    site = small_site()
    site.add_space("ZOO", "Zoo")
    site.add("ZOO", "Zebra", body(70))
    return site


def test_a_named_space_that_disappears_ends_the_run_and_keeps_its_pages(make: Make) -> None:
    bench = make(two_spaces(), wanted=ScopeSpec(space_keys=("OPS", "ZOO")))
    bench.run()
    bench.site.hide_space("ZOO")
    with pytest.raises(PermissionRefused, match="ZOO"):
        bench.run()
    assert "Zebra" in pages_in(bench)


def test_where_all_spaces_are_mirrored_a_space_that_is_gone_leaves(make: Make) -> None:
    bench = make(two_spaces())
    bench.run()
    bench.site.remove_space("ZOO")
    bench.run()
    assert "Zebra" not in pages_in(bench)
    assert len(pages_in(bench)) == 12


def test_a_space_that_is_renamed_is_brought_up_to_date(make: Make, tmp_path: Path) -> None:
    bench = make()
    bench.run()
    bench.site.rename_space("OPS", "Operations and more")
    bench.run()
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_a_site_that_is_down_leaves_everything_as_it_is(make: Make) -> None:
    bench = make()
    bench.run()
    before = content(bench.store)
    bench.gateway.fault(status=503)
    with pytest.raises(SourceUnavailable):
        bench.run()
    assert content(bench.store) == before


def test_a_page_that_loses_its_label_leaves_only_when_its_own_labels_route_says_so(
    make: Make,
) -> None:
    bench = make(wanted=ScopeSpec(labels=("runbook",)))
    bench.run()
    bench.gateway.fault(
        r"/wiki/api/v2/labels/\d+/pages$", change=lambda answer: {**answer, "results": []}
    )
    bench.run()
    assert pages_in(bench) == {"Page 3", "Page 6", "Page 9"}


def test_a_folder_whose_parents_cannot_be_read_keeps_its_pages(make: Make) -> None:
    bench = make()
    home = page(bench.site, "Home")
    outer = bench.site.add("OPS", "Outer", type="folder", parent=home)
    inner = bench.site.add("OPS", "Inner", type="folder", parent=outer.id)
    bench.site.add("OPS", "Deep", body(3), parent=inner.id)
    bench.wanted = ScopeSpec(folder_id=outer.id)
    bench.run()
    bench.gateway.fault(rf"/wiki/api/v2/folders/{inner.id}$", status=404)
    with pytest.raises(SyncError):
        bench.run()
    assert pages_in(bench) == {"Deep"}
