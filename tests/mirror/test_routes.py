"""Every kind of request that a run makes, refused always and once in the middle: what decides
removes nothing and does not end well, what decorates ends well and is made good
(docs/contributing/reliability.md has the table)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.confluence import routes
from confluence_mirror.errors import SyncError
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from tests.mirror.conftest import body
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in

pytestmark = pytest.mark.long

Make = Callable[..., Bench]

FAULTS: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "403": {"status": 403},
    "404": {"status": 404},
    "413": {"status": 413},
    "an empty 200": {"payload": {}},
    "a login page": {"html": True},
    "a cut": {"cut": "before"},
}


@dataclass(frozen=True)
class Kind:
    """One kind of request. ``wanted``: the scope in which it is made."""

    route: routes.Route
    decides: bool
    path: str
    query: str = ""
    wanted: ScopeSpec = ScopeSpec()
    window: bool = False


LABELLED = ScopeSpec(labels=("runbook",))
KINDS: dict[str, Kind] = {
    "spaces": Kind(routes.SPACES, True, "/api/v2/spaces$"),
    "pages of a space": Kind(routes.SPACE_PAGES, True, r"/spaces/\d+/pages$"),
    "blog posts of a space": Kind(routes.SPACE_BLOGPOSTS, True, r"/spaces/\d+/blogposts$"),
    "pages by id": Kind(routes.PAGES, True, "/v2/pages$", "status=archived"),
    "bodies of pages": Kind(routes.PAGES, True, "/v2/pages$", "body-format"),
    "bodies of blog posts": Kind(routes.BLOGPOSTS, True, "/v2/blogposts$", "body-format"),
    "what changed": Kind(routes.SEARCH, False, "/content/search$", "lastmodified", window=True),
    "labels in bulk": Kind(routes.SEARCH, False, "/content/search$", "metadata.labels"),
    "labels of a page": Kind(routes.PAGE_LABELS, False, r"/pages/\d+/labels$"),
    "labels of a blog post": Kind(routes.BLOGPOST_LABELS, False, r"/blogposts/\d+/labels$"),
    "labels of a space": Kind(routes.SPACE_LABELS, False, "/content/labels$", wanted=LABELLED),
    "pages with a label": Kind(routes.LABEL_PAGES, True, r"/labels/\d+/pages$", wanted=LABELLED),
    "blog posts with a label": Kind(
        routes.LABEL_BLOGPOSTS, True, r"/labels/\d+/blogposts$", wanted=LABELLED
    ),
    "folders in bulk": Kind(routes.SEARCH, False, "/content/search$", "folder"),
    "a folder": Kind(routes.NODES["folder"], False, r"/folders/\d+$"),
    "a whiteboard": Kind(routes.NODES["whiteboard"], False, r"/whiteboards/\d+$"),
    "a database": Kind(routes.NODES["database"], False, r"/databases/\d+$"),
    "a smart link": Kind(routes.NODES["embed"], False, r"/embeds/\d+$"),
    "a parent page": Kind(routes.PAGE, False, r"/v2/pages/\d+$"),
    "names": Kind(routes.USER_BULK, False, "/user/bulk$"),
    "names, the other way": Kind(routes.USERS_BULK, False, "/user"),
    "whose credential it is": Kind(routes.CURRENT_USER, False, "/user/current$"),
}
NOT_ASKED_BY_A_RUN = {
    routes.BLOGPOST,  # only where bodies are read as ``export_view``
    # Only where files, comments or readers are mirrored: ``test_attachments``, ``test_comments``,
    # ``test_page_readers`` and ``test_confluence_readers`` have them refused.
    routes.ATTACHMENT,
    routes.PAGE_ATTACHMENTS,
    routes.BLOGPOST_ATTACHMENTS,
    routes.DOWNLOAD,
    *routes.COMMENT.values(),
    *routes.COMMENT_CHILDREN.values(),
    routes.RESTRICTIONS,
    routes.SPACE_PERMISSIONS,
    routes.ROLE_ASSIGNMENTS,
    routes.SPACE_ROLES,
    # Only where somebody asks.
    routes.MEMBER_OF,
    routes.PERMISSION_CHECK,
}
"""Requests of parts that are switched off here."""


def test_the_table_has_every_route() -> None:
    every = {each for each in vars(routes).values() if isinstance(each, routes.Route)} | {
        *routes.NODES.values()
    }
    assert (
        every - NOT_ASKED_BY_A_RUN == {kind.route for kind in KINDS.values()} - NOT_ASKED_BY_A_RUN
    )


def busy_site(bench: Bench) -> None:
    """A page below every kind of container, one with more labels than a row of the index shows, two
    authors."""
    site, home = bench.site, page(bench.site, "Home")
    bench.gateway.switches.change({"nested_labels": 3, "caps": {"v2": 8, "expand": 8}})
    for kind in ("whiteboard", "database", "embed", "folder", "page"):
        holder = site.add("OPS", f"A {kind}", type=kind, parent=home)
        site.add("OPS", f"Below a {kind}", body(80), parent=holder.id, labels=["runbook"])
        if kind == "page":
            site.archive(holder.id)
    for number in range(4):
        inner = site.add("OPS", f"Shelf {number}", type="folder", parent=home)
        site.add("OPS", f"On shelf {number}", body(81), parent=inner.id)
    site.add_space("LIB", "Library")
    alone = site.add("LIB", "A folder alone", type="folder")
    site.add("LIB", "In it", body(86), parent=alone.id)
    many = ["runbook", *(f"label-{number}" for number in range(6))]
    site.add("OPS", "Many labels", body(82), labels=many, author=site.add_person("Ada").account_id)
    site.add("OPS", "Posted", body(83), type="blogpost", labels=many)


NIGHTS = [*((fault, None) for fault in FAULTS.values()), (FAULTS["500"], 2), (FAULTS["403"], 2)]
"""What is refused: always, or the second time only."""


def a_day(bench: Bench, number: int) -> tuple[str, str]:
    """Edits, labels, a new page, a page that goes to the trash and one that is hidden; the titles
    of these two."""
    site, leaving, hidden = bench.site, f"Leaving {number}", f"Hidden {number}"
    site.edit(page(site, "Below a folder"), body(700 + number))
    site.edit(page(site, "Posted"), body(800 + number))
    site.trash(page(site, leaving))
    site.restrict(page(site, hidden))
    labels = ["runbook", *(f"day-{number}-{each}" for each in range(6))]
    site.relabel(page(site, "Many labels"), labels)
    author = site.add_person(f"Person {number}").account_id
    site.add("OPS", f"New {number}", body(84), labels=labels, author=author)
    site.add("OPS", f"News {number}", body(85), type="blogpost", labels=labels, author=author)
    return leaving, hidden


def night(bench: Bench) -> int:
    try:
        bench.run()
    except SyncError as error:
        return int(error.exit)
    return 0


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_nights_in_which_confluence_refuses_to_answer_for(
    make: Make, tmp_path: Path, kind: Kind
) -> None:
    bench = make(wanted=kind.wanted)
    busy_site(bench)
    for number in range(len(NIGHTS)):
        for title in (f"Leaving {number}", f"Hidden {number}"):
            bench.site.add("OPS", title, body(90 + number), labels=["runbook"])
    bench.run()
    hits = 0
    for number, (fault, nth) in enumerate(NIGHTS):
        leaving = a_day(bench, number)
        rule = bench.gateway.fault(kind.path, query=kind.query, nth=nth, **fault)
        bench.settings = PlanSettings(reconcile_hours=24 if kind.window else 0)
        ended = night(bench)
        hits += rule.hits
        there = pages_in(bench)
        if not kind.decides:
            assert ended == 0, bench.report.failures
            assert any(
                f"Part 1 of {700 + number}" in text for text, _ in content(bench.store).values()
            )
            assert leaving[0] not in there or kind.window
        elif rule.hits and nth is None:
            assert ended in (65, 69, 75, 77)
            assert there.issuperset(leaving) or ended == 75  # a page's own failure stops no removal
        bench.gateway.clear()
        bench.settings = PlanSettings()
        bench.run()
        assert not {*leaving} & pages_in(bench)
    assert hits, "this was never asked"
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))
