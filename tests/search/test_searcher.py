"""Which passages answer a question, over a store and a text index."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.errors import WrongUsage
from confluence_mirror.model import EVERYTHING, Filter
from confluence_mirror.runs.session import stored_page
from confluence_mirror.search import Question
from confluence_mirror.search.joining import body_of
from confluence_mirror.stores.base import Capabilities, Collection
from tests.search.corpus import COUNTER, Corpus, pages_of
from tests.servers.memory_store import FULL

CANNOT_FILTER = replace(FULL, filters=False)
WORDS = [
    "tenant",
    "broker",
    "restart",
    "ledger",
    "harbor",
    "token",
    "cluster",
    "snapshot",
    "invoice",
    "region",
]


def prose(seed: int, words: int = 60) -> str:
    random = Random(seed)
    return " ".join(random.choice(WORDS) for _ in range(words)).capitalize() + "."


@pytest.mark.parametrize(
    "identifier",
    ["ERR-4012", "10.2.0.7", "max_connections", "pg_hba.conf", "db-7.eu.internal:5432", "障害対応"],
)
def test_a_question_that_is_one_identifier_gives_first_the_page_that_holds_it_whole(
    identifier: str,
) -> None:
    with Corpus() as mirror:
        for n in range(60):  # each says its parts, over and over
            parts = " ".join(re.findall(r"[a-z]+|[0-9]+|.", identifier, re.IGNORECASE))
            mirror.add(str(n), f"Parts {n}", f"{parts} " * 8 + prose(n, 10))
        if identifier.isascii():
            mirror.add("100", "Longer", f"See {identifier}9 and x{identifier}.")
        mirror.add("200", "Whole", f"{prose(200)} At the end it is {identifier}.")
        results = mirror.ask(identifier)
    assert results[0].page_id == "200"
    assert results[0].why in ("lexical", "both")
    assert [result.score for result in results] == sorted(
        (result.score for result in results), reverse=True
    )


def test_copies_on_several_pages_answer_once_and_it_is_the_one_last_modified() -> None:
    with Corpus() as mirror:
        for n in range(120):
            day = f"2026-01-{n % 28 + 1:02}T00:00:00Z"
            mirror.add(str(n), f"Copy {n}", "Drain the broker before a restart.", modified_at=day)
        newest = mirror.add(
            "500",
            "The one",
            "Drain the broker before a restart.",
            modified_at="2026-03-01T00:00:00Z",
        )
        mirror.add("600", "Another", "A broker is restarted by hand at night.")
        assert newest
        assert pages_of(mirror.ask("how is a broker drained before a restart")) == ["500", "600"]


def test_a_short_page_is_given_whole_and_once() -> None:
    sections = [f"## Part {n}\n\n{prose(n, 70)}" for n in range(4)]
    with Corpus() as mirror:
        rows = mirror.add("1", "Short", "\n\n".join(sections))
        assert len(rows) > 2
        (result,) = mirror.ask("ledger snapshot invoice")
    assert body_of(result.text, "Short").split() == "\n\n".join(sections).split()


def test_neighbours_of_a_long_page_come_as_one_passage_in_order() -> None:
    sections = [f"## Part {n}\n\n{prose(n, 70)}" for n in range(30)]
    sections[10] += " The zebra sleeps."
    sections[11] += " A zebra wakes up."
    with Corpus() as mirror:
        mirror.add("1", "Long", "\n\n".join(sections))
        first = mirror.ask("zebra", 1)[0]
    assert COUNTER.count_tokens(first.text) < 600
    places = [first.text.index("zebra sleeps"), first.text.index("zebra wakes")]
    assert places == sorted(places)
    assert first.text.count("zebra") == 2


@pytest.fixture(scope="module")
def library() -> Iterator[Corpus]:
    """Pages of every length."""
    random = Random(1)
    with Corpus() as mirror:
        for n in range(30):
            parts = [prose(random.randrange(99), 50) for _ in range(random.randint(1, 9))]
            mirror.add(str(n), f"Page {n}", "\n\n".join(parts))
        mirror.commit()
        yield mirror


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    st.integers(1, 12),
    st.integers(1, 900),
)
@settings(max_examples=20)
def test_an_answer_is_never_larger_than_asked_for(
    library: Corpus, words: list[str], limit: int, most: int
) -> None:
    results = library.ask(" ".join(words), limit, max_tokens=most)
    assert len(results) <= limit
    assert sum(COUNTER.count_tokens(result.text) for result in results) <= most
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert len({(result.page_id, result.text) for result in results}) == len(results)


@pytest.mark.parametrize("can", [FULL, CANNOT_FILTER], ids=["filters", "cannot filter"])
@pytest.mark.parametrize(
    ("about", "where"),
    [
        ({"space_key": "HR"}, Filter(space_keys=("HR",))),
        ({"labels": ("run",)}, Filter(labels=("run",))),
        ({"page_type": "blogpost"}, Filter(page_types=("blogpost",))),
        ({"modified_at": "2026-02-01T00:00:00Z"}, Filter(modified_since="2026-02-01T00:00:00Z")),
    ],
    ids=["space", "label", "type", "date"],
)
def test_a_filter_that_leaves_1_in_100_still_fills_the_answer(
    can: Capabilities, about: dict[str, object], where: Filter
) -> None:
    with Corpus(can) as mirror:
        for n in range(500):
            changes = about if n % 100 == 7 else {"labels": ("runbook",)}
            mirror.add(str(n), f"Page {n}", f"How a broker restarts. {prose(n, 12)}", **changes)
        found = pages_of(mirror.ask("how does a broker restart", where=where))
    assert sorted(found, key=int) == ["7", "107", "207", "307", "407"]


def test_a_store_that_cannot_filter_is_asked_for_more_where_words_find_nothing() -> None:
    with Corpus(CANNOT_FILTER) as mirror:
        for n in range(400):
            space = "HR" if n % 100 == 99 else "OPS"
            mirror.add(
                str(n), f"Page {n}", f"How a broker restarts. {prose(n, 12)}", space_key=space
            )
        found = pages_of(mirror.ask("Wartung", where=Filter(space_keys=("HR",))))
    assert sorted(found, key=int) == ["99", "199", "299", "399"]


def test_what_left_the_mirror_or_was_never_of_it_does_not_answer() -> None:
    with Corpus() as mirror:
        mirror.add("1", "Stays", "The broker restarts.")
        mirror.add("2", "Left", "The broker restarts at once.")
        mirror.commit()
        mirror.record.commit_removal(["2"])  # a run died before the store was told
        shelf = mirror.store.shelves[mirror.collection.id]
        foreign = replace(shelf.rows[0], chunk_id="", text="The broker restarts.", metadata={})
        shelf.rows.append(foreign)
        assert pages_of(mirror.ask("the broker restarts")) == ["1"]


def test_without_a_text_index_the_vectors_answer_alone() -> None:
    with Corpus(indexed=False) as mirror:
        mirror.add("1", "One", "The broker restarts.", space_key="HR")
        mirror.add("2", "Two", "The ledger is closed.")
        (first, second) = mirror.ask("the broker restarts")
        assert (first.page_id, first.title, first.why) == ("1", "One", "dense")
        assert second.page_id == "2"
        assert pages_of(mirror.ask("the broker", where=Filter(space_keys=("OPS",)))) == ["2"]


def test_what_a_killed_run_has_not_indexed_yet_answers_all_the_same() -> None:
    with Corpus() as mirror:
        mirror.add("1", "Indexed", "The broker restarts.", space_key="HR")
        mirror.commit()
        mirror.indexed = False
        mirror.add("2", "Not yet", "The broker restarts at once.", space_key="HR")
        assert sorted(pages_of(mirror.ask("the broker restarts"))) == ["1", "2"]
        only_hr = Filter(space_keys=("HR",))
        assert sorted(pages_of(mirror.ask("the broker restarts", where=only_hr))) == ["1", "2"]
        assert [row.text for row in stored_page(mirror.searched(), "2")] == [
            "Not yet\n\nThe broker restarts at once."
        ]


def test_a_link_leads_to_the_heading() -> None:
    with Corpus() as mirror:
        mirror.add("1", "Runbook", f"## How to restart?\n\nAs ever. {prose(1, 300)}")
        (first, *_) = mirror.ask("how to restart")
    assert first.heading == "How to restart?"
    assert first.url == "https://site.example/1#How-to-restart%3F"


@pytest.mark.parametrize(
    "wrong", [{"text": " "}, {"limit": 0}, {"limit": 51}, {"max_tokens": 0}], ids=str
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(WrongUsage):
        Question(**{"text": "why", **wrong})  # type: ignore[arg-type]


def test_what_a_store_finds_by_ids_alone_is_read_from_the_text_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("confluence_mirror.search.searcher._NAMED_PAGES", 10)
    where = Filter(labels=("known-issue",))
    with Corpus() as mirror:
        for n in range(200):
            labels = ("known-issue",) if n % 3 == 0 else ()
            mirror.add(str(n), f"Page {n}", f"How a broker restarts. {prose(n, 3)}", labels=labels)
        expected = mirror.ask("how does a broker restart", where=where)
        asked = find_ids(mirror)
        assert mirror.ask("how does a broker restart", where=where) == expected
        assert asked == [30, 120]
        # A row that the index does not have: what the store says of it is asked for.
        mirror.indexed = False
        mirror.add("new", "New", "Where the zeppelin is moored.")
        assert "new" in pages_of(mirror.ask("where is the zeppelin moored"))


def find_ids(mirror: Corpus) -> list[int]:
    """The store finds ids alone, too; how many it was asked for, each time."""
    asked: list[int] = []

    def search_ids(
        collection: Collection,
        query: str,
        limit: int,
        where: Filter,
        pages: Sequence[str] | None,
    ) -> list[str]:
        asked.append(limit)
        hits = mirror.store.search(collection, query, limit, EVERYTHING, pages)
        return [str(hit.metadata["chunk_id"]) for hit in hits]

    mirror.store.search_ids = search_ids  # type: ignore[attr-defined]
    return asked
