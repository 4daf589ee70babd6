"""The order of a page's write: at no instant is a page that was answerable without an answer, and
what a killed run left behind is made right whatever happened to the page in the meantime (invariant
2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from confluence_mirror.chunking import ChunkSettings
from confluence_mirror.manifest import Record
from confluence_sandbox import SampleGateway, Site
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page
from tests.selection import only_quick
from tests.servers.memory_store import APPEND_ONLY, FULL, MemoryStore

BLIND = replace(FULL, lists=False, updates_metadata=False)


class Killed(BaseException):
    """Stands for kill -9: nothing in the program may catch it."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """On a store that cannot be listed: where it can, a count would mend what the order of a write
    should prevent."""
    with SampleGateway(small_site(8)) as gateway:
        yield Bench(gateway, tmp_path / "state", MemoryStore(BLIND))


def test_an_edited_page_is_answerable_at_every_instant_of_the_run(bench: Bench) -> None:
    bench.run()
    store = bench.store
    assert isinstance(store, MemoryStore)
    at = page(bench.site, "Page 4")
    silent: list[str] = []

    def look(what: str, _chunk: str) -> None:
        if not any(metadata["page_id"] == at for _, metadata in content(store).values()):
            silent.append(what)

    bench.site.edit(at, body(71))
    store.step = look
    assert bench.run().changed == 1
    assert not silent


def assert_restored(bench: Bench, folder: Path) -> None:
    assert isinstance(bench.store, MemoryStore)
    can = bench.store.capabilities
    exact = can.updates_metadata
    assert content(bench.store, exact=exact) == content(bench.fresh(folder), exact=exact)
    assert not can.lists or not bench.verify()


def die(*_: object, **__: object) -> None:
    raise Killed


STEPS = {
    "before the intent": (Record, "intend"),
    "before the store's answer is recorded": (Record, "confirm"),
    "before stale chunks are removed": (MemoryStore, "remove_chunks"),
    "before the row is committed": (Record, "commit"),
    "before a page leaves": (Record, "intend_removal"),
    "before a page that left is forgotten": (Record, "commit_removal"),
}


CHANGES: dict[str, tuple[Callable[[Site, str], object], Callable[[Site, str], object]]] = {
    "was edited": (lambda site, at: site.edit(at, body(71)), lambda _site, _at: None),
    "was trashed": (lambda site, at: site.trash(at), lambda _site, _at: None),
    "was edited, and is edited back": (
        lambda site, at: site.edit(at, body(71)),
        lambda site, at: site.edit(at, body(4)),
    ),
    "was edited, and is emptied": (
        lambda site, at: site.edit(at, body(71)),
        lambda site, at: site.edit(at, ""),
    ),
    "was emptied, and is edited back": (
        lambda site, at: site.edit(at, ""),
        lambda site, at: site.edit(at, body(4)),
    ),
    "was relabelled, and is as before": (
        lambda site, at: site.relabel(at, ["urgent"]),
        lambda site, at: site.relabel(at, []),
    ),
    "was moved, and is moved back": (
        lambda site, at: site.move(at, parent=page(site, "Page 5")),
        lambda site, at: site.move(at, parent=page(site, "Home")),
    ),
    "was trashed, and is restored": (
        lambda site, at: site.trash(at),
        lambda site, at: site.restore(at),
    ),
    "was edited, and is trashed": (
        lambda site, at: site.edit(at, body(71)),
        lambda site, at: site.trash(at),
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("change", only_quick(CHANGES, *list(CHANGES)[:2]))
def test_the_mirror_is_restored_where_a_run_died_over_a_page_that(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, step: str
) -> None:
    before, after = CHANGES[change]
    at = page(bench.site, "Page 4")
    bench.site.edit(at, body(4))
    bench.site.move(at, parent=page(bench.site, "Home"))
    bench.run()
    before(bench.site, at)

    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], die)
        with suppress(Killed):  # not every change comes to every step
            bench.run()
    after(bench.site, at)
    bench.run()
    assert_restored(bench, tmp_path / "fresh")


@pytest.mark.parametrize("step", list(STEPS)[:4])
def test_the_mirror_is_restored_where_a_run_with_other_settings_died_and_they_are_set_back(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    bench.run()
    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], die)
        with pytest.raises(Killed):
            bench.run(chunks=ChunkSettings(60, 0))
    bench.run()
    assert_restored(bench, tmp_path / "fresh")


@pytest.mark.parametrize(
    "step", ["before the store's answer is recorded", "before the row is committed"]
)
def test_the_mirror_is_restored_where_a_run_died_while_it_updated_metadata(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    bench.store = MemoryStore(FULL)
    bench.run()
    at = page(bench.site, "Page 4")
    bench.site.relabel(at, ["urgent"])
    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], die)
        with pytest.raises(Killed):
            bench.run()
    bench.site.relabel(at, [])
    bench.run()
    assert_restored(bench, tmp_path / "fresh")


@pytest.mark.parametrize("settles", [True, False], ids=["said", "not said"])
def test_what_a_dead_run_appended_is_kept_where_the_store_can_say_it_and_else_built_anew(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settles: bool
) -> None:
    bench.store = MemoryStore(APPEND_ONLY, settles=settles)
    bench.run()
    bench.site.add("OPS", "Written today", body(70))
    with monkeypatch.context() as patch:
        patch.setattr(*STEPS["before the store's answer is recorded"], die)
        with pytest.raises(Killed):
            bench.run()
    bench.run()
    pointer = (bench.state / "CURRENT_COLLECTION").read_text().strip()
    assert (pointer == "confluence") == settles
    whole = bench.fresh(tmp_path / "fresh")
    assert content(bench.store, pointer, exact=False) == content(whole, exact=False)
