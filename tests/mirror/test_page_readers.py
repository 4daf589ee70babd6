"""Who may read what: each chunk's key, the recorded conjunctions, and what a change of them costs.

The readers come from a source that is told them, so that what is tested is the mirror alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.access import CLOSED, load_conjunction, make_conjunction
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.errors import PageFailed, SyncError
from confluence_mirror.manifest import Database, Manifest
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import (
    Audience,
    Body,
    BodyFormat,
    Indexed,
    Node,
    PageRef,
    Restrictions,
    Space,
    group_principal,
    user_principal,
)
from confluence_sandbox import SampleGateway, Site
from tests.mirror.conftest import small_site
from tests.mirror.harness import Bench, content
from tests.servers.memory_store import FULL, MemoryStore

STAFF = frozenset({group_principal("staff")})
ANN = frozenset({user_principal("ann")})
LAW = frozenset({group_principal("law")})
ACCESS = PlanSettings(access=True)


@dataclass
class Told:
    """What a source is told of readers."""

    viewers: Audience | None = STAFF
    restrictions: dict[str, Restrictions] = field(default_factory=dict)
    """Of elements that are restricted; the others are open."""
    unknown_to_index: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    """Pages whose bodies cannot be read."""
    asked: list[str] = field(default_factory=list)
    """Elements that were asked for by id."""


class ToldSource(ConfluenceSource):
    """A source whose readers are those that a test tells it."""

    told: Told

    def list_indexed(self, space_key: str) -> Iterator[Indexed]:
        for page_id, labels in self.list_labels(space_key):
            yield Indexed(page_id, labels, self._indexed(page_id))

    def list_containers(self, space_key: str) -> Iterator[tuple[Node, Restrictions | None]]:
        for node in self.list_folders(space_key).values():
            if node.id in self.told.unknown:
                continue
            yield node, self._indexed(node.id)

    def restrictions_of(self, ids: Sequence[str], most: int) -> Mapping[str, Restrictions]:
        self.told.asked += ids
        return {
            each: self.told.restrictions.get(each, ())
            for each in ids
            if each not in self.told.unknown
        }

    def viewers_of(self, space: Space) -> Audience | None:
        return self.told.viewers

    def read_bodies(
        self, refs: Iterable[PageRef], body_format: BodyFormat
    ) -> Iterator[tuple[str, Body | PageFailed | None]]:
        for page_id, body in super().read_bodies(refs, body_format):
            yield page_id, PageFailed("broken") if page_id in self.told.failing else body

    def _indexed(self, element: str) -> Restrictions | None:
        hidden = self.told.unknown_to_index | self.told.unknown
        return None if element in hidden else self.told.restrictions.get(element, ())


@dataclass
class ToldBench(Bench):
    told: Told = field(default_factory=Told)

    def source(self) -> ConfluenceSource:
        made = super().source()
        source = ToldSource(made._gateway)
        source.told = self.told
        return source

    def recorded(self) -> tuple[dict[str, str], dict[str, str]]:
        """Keys by page id, and conjunctions by key."""
        database = Database(f"sqlite:///{self.state / 'manifest.db'}", read_only=True)
        manifest = Manifest(database)
        rows = database.run("SELECT id FROM cs_generation WHERE state = 'current'")
        del manifest
        pages = database.run("SELECT id, access FROM cs_page WHERE generation = ?", rows[0])
        dumped = database.run(
            "SELECT access, conjunction FROM cs_access WHERE generation = ?", rows[0]
        )
        database.close()
        return dict(pages), dict(dumped)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ToldBench]:
    with SampleGateway(small_site()) as gateway:
        made = ToldBench(gateway, tmp_path / "state", MemoryStore(), settings=ACCESS)
        yield made
        made.close()


def by_title(site: Site, title: str) -> str:
    return next(each.id for each in site.content.values() if each.title == title)


def keys_in_store(bench: Bench) -> dict[str, set[Any]]:
    found: dict[str, set[Any]] = {}
    assert isinstance(bench.store, MemoryStore)
    for _, metadata in content(bench.store).values():
        found.setdefault(str(metadata["page_id"]), set()).add(metadata.get("access"))
    return found


def key_of(*audiences: Audience | None) -> str:
    return make_conjunction(audiences).key


def test_a_page_is_read_by_those_who_may_view_its_space_and_are_named_by_each_element_above_it(
    bench: ToldBench,
) -> None:
    home, folder = by_title(bench.site, "Home"), by_title(bench.site, "Runbooks")
    below_folder, alone = by_title(bench.site, "Page 1"), by_title(bench.site, "News")
    bench.told.restrictions = {folder: (ANN | LAW,), below_folder: (ANN,)}

    bench.run()

    wanted = {
        home: key_of(STAFF),
        alone: key_of(STAFF),
        below_folder: key_of(STAFF, ANN | LAW, ANN),
        by_title(bench.site, "Page 2"): key_of(STAFF),
        by_title(bench.site, "Page 3"): key_of(STAFF, ANN | LAW),
    }
    pages, dumped = bench.recorded()
    assert {page: pages[page] for page in wanted} == wanted
    assert keys_in_store(bench) == {page: {key} for page, key in pages.items()}
    assert set(pages.values()) | {CLOSED.key} == set(dumped)
    assert all(load_conjunction(text).key == key for key, text in dumped.items())
    assert bench.told.asked == []


def test_a_changed_restriction_changes_metadata_alone_and_a_quiet_night_sends_nothing(
    bench: ToldBench,
) -> None:
    home = by_title(bench.site, "Home")
    bench.run()
    texts = {key: text for key, (text, _) in content(bench.store).items()}  # type: ignore[arg-type]

    bench.told.restrictions[home] = (LAW,)
    changed = bench.run()

    assert changed.chunks["sent"] == 0
    assert changed.chunks["metadata_updated"] > 0
    assert {key: text for key, (text, _) in content(bench.store).items()} == texts  # type: ignore[arg-type]
    below = [page for page, keys in keys_in_store(bench).items() if keys == {key_of(STAFF, LAW)}]
    assert len(below) == 11
    assert by_title(bench.site, "News") not in below
    quiet = bench.run()
    assert (quiet.chunks["sent"], quiet.chunks["metadata_updated"]) == (0, 0)
    assert set(bench.recorded()[1]) == {key_of(STAFF), key_of(STAFF, LAW), CLOSED.key}


def test_where_the_store_cannot_change_metadata_a_restricted_chunk_is_written_anew(
    tmp_path: Path,
) -> None:
    store = MemoryStore(replace(FULL, updates_metadata=False))
    with SampleGateway(small_site()) as gateway:
        bench = ToldBench(gateway, tmp_path / "state", store, settings=ACCESS)
        bench.run()
        bench.told.restrictions[by_title(bench.site, "News")] = (ANN,)
        changed = bench.run()
        bench.close()

        assert changed.chunks["sent"] > 0
        assert keys_in_store(bench)[by_title(bench.site, "News")] == {key_of(STAFF, ANN)}


def test_a_store_that_has_no_room_for_the_key_is_not_written_to_for_it(tmp_path: Path) -> None:
    store = MemoryStore(replace(FULL, updates_metadata=False, core_metadata=True))
    with SampleGateway(small_site()) as gateway:
        bench = ToldBench(gateway, tmp_path / "state", store, settings=ACCESS)
        bench.run()
        news = by_title(bench.site, "News")
        bench.told.restrictions[news] = (ANN,)
        changed = bench.run()
        bench.close()

        assert changed.chunks["sent"] == 0
        assert keys_in_store(bench)[news] == {None}
        assert bench.recorded()[0][news] == key_of(STAFF, ANN)


def test_what_stands_above_the_scope_binds_what_is_in_it(bench: ToldBench) -> None:
    folder = by_title(bench.site, "Runbooks")
    bench.wanted = ScopeSpec(folder_id=folder)
    bench.told.restrictions = {by_title(bench.site, "Home"): (LAW,)}

    bench.run()

    assert set(bench.recorded()[0].values()) == {key_of(STAFF, LAW)}


def test_what_the_index_does_not_tell_is_asked_for_and_what_stays_unknown_is_closed(
    bench: ToldBench,
) -> None:
    folder, page = by_title(bench.site, "Runbooks"), by_title(bench.site, "Page 2")
    news = by_title(bench.site, "News")
    bench.told.restrictions = {page: (ANN,)}
    bench.told.unknown_to_index = {page}
    bench.told.unknown = {folder, news}

    bench.run()

    pages, _ = bench.recorded()
    assert sorted(bench.told.asked) == sorted([folder, page, news])
    assert pages[page] == key_of(STAFF, ANN)
    assert pages[news] == CLOSED.key
    assert pages[by_title(bench.site, "Page 1")] == CLOSED.key
    assert pages[by_title(bench.site, "Home")] == key_of(STAFF)

    bench.told.viewers = None
    bench.run()
    assert set(bench.recorded()[0].values()) == {CLOSED.key}


def test_pages_below_what_cannot_be_read_tonight_are_closed_until_it_can(
    bench: ToldBench,
) -> None:
    page = by_title(bench.site, "Page 1")
    bench.run()
    bench.told.unknown = {by_title(bench.site, "Runbooks")}
    bench.gateway.fault(r"/folders/[0-9]+$", status=500)

    bench.run()
    assert bench.recorded()[0][page] == CLOSED.key
    assert keys_in_store(bench)[page] == {CLOSED.key}

    bench.gateway.clear()
    bench.told.unknown = set()
    bench.run()
    assert keys_in_store(bench)[page] == {key_of(STAFF)}


def test_what_is_closed_to_everybody_is_warned_of_on_the_night_that_closes_it_alone(
    bench: ToldBench, caplog: pytest.LogCaptureFixture
) -> None:
    def warnings() -> list[str]:
        bench.run()
        told = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        caplog.clear()
        return [each for each in told if "closed to everybody" in each]

    bench.told.unknown = {by_title(bench.site, "News")}
    assert [each.split(":")[1].split()[0] for each in warnings()] == ["1"]
    assert not warnings()
    bench.told.unknown.add(by_title(bench.site, "Page 2"))
    assert [each.split(":")[1].split()[0] for each in warnings()] == ["1"]
    assert not warnings()


def test_a_page_that_fails_on_the_night_it_is_restricted_is_closed_by_the_record(
    bench: ToldBench,
) -> None:
    page = by_title(bench.site, "News")
    bench.run()
    bench.told.restrictions[page] = (LAW,)
    bench.told.failing = {page}

    with pytest.raises(SyncError):
        bench.run()

    assert keys_in_store(bench)[page] == {key_of(STAFF)}
    assert bench.recorded()[0][page] == key_of(STAFF, LAW)


def test_a_named_page_gets_its_key_and_leaves_those_of_others_as_they_are(
    bench: ToldBench,
) -> None:
    page, other = by_title(bench.site, "Page 1"), by_title(bench.site, "News")
    bench.run()
    bench.told.restrictions = {by_title(bench.site, "Runbooks"): (LAW,), other: (LAW,)}

    bench.run(plan=replace(ACCESS, only=(page,)))

    pages, dumped = bench.recorded()
    assert pages[page] == key_of(STAFF, LAW)
    assert keys_in_store(bench)[page] == {pages[page]}
    assert pages[other] == key_of(STAFF)
    assert {key_of(STAFF), key_of(STAFF, LAW)} <= set(dumped)


def test_a_mirror_without_keys_gets_them_once_and_is_rid_of_them_once(bench: ToldBench) -> None:
    plain = bench.run(plan=PlanSettings())
    assert keys_in_store(bench)
    assert {None} == set.union(*keys_in_store(bench).values())

    with_keys = bench.run()
    assert plain.chunks["sent"] == with_keys.chunks["metadata_updated"]
    assert with_keys.chunks["sent"] == 0
    without = bench.run(plan=PlanSettings())
    assert without.chunks["metadata_updated"] == plain.chunks["sent"]
    assert without.chunks["sent"] == 0
    assert {""} == set.union(*keys_in_store(bench).values())
    assert set(bench.recorded()[0].values()) == {""}
    quiet = bench.run(plan=PlanSettings())
    assert (quiet.chunks["sent"], quiet.chunks["metadata_updated"]) == (0, 0)
    assert not bench.verify(plan=PlanSettings())


def test_every_run_with_keys_compares_the_whole_scope(bench: ToldBench) -> None:
    bench.run()
    bench.told.restrictions[by_title(bench.site, "News")] = (LAW,)

    bench.run(plan=replace(ACCESS, reconcile_hours=24))

    assert bench.recorded()[0][by_title(bench.site, "News")] == key_of(STAFF, LAW)


def test_what_a_page_includes_is_a_link_also_where_pages_are_read_as_rendered(
    bench: ToldBench,
) -> None:
    site = bench.site
    site.add("OPS", "Secret", "<p>The salary of the director is 4711.</p>")
    include = (
        '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>'
        '<ri:page ri:content-title="Secret" /></ac:link></ac:parameter></ac:structured-macro>'
    )
    host = site.add("OPS", "Host", f"<p>Before.</p>{include}<p>After.</p>")
    plain = site.add("OPS", "Plain", "<p>As it is rendered.</p>")

    def text_of(page_id: str) -> str:
        rows = content(bench.store).values()  # type: ignore[arg-type]
        return " ".join(text for text, about in rows if about["page_id"] == page_id)

    bench.run(body_format="export_view", plan=PlanSettings())
    assert "4711" in text_of(host.id)

    bench.gateway.clear()
    bench.run(body_format="export_view")
    rendered = bench.gateway.counts()["GET /wiki/api/v2/pages/{}"]
    assert rendered == len(site.current("OPS")) - 2  # without the host, and without the blog post
    assert "As it is rendered." in text_of(plain.id)
    assert "4711" not in text_of(host.id)
    assert "Included page: [Secret]" in text_of(host.id)
    assert "Before." in text_of(host.id)


def test_a_restriction_that_the_record_does_not_have_is_drift(bench: ToldBench) -> None:
    bench.run()
    assert not bench.verify()

    bench.told.restrictions[by_title(bench.site, "News")] = (LAW,)
    drift = bench.verify()

    assert drift.readers == [by_title(bench.site, "News")]
    assert drift.lines()[0] == "drift: 1 page recorded for other readers than Confluence has"
    bench.run()
    assert not bench.verify()
