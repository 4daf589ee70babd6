"""What the settings name is found as people mean it, and a name that means nothing is said."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from confluence_mirror.errors import PermissionRefused, Refused, WrongSettings
from confluence_mirror.mirror.scope import ScopeSpec
from tests.mirror.conftest import body
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in

Make = Callable[..., Bench]


def test_a_mistyped_label_is_refused_in_the_first_run_and_a_warning_later(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make(wanted=ScopeSpec(labels=("runbok",)))
    for _ in range(2):
        with pytest.raises(WrongSettings, match=r"LABELS names runbok.*Near: runbook"):
            bench.run()
    bench.wanted = ScopeSpec(labels=("runbook",))
    bench.run(change_scope=True)
    for title in ("Page 3", "Page 6", "Page 9"):
        bench.site.relabel(page(bench.site, title), [])
    bench.run()
    assert "no page has the label runbook" in caplog.text
    assert pages_in(bench) == set()


def test_a_label_among_others_that_no_page_bears_is_a_mistake_too(make: Make) -> None:
    bench = make(wanted=ScopeSpec(labels=("runbook", "no-such")))
    with pytest.raises(WrongSettings, match="LABELS names no-such"):
        bench.run()


@pytest.mark.parametrize(
    "typed", ["RÉSUMÉ", unicodedata.normalize("NFD", "résumé"), "  résumé "], ids=ascii
)
def test_a_label_is_found_however_it_is_typed(make: Make, typed: str) -> None:
    bench = make(wanted=ScopeSpec(labels=(typed,)))
    bench.site.add("OPS", "A life", body(70), labels=["résumé"])
    bench.run()
    assert pages_in(bench) == {"A life"}
    bench.wanted = ScopeSpec(labels=("résumé",))
    assert bench.run().unchanged == 1  # the same scope, not a changed one


@pytest.mark.parametrize(
    "wanted",
    [
        ScopeSpec(space_keys=("ops",)),
        ScopeSpec(space_keys=("OldOps",)),
        ScopeSpec(space_name="  café   OPERATIONS "),
        ScopeSpec(space_name=unicodedata.normalize("NFD", "Café Operations")),
    ],
    ids=["another case", "an alias", "blanks and case", "decomposed"],
)
def test_a_space_is_found_by(make: Make, wanted: ScopeSpec) -> None:
    bench = make(wanted=wanted)
    bench.site.rename_space("OPS", "Café Operations")
    bench.site.space("OPS").alias = "OLDOPS"
    bench.run()
    assert len(pages_in(bench)) == 12


def test_a_space_whose_key_changes_is_the_same_scope(make: Make, tmp_path: Path) -> None:
    bench = make(wanted=ScopeSpec(space_keys=("OPS",)))
    bench.run()
    bench.site.rekey_space("OPS", "PLATFORM")
    bench.run()
    assert {metadata["space_key"] for _, metadata in content(bench.store).values()} == {"PLATFORM"}
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))
    bench.wanted = ScopeSpec(space_keys=("PLATFORM",))
    assert bench.run().unchanged == 12


def test_a_folder_that_is_moved_to_another_space_takes_its_mirror_along(
    make: Make, tmp_path: Path
) -> None:
    bench = make()
    folder = next(
        each.id for each in bench.site.children(page(bench.site, "Home")) if each.type == "folder"
    )
    bench.wanted = ScopeSpec(folder_id=folder)
    bench.site.add_space("ZOO", "Zoo")
    bench.run()
    before = pages_in(bench)
    bench.site.move_space(folder, "ZOO")
    for _ in range(2):
        bench.run()
        assert pages_in(bench) == before
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_a_folder_outside_the_spaces_that_are_set_is_said_with_its_place(make: Make) -> None:
    bench = make()
    folder = next(
        each.id for each in bench.site.children(page(bench.site, "Home")) if each.type == "folder"
    )
    bench.site.add_space("ZOO", "Zoo")
    bench.wanted = ScopeSpec(space_keys=("ZOO",), folder_id=folder)
    with pytest.raises(WrongSettings, match=r"lies in space OPS"):
        bench.run()


def test_another_space_is_still_another_scope(make: Make) -> None:
    bench = make(wanted=ScopeSpec(space_keys=("OPS",)))
    bench.site.add_space("ZOO", "Zoo")
    bench.run()
    bench.wanted = ScopeSpec(space_keys=("ZOO",))
    with pytest.raises(Refused, match="--change-scope"):
        bench.run()


# -- a credential that is none any more


def test_an_expired_credential_on_a_site_that_is_open_to_all_is_noticed_and_removes_nothing(
    make: Make,
) -> None:
    bench = make()
    bench.site.add_space("PUB", "Public")
    bench.site.add("PUB", "For everybody", body(70))
    bench.site.publish_space("PUB")
    bench.run()
    before = content(bench.store)
    bench.site.expire()
    with pytest.raises(PermissionRefused, match="anonymous"):
        bench.run()
    assert content(bench.store) == before
    bench.site.expire(expired=False)
    assert bench.run().unchanged == 13


@pytest.mark.parametrize("path", ["/spaces/98306/pages$", "/wiki/api/v2/pages$"])
def test_a_credential_that_expires_in_the_middle_of_a_run_removes_nothing(
    make: Make, path: str
) -> None:
    bench = make()
    bench.site.add_space("PUB", "Public")
    bench.site.add("PUB", "For everybody", body(70))
    bench.site.publish_space("PUB")
    bench.run()
    bench.site.restrict(page(bench.site, "Page 4"))
    bench.gateway.fault(path, nth=1, do=[("expire", {})])
    before = content(bench.store)
    with pytest.raises(PermissionRefused, match="anonymous"):
        bench.run()
    assert content(bench.store) == before


def test_an_expired_credential_is_named_where_the_space_is_no_longer_visible(make: Make) -> None:
    bench = make(wanted=ScopeSpec(space_keys=("OPS",)))
    bench.site.add_space("PUB", "Public")
    bench.site.publish_space("PUB")
    bench.run()
    bench.site.expire()
    with pytest.raises(PermissionRefused, match="anonymous"):
        bench.run()


def test_whose_credential_it_is_costs_one_request_and_an_answer_that_does_not_come_nothing_more(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    bench.gateway.clear()
    bench.run()
    assert bench.gateway.counts()["GET /wiki/rest/api/user/current"] == 1
    bench.gateway.fault("/user/current$", status=500)
    bench.run()
