"""The text index over nights: it holds the chunks of the mirror, and no others.

That it does after each run that ends well is checked by ``Bench.run`` in every test that runs one;
here is what needs an order of nights of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import pytest

from confluence_mirror import manifest as manifest_room
from confluence_mirror.errors import Unfinished
from confluence_mirror.manifest import Database, Manifest, Texts
from confluence_mirror.manifest.records import QUARANTINE_AFTER
from confluence_mirror.text.terms import question_terms
from tests.manifest.revisions import set_back
from tests.mirror.harness import Bench, content
from tests.servers.memory_store import APPEND_ONLY, MemoryStore

Make = Callable[..., Bench]


@contextmanager
def texts(bench: Bench) -> Iterator[Texts]:
    """The index that a search would use."""
    with closing(Database(f"sqlite:///{bench.state / 'manifest.db'}", read_only=True)) as database:
        manifest = Manifest(database)
        known = manifest.generations(bench.store.kind, bench.store.place, "confluence")
        (current,) = [each for each in known if each.state == "current"]
        yield manifest.of(current).texts


def stored(bench: Bench) -> set[str]:
    """The chunks in the collection that is read."""
    assert isinstance(bench.store, MemoryStore)
    return set(content(bench.store, (bench.state / "CURRENT_COLLECTION").read_text().strip()))


def indexed(bench: Bench) -> set[str]:
    with texts(bench) as index:
        return {each for ids in index.ids() for each in ids}


def titles(bench: Bench, question: str) -> set[str]:
    with texts(bench) as index:
        return {row.title for row in index.search(question_terms(question), 50)}


def test_an_edit_a_rename_and_a_removal_are_what_a_search_finds_in_the_morning(make: Make) -> None:
    bench = make()
    bench.run()
    assert indexed(bench) == stored(bench)
    at = {page.title: page.id for page in bench.site.content.values()}
    bench.site.edit(at["Page 1"], "<p>The zeppelin has landed.</p>")
    bench.site.rename(at["Page 2"], "Page 2, renamed")
    bench.site.relabel(at["Page 3"], ["urgent"])
    bench.site.trash(at["Page 4"])
    bench.run()
    assert indexed(bench) == stored(bench)
    assert titles(bench, "zeppelins") == {"Page 1"}
    with texts(bench) as index:
        pages = index.of_pages([at[f"Page {number}"] for number in (1, 2, 3, 4)])
    assert {row.title for row in pages[at["Page 2"]]} == {"Page 2, renamed"}
    assert {row.labels for row in pages[at["Page 3"]]} == {("urgent",)}
    assert at["Page 4"] not in pages
    (row,) = pages[at["Page 1"]]
    assert row.url.endswith(f"/spaces/OPS/pages/{at['Page 1']}/Page+1")
    assert (row.space_key, row.page_type, row.position) == ("OPS", "page", 0)


def test_the_run_after_an_upgrade_fills_the_index_and_sends_nothing(make: Make) -> None:
    bench = make()
    bench.run(text_index=False)
    set_back(f"sqlite:///{bench.state / 'manifest.db'}")
    report = bench.run()
    assert indexed(bench) == stored(bench)
    assert (report.chunks["sent"], report.chunks["removed"]) == (0, 0)


def test_switched_off_it_is_empty_and_switched_on_again_it_is_whole(make: Make) -> None:
    bench = make()
    bench.run()
    bench.run(text_index=False)
    assert indexed(bench) == set()
    report = bench.run()
    assert (indexed(bench), report.chunks["sent"]) == (stored(bench), 0)


def test_a_dry_run_writes_nothing_of_it(make: Make) -> None:
    bench = make()
    bench.run()
    before = (bench.state / "manifest.db").read_bytes()
    bench.site.edit(bench.site.current()[0].id, "<p>The zeppelin has landed.</p>")
    for changes in ({}, {"text_index": False}):
        bench.start(**changes).dry_run()
        assert (bench.state / "manifest.db").read_bytes() == before


def test_a_sync_of_one_page_brings_its_texts_up_to_date(make: Make) -> None:
    bench = make()
    bench.run()
    page, other = bench.site.current()[:2]
    bench.site.edit(page.id, "<p>The zeppelin has landed.</p>")
    bench.site.edit(other.id, "<p>The zeppelin has departed.</p>")
    bench.run(plan=replace(bench.settings, only=(page.id,)))
    assert titles(bench, "zeppelin") == {page.title}


def test_stale_chunks_that_stay_in_an_append_only_store_are_not_found(make: Make) -> None:
    bench = make(store=MemoryStore(APPEND_ONLY), options={"write_mode": "append"})
    bench.run()
    page = bench.site.current()[1]
    bench.site.edit(page.id, "<p>The zeppelin has landed.</p>")
    bench.run()
    with texts(bench) as index:
        (row,) = index.of_pages([page.id])[page.id]
    assert "zeppelin" in row.text
    assert len(indexed(bench)) < len(stored(bench))


def test_words_are_indexed_anew_where_their_revision_is_another(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make()
    bench.run()
    with monkeypatch.context() as tomorrow:
        tomorrow.setattr(manifest_room.texts, "WORDS_REVISION", "99.1")
        tomorrow.setattr(manifest_room.words, "words_in", lambda text: [text[:1].casefold()])
        tomorrow.setattr("tests.manifest.index_checks.words_in", lambda text: [text[:1].casefold()])
        assert bench.run().unchanged == 12
        assert titles(bench, "broker") == set()
    bench.run()
    assert titles(bench, "broker")


def test_without_fts5_the_mirror_is_written_and_the_log_says_what_is_missing(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make()
    with monkeypatch.context() as poor:
        for module in ("manifest.words", "mirror.opening"):
            poor.setattr(f"confluence_mirror.{module}.can_index", lambda _: False)
        for _ in range(2):
            bench.start().sync()
        assert bench.report.unchanged == 12
        assert caplog.text.count("has no FTS5") == 1  # once for a mirror
        assert titles(bench, "broker") == set()
    bench.run()
    assert indexed(bench) == stored(bench)


def test_a_page_that_was_given_up_keeps_its_texts_through_a_rotation(make: Make) -> None:
    bench = make(store=MemoryStore(APPEND_ONLY, refuses=lambda text: "no" * ("poison" in text)))
    bench.run()
    page, other = bench.site.current()[1:3]
    bench.site.edit(page.id, "<p>poison</p>")
    for night in range(QUARANTINE_AFTER):
        bench.site.edit(other.id, f"<p>The zeppelin of night {night}.</p>")
        with suppress(Unfinished):
            bench.run()
    bench.site.edit(other.id, "<p>The zeppelin has landed.</p>")
    bench.run()
    with texts(bench) as index:
        found = index.of_pages([page.id, other.id])
    assert "zeppelin has landed" in found[other.id][0].text
    assert {row.title for row in found[page.id]} == {page.title}
    assert "poison" not in found[page.id][0].text
    assert indexed(bench) == stored(bench)
