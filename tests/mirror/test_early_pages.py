"""Pages of a first load are read while the listing goes on; written is what the whole listing
says."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.confluence import reading
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.errors import IncompleteEvidence, PermissionRefused
from confluence_mirror.mirror import early_pages, own_bodies
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import PageRef, Space
from confluence_sandbox import Site
from tests.mirror.conftest import page_id, small_site
from tests.mirror.harness import Bench, content
from tests.servers.memory_store import APPEND_ONLY, MemoryStore

Make = Callable[..., Bench]
LONG_S = 30


class Meanwhile:
    """Makes the listing of pages wait until some of them were read beside it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        self.before_the_end: list[str] = []
        """Pages that were read before the listing ended."""
        self.deed: Callable[[], Any] = lambda: None
        """What happens between the first readings and the end of the listing."""
        self.shown_then: Callable[[PageRef], bool] = lambda _: False
        """What the listing then shows again, as it is now."""
        self._begun = threading.Event()
        list_pages, read_bodies = ConfluenceSource.list_pages, ConfluenceSource.read_bodies

        def listed(source: ConfluenceSource, space: Space) -> Iterator[PageRef]:
            # Pages are taken from a listing by the 250: it shows the first ones once more.
            yield from islice(cycle(list_pages(source, space)), 250)
            assert self._begun.wait(LONG_S), "no page was read while the listing went on"
            self.before_the_end = list(self.read)
            self.deed()
            yield from filter(self.shown_then, list_pages(source, space))

        def bodies(source: ConfluenceSource, refs: Iterable[PageRef], form: Any) -> Iterator[Any]:
            for page, outcome in read_bodies(source, refs, form):
                self.read.append(page)
                if len(self.read) >= 2:
                    self._begun.set()
                yield page, outcome

        monkeypatch.setattr(early_pages, "ENOUGH_PAGES", 1)
        monkeypatch.setattr(reading, "BATCH", 2)
        monkeypatch.setattr(own_bodies, "_GROUP", 2)
        monkeypatch.setattr(ConfluenceSource, "list_pages", listed)
        monkeypatch.setattr(ConfluenceSource, "read_bodies", bodies)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


def told_site() -> Site:
    """People are mentioned, and one page cannot be converted."""
    site = small_site()
    ann = site.add_person("Ann Example").account_id
    mention = f'<ac:link><ri:user ri:account-id="{ann}"/></ac:link>'
    site.edit(page_id(site, "Page 2"), f"<p>Ask {mention} first.</p>")
    return site


