"""Chunks whose embedding form is another one are embedded and written anew: each once, under its own
id, whatever kills the run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from confluence_mirror.manifest import Record
from confluence_mirror.mirror.window import PlanSettings
from confluence_sandbox import SampleGateway
from tests.crash.test_order import Killed, die
from tests.job.conftest import page
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.servers.memory_store import MemoryStore


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A mirror as it was before there were forms."""
    with SampleGateway(small_site(8)) as gateway:
        bench = Bench(gateway, tmp_path / "state", options={"batch_size": 2})
        bench.run()
        yield bench


def store_of(bench: Bench) -> MemoryStore:
    assert isinstance(bench.store, MemoryStore)
    return bench.store


def written_ids(store: MemoryStore) -> list[str]:
    """Filled by what is written from now on."""
    ids: list[str] = []
    store.step = lambda what, chunk: ids.append(chunk) if what == "write" else None
    return ids


def test_every_chunk_is_written_once_and_nothing_in_the_store_differs(bench: Bench) -> None:
    store = store_of(bench)
    before, ids = content(store), written_ids(store)
    bench.run(form="plain1")
    assert Counter(ids) == Counter(before.keys())
    assert content(store) == before
    assert bench.run(form="plain1").chunks.get("sent", 0) == 0
    assert len(ids) == len(before)
    assert not bench.verify(form="plain1")


def test_the_plan_says_so(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.start(form="plain1").dry_run()
    assert "all chunks of 8 pages are embedded and written anew" in caplog.text
    bench.run(form="plain1")
    caplog.clear()
    bench.start(form="plain1").dry_run()
    assert "anew" not in caplog.text


@pytest.mark.parametrize("after", [0, 1, 5, 9])
def test_killed_in_the_middle_of_a_write_only_what_was_not_recorded_is_written_again(
    bench: Bench, after: int
) -> None:
    store = store_of(bench)
    before, ids = content(store), written_ids(store)
    note = store.step

    def stop(what: str, chunk: str) -> None:
        if len(ids) == after:
            raise Killed
        note(what, chunk)

    store.step = stop
    with pytest.raises(Killed):
        bench.run(form="plain1")
    store.step = note
    bench.run(form="plain1")
    assert set(ids) == before.keys()
    assert len(ids) <= len(before) + 2  # a batch
    assert content(store) == before


@pytest.mark.parametrize("at", ["intend", "confirm", "commit"])
def test_killed_at_a_record_and_edited_back_nothing_of_the_old_form_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    store = store_of(bench)
    before, ids = content(store), written_ids(store)
    edited = page(bench.site, "Page 4")
    bench.site.edit(edited, body(71))
    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(Record, at, die)
        bench.run(form="plain1")
    bench.site.edit(edited, body(4))
    bench.run(form="plain1")
    assert before.keys() <= set(ids)
    assert {each: text for each, (text, _) in content(store).items()} == {
        each: text for each, (text, _) in before.items()
    }


def test_named_pages_are_written_anew_and_all_others_by_the_next_run(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store, named = store_of(bench), page(bench.site, "Page 4")
    ids = written_ids(store)
    of_page = {
        each for each, (_, metadata) in content(store).items() if metadata["page_id"] == named
    }
    bench.run(form="plain1", plan=PlanSettings(only=(named,)))
    assert set(ids) == of_page
    assert "of those that are named now, of all others by the next run" in caplog.text
    bench.run(form="plain1", plan=PlanSettings(since_hours=1, reconcile_hours=24))
    assert Counter(ids) == Counter(content(store).keys())


def test_a_rotation_writes_the_new_collection_in_the_form_of_now(bench: Bench) -> None:
    store = store_of(bench)
    ids = written_ids(store)
    bench.run(form="plain1", write_mode="rotate")
    rotated = len(ids)
    assert rotated == len(content(store))
    bench.run(form="plain1", write_mode="rotate")
    assert len(ids) == rotated


def test_advice_is_told_once_for_a_mirror(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    told = []
    for advice in ("sees 256", "sees 256", "sees 512", "sees 512"):
        caplog.clear()
        bench.run(advice=advice)
        told.append(caplog.text.count(advice))
    assert told == [1, 0, 1, 0]
