"""Two thousand pages, through a day of changes, into both variants of the Vector API: the store is
exactly right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, Site, generated_site
from tests.job.harness import Job, held
from tests.servers.vector_api import VectorApiServer

PAGES = 2000


@pytest.fixture
def gateway() -> Iterator[SampleGateway]:
    # Small bodies: what is tried here is the mirror, not the converter.
    with SampleGateway(generated_site(PAGES, median=1200, largest=60_000)) as gateway:
        yield gateway


def a_day(site: Site) -> None:
    """20 edits, 5 moves, 5 trashed, 5 restored, 5 new pages."""
    chance = random.Random(7)
    pages = [page for page in site.current() if page.type == "page" and page.parent_id]
    trashed_before = [
        page for page in site.content.values() if page.status == "trashed" and page.type == "page"
    ][:5]
    home = site.space("GEN").homepage
    leaves = [page for page in pages if page.parent_id != home and not site.children(page.id)]
    chance.shuffle(leaves)
    moved, gone, edited = leaves[:5], leaves[5:10], leaves[10:30]
    for page in edited:
        site.edit(page.id, page.body + "<h2>Added today</h2><p>One more paragraph.</p>")
    for page in moved:
        site.move(page.id, parent=home)
    for page in gone:
        site.trash(page.id)
    for page in trashed_before:
        site.restore(page.id)
    for number in range(5):
        site.add("GEN", f"New today {number}", f"<p>Written today, number {number}.</p>")


@pytest.mark.parametrize("variant", ["underscore", "dash"])
@pytest.mark.long
def test_the_store_is_exactly_right_after_a_full_run_a_day_of_changes_and_a_quiet_night(
    gateway: SampleGateway, tmp_path: Path, variant: str
) -> None:
    with VectorApiServer(variant) as server, VectorApiServer("underscore") as scratch:  # type: ignore[arg-type]
        job = Job(tmp_path / "job", gateway, server.url)
        first = job.report()
        assert first["pages"]["added"] == PAGES
        a_day(gateway.site)
        second = job.report()
        assert {
            kind: second["pages"][kind] for kind in ("added", "changed", "moved", "removed")
        } == {
            "added": 10,
            "changed": 20,
            "moved": 5,
            "removed": 5,
        }
        third = job.report()
        assert third["chunks"]["sent"] == 0
        Job(tmp_path / "scratch", gateway, scratch.url).run()
        assert held(server, job.pointer(), exact=False) == held(scratch, "confluence", exact=False)