def expected(bench: Bench, tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """What a run that reads nothing beside its listing writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(early_pages, "ENOUGH_PAGES", 10**9)
        patch.setattr(ConfluenceSource, "list_pages", LIST_PAGES)
        return content(bench.fresh(tmp_path / "fresh", **changes))


def held(bench: Bench, collection: str = "confluence", *, exact: bool = True) -> dict[str, Any]:
    assert isinstance(bench.store, MemoryStore)
    return content(bench.store, collection, exact=exact)


LIST_PAGES = ConfluenceSource.list_pages


@pytest.mark.parametrize("access", [False, True])
@pytest.mark.parametrize("body_format", ["storage", "export_view"])
def test_a_first_load_reads_each_page_once_beside_its_listing_and_writes_what_any_run_does(
    make: Make, meanwhile: Meanwhile, tmp_path: Path, access: bool, body_format: str
) -> None:
    bench = make(told_site(), settings=PlanSettings(access=access))
    bench.run(body_format=body_format)
    assert meanwhile.before_the_end
    assert set(meanwhile.read) == {
        each.id for each in bench.site.current() if each.type != "folder"
    }
    twice = 2 if access and body_format != "storage" else 1
    assert set(Counter(meanwhile.read).values()) == {twice}
    assert held(bench) == expected(bench, tmp_path, body_format=body_format)
    meanwhile.read.clear()
    assert bench.run(body_format=body_format).added == 0
    assert not meanwhile.read


def test_a_page_that_is_listed_again_in_another_version_is_read_again(
    make: Make, meanwhile: Meanwhile, tmp_path: Path
) -> None:
    bench = make()
    edited: list[str] = []

    def edit() -> None:
        edited.append(meanwhile.before_the_end[0])
        bench.site.edit(edited[0], "<p>What it says now.</p>")

    meanwhile.deed, meanwhile.shown_then = edit, lambda ref: ref.id in edited
    bench.run()
    assert Counter(meanwhile.read)[edited[0]] == 2
    assert held(bench) == expected(bench, tmp_path)


@pytest.mark.parametrize("deed", ["trash", "restrict"])
def test_a_page_that_leaves_after_it_was_read_is_gone_after_the_next_run(
    make: Make, meanwhile: Meanwhile, tmp_path: Path, deed: str
) -> None:
    bench = make()
    meanwhile.deed = lambda: getattr(bench.site, deed)(meanwhile.before_the_end[-1])
    bench.run()
    meanwhile.deed = lambda: None
    bench.run()
    assert held(bench) == expected(bench, tmp_path)


def test_nothing_is_written_where_the_credential_proves_to_be_nobodys_after_the_reading(
    make: Make, meanwhile: Meanwhile, tmp_path: Path
) -> None:
    bench = make()
    bench.site.publish_space("OPS")
    meanwhile.deed = bench.site.expire
    with pytest.raises(PermissionRefused, match="anonymous"):
        bench.run()
    assert meanwhile.before_the_end
    assert held(bench) == {}
    bench.site.expire(expired=False)
    meanwhile.deed = lambda: None
    bench.run()
    assert held(bench) == expected(bench, tmp_path)


def test_a_run_that_dies_while_it_lists_leaves_nothing_and_the_next_one_mirrors(
    make: Make, meanwhile: Meanwhile, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    bench = make()
    meanwhile.deed = die
    with pytest.raises(Killed):
        bench.run()
    assert held(bench) == {}
    meanwhile.deed = lambda: None
    bench.run()
    assert held(bench) == expected(bench, tmp_path)


def test_a_listing_that_breaks_off_writes_what_it_showed_and_ends_without_success(
    make: Make, meanwhile: Meanwhile, tmp_path: Path
) -> None:
    def break_off() -> None:
        raise IncompleteEvidence("The listing broke off.")

    bench = make()
    meanwhile.deed = break_off
    with pytest.raises(IncompleteEvidence):
        bench.run()
    meanwhile.deed = lambda: None
    assert bench.run().added == 0
    assert held(bench) == expected(bench, tmp_path)


def test_only_as_many_pages_are_kept_as_there_is_room_for(
    make: Make, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(early_pages, "MOST_PAGES", 8)
    bench = make()
    bench.run()
    assert set(Counter(meanwhile.read).values()) == {1}
    assert held(bench) == expected(bench, tmp_path)


def test_a_dry_run_and_a_scope_that_only_the_whole_listing_knows_read_nothing_beside_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_pages, "ENOUGH_PAGES", 1)
    bench = make()
    bench.start().dry_run()
    assert not any("body-format" in entry.query for entry in bench.gateway.log)
    bench.run(wanted=ScopeSpec(labels=("runbook",)))
    asked = [
        one
        for entry in bench.gateway.log
        if "body-format" in entry.query
        for one in entry.query["id"]
    ]
    assert len(asked) == len({row["page_id"] for _, row in held(bench).values()})


def test_a_new_collection_is_filled_from_pages_that_were_read_beside_its_listing(
    make: Make, meanwhile: Meanwhile, tmp_path: Path
) -> None:
    bench = make(store=MemoryStore(APPEND_ONLY))
    bench.run()
    bench.site.edit(page_id(bench.site), "<p>What it says now.</p>")
    meanwhile.read.clear()
    bench.run()
    assert meanwhile.before_the_end
    name = (bench.state / "CURRENT_COLLECTION").read_text().strip()
    assert held(bench, name, exact=False).keys() == expected(bench, tmp_path).keys()
