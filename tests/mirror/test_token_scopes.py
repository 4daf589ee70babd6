"""A scope that the token lacks: what only decorates is left out, and said once for a mirror; what
decides ends the run with 77, and nothing is removed."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from confluence_mirror.errors import PermissionRefused
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import Site
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in
from tests.selection import only_quick

Make = Callable[..., Bench]


def whole_site() -> Site:
    """Folders, a whiteboard, labels, an author with a name, a comment, a file."""
    site = small_site()
    home = page(site, "Home")
    folder = site.add("OPS", "Shelf", type="folder", parent=home)
    site.add("OPS", "Book", body(50), parent=folder.id, author=site.add_person("Ada").account_id)
    board = site.add("OPS", "Sketch", type="whiteboard", parent=home)
    site.add("OPS", "Below the sketch", body(51), parent=board.id)
    site.add_comment(page(site, "Page 1"), "<p>A remark.</p>")
    site.attach_file(page(site, "Page 2"), "notes.txt", b"Some notes.")
    return site


def shelf(site: Site) -> str:
    return next(each.id for each in site.content.values() if each.title == "Shelf")


PLAIN = PlanSettings()
WINDOW = PlanSettings(reconcile_hours=24)
FEATURES: dict[str, tuple[Callable[[Site], ScopeSpec], PlanSettings]] = {
    "all spaces": (lambda _: ScopeSpec(), PLAIN),
    "without labels": (lambda _: ScopeSpec(), PlanSettings(labels=False)),
    "a window": (lambda _: ScopeSpec(), WINDOW),
    "a folder": (lambda site: ScopeSpec(folder_id=shelf(site)), PLAIN),
    "a tree": (lambda site: ScopeSpec(items=(f"tree:{shelf(site)}", "space:OPS")), PLAIN),
    "single pages": (lambda site: ScopeSpec(items=(f"page:{page(site, 'Book')}",)), PLAIN),
    "an excluded tree": (lambda site: ScopeSpec(exclude_trees=(shelf(site),)), PLAIN),
    "labels": (lambda _: ScopeSpec(labels=("runbook",)), PLAIN),
    "excluded labels": (lambda _: ScopeSpec(exclude_labels=("runbook",)), PLAIN),
    "comments": (lambda _: ScopeSpec(children=("comment",)), PLAIN),
    "attachments": (lambda _: ScopeSpec(children=("attachment",)), PLAIN),
    "readers": (lambda _: ScopeSpec(), PlanSettings(access=True)),
}
EVERYWHERE = set(FEATURES)
OF_THE_INDEX = EVERYWHERE - {"without labels"}
DECIDES = {
    "read:space:confluence": EVERYWHERE,
    "read:page:confluence": EVERYWHERE,
    "search:confluence": OF_THE_INDEX,
    "read:folder:confluence": {"a folder", "a tree", "an excluded tree"},
    "readonly:content.attachment:confluence": {"attachments"},
    "read:confluence-user": set[str](),
    "read:whiteboard:confluence": {"an excluded tree"},
}
"""The features that end with 77 without a scope."""


def scopes_taken(bench: Bench, scope: str) -> None:
    """The token never had it, nor the scope of the same name in the other family."""
    bench.gateway.switches.scopes -= {scope}
    if scope == "read:confluence-user":
        bench.gateway.switches.scopes -= {"read:user:confluence"}


PAIRS = list(itertools.product(DECIDES, FEATURES))
IN_A_SHORT_TIME = [
    (scope, feature)
    for scope, feature in PAIRS
    if (feature in DECIDES[scope] and DECIDES[scope] < OF_THE_INDEX)
    or feature in ("all spaces", "single pages")
    or (scope, feature) == ("search:confluence", "without labels")
]


@pytest.mark.parametrize("pair", only_quick(PAIRS, *IN_A_SHORT_TIME), ids=" and ".join)
def test_a_night_without(make: Make, pair: tuple[str, str]) -> None:
    scope, feature = pair
    site = whole_site()
    wanted, settings = FEATURES[feature]
    bench = make(site, wanted=wanted(site), settings=settings)
    bench.run()
    before = content(bench.store)
    scopes_taken(bench, scope)
    site.attach_file(page(site, "Page 2"), "more.txt", b"More notes.")
    site.add_comment(page(site, "Page 2"), "<p>Another remark.</p>")
    site.add("OPS", "Tonight", body(60), labels=["runbook"], parent=shelf(site))
    if feature in DECIDES[scope]:
        with pytest.raises(PermissionRefused, match=scope):
            bench.run()
    else:
        bench.run()
    assert content(bench.store).keys() >= before.keys()


def test_without_the_scope_for_folders_breadcrumbs_leave_them_out_and_one_night_says_so(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make(whole_site())
    bench.gateway.switches.scopes -= {"read:folder:confluence"}
    for night in range(3):
        caplog.clear()
        bench.site.edit(page(bench.site, "Book"), body(70 + night))
        bench.run()
        assert pages_in(bench) == {each.title for each in bench.site.current()}
        said = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert len(said) == (night == 0)
        assert all("read:folder:confluence" in text for text in said)
    crumbs = {
        metadata["breadcrumb"]
        for _, metadata in content(bench.store).values()
        if metadata["title"] == "Book"
    }
    assert crumbs == {"Home"}
    bench.gateway.switches.scopes |= {"read:folder:confluence"}
    bench.run()
    assert "Home > Shelf" in {each["breadcrumb"] for _, each in content(bench.store).values()}
