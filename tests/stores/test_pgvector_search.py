"""Searches of pgvector under a filter, with a real index."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
import pytest

from confluence_mirror.model import Filter
from confluence_mirror.stores.base import Capabilities, Hit
from confluence_mirror.stores.pgvector import search
from confluence_mirror.stores.pgvector import store as pgvector
from confluence_mirror.stores.pgvector.store import PgvectorStore
from tests.stores.words import DIMENSION, MODEL, HashedWords, chunk, hashed_words

pytestmark = pytest.mark.postgres

ROWS = 3000
RARE = Filter(space_keys=("RARE",))
"""Leaves one row in a hundred."""
GIVEN_UP = "&options=-c%20hnsw.max_scan_tuples%3D1"
"""The scan of the index ends at once, as that of a large table ends after many rows."""
CAN = Capabilities(replaces=True, deletes=True, lists=True, updates_metadata=True)


@pytest.fixture(scope="module")
def url(database: Callable[[], str]) -> str:
    """Of a database with an indexed table."""
    url = database()
    store = opened(url)
    collection = store.create_collection("confluence")
    chunks = [
        chunk(
            number,
            f"Restart pump{number % 7} in hall{number % 31} by hand{number % 101}",
            CAN,
            page=str(number),
            space_key="RARE" if number % 100 == 7 else "OPS",
        )
        for number in range(ROWS)
    ]
    store.write_chunks(collection, chunks, {})
    store.finish_writing(collection)
    store.close()
    return url


def opened(url: str) -> PgvectorStore:
    store = PgvectorStore(url, HashedWords(), DIMENSION, MODEL)
    store.connect()
    return store


QUESTIONS = [
    f"pump{number % 7} hall{number * 3 % 31} hand{number * 11 % 101}" for number in range(10)
]


def exact(url: str, question: str, limit: int) -> list[str]:
    """The pages of the space that are nearest, of all its rows."""
    with psycopg.connect(url) as connection:
        connection.execute("SET enable_indexscan = off")
        rows = connection.execute(
            "SELECT metadata_->>'page_id' FROM data_confluence WHERE metadata_->>'space_key' ="
            " 'RARE' ORDER BY embedding <=> %s::vector, id LIMIT %s",
            (str(hashed_words(question)), limit),
        ).fetchall()
    return [page for (page,) in rows]


def answers(url: str, limit: int, pages: Sequence[str] | None = None) -> list[list[Hit]]:
    store = opened(url)
    found = store.find_collection("confluence")
    assert found is not None
    hits = [store.search(found, question, limit, RARE, pages) for question in QUESTIONS]
    store.close()
    return hits


def recall(url: str, hits: list[list[Hit]], limit: int) -> float:
    """Of what is nearest, the part that was found."""
    found = 0
    for question, some in zip(QUESTIONS, hits, strict=True):
        found += len({hit.metadata["page_id"] for hit in some} & set(exact(url, question, limit)))
    return found / (limit * len(QUESTIONS))


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the filter leaves counts as too many rows to compare them all, as in a large table."""
    monkeypatch.setattr(search, "FEW", 0)


def test_the_index_alone_would_leave_a_filtered_answer_short(url: str):
    with psycopg.connect(url) as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(
            "SELECT 1 FROM data_confluence WHERE metadata_->>'space_key' = 'RARE' ORDER BY"
            " embedding <=> %s::vector LIMIT 10",
            (str(hashed_words(QUESTIONS[0])),),
        ).fetchall()
    assert len(rows) < 10


@pytest.mark.usefixtures("many")
def test_an_index_scan_goes_on_until_the_filter_is_satisfied(url: str):
    hits = answers(url, 10)
    assert {len(some) for some in hits} == {10}
    assert {hit.metadata["space_key"] for some in hits for hit in some} == {"RARE"}
    assert all(some == sorted(some, key=lambda hit: -hit.score) for some in hits)
    assert recall(url, hits, 10) >= 0.95


def test_where_a_filter_leaves_few_rows_all_of_them_are_compared(url: str):
    assert recall(url, answers(url, 10), 10) == 1


@pytest.mark.usefixtures("many")
def test_pgvector_before_0_8_compares_all_rows_that_a_filter_leaves(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pgvector, "extension_version", lambda _connection: ("0.7.4", "0.7.4"))
    assert recall(url, answers(url, 10), 10) == 1


@pytest.mark.usefixtures("many")
def test_an_answer_is_as_long_as_there_are_rows_and_up_to_two_hundred(url: str):
    assert {len(some) for some in answers(url + GIVEN_UP, 200)} == {ROWS // 100}
    assert {len(some) for some in answers(url, 5, ["7", "8", "107"])} == {2}
    store = opened(url)
    found = store.find_collection("confluence")
    assert found is not None
    assert len(store.search(found, QUESTIONS[0], 200)) == 200
    store.close()
