"""The text index: the same in SQLite and PostgreSQL, exactly what was committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.manifest import Database, Manifest, Record, TextRow, can_index, texts
from confluence_mirror.model import EVERYTHING, Filter
from confluence_mirror.text.terms import question_terms
from tests.manifest.test_manifest import begin, row


@pytest.fixture
def record(url: str) -> Iterator[Record]:
    with closing(Database(url)) as database:
        manifest = Manifest(database)
        yield manifest.of(begin(manifest))


def text(chunk_id: str, page_id: str, body: str, **changes: Any) -> TextRow:
    made = TextRow(
        chunk_id,
        page_id,
        0,
        f"Title {page_id}",
        "Heading",
        f"https://site.example/{page_id}",
        "page",
        "OPS",
        ("a", "known-issue"),
        "2026-01-31T08:15:00Z",
        body,
    )
    return replace(made, **changes)


def commit(record: Record, *texts: TextRow) -> None:
    pages = sorted({each.page_id for each in texts})
    record.commit([row(page) for page in pages], (), texts=texts)


def found(record: Record, question: str, where: Filter = EVERYTHING) -> list[str]:
    return [each.id for each in record.texts.search(question_terms(question), 10, where)]


def test_a_committed_chunk_is_found_with_all_that_its_row_says(record: Record) -> None:
    chunk = text("a", "1", "Half a \x00 character \ud800: the brokers are drained.", position=3)
    commit(record, chunk, text("b", "2", "Another page."))
    (only,) = record.texts.search(["broker"], 10)
    assert only == replace(chunk, text="Half a \ufffd character \ufffd: the brokers are drained.")
    assert record.texts.of_pages(["1", "3"]) == {"1": [only]}
    assert record.texts.of_chunks(["a", "x"]) == {"a": only}


def test_rarer_words_and_more_of_them_rank_first(record: Record) -> None:
    commit(
        record,
        text("often", "1", "restore the tenant database database database"),
        text("rare", "2", "restore the tenant database from the vault"),
        text("long", "3", "vault " + "of many other words " * 40),
        text("none", "4", "nothing of it"),
    )
    assert found(record, "Which vault?") == ["rare", "long"]
    assert found(record, "restore from the vault")[0] == "rare"


def test_a_page_s_new_chunks_take_the_place_of_its_old_ones(record: Record) -> None:
    commit(record, text("a", "1", "drain the broker"), text("b", "1", "replace the broker"))
    commit(record, text("other", "2", "broker"))
    commit(record, text("b", "1", "replace the broker", title="New"), text("c", "1", "a broker"))
    assert sorted(found(record, "broker")) == ["b", "c", "other"]
    assert found(record, "drain") == []
    assert record.texts.of_chunks(["b"])["b"].title == "New"
    assert [sorted(ids) for ids in record.texts.ids()] == [["b", "c", "other"]]


def test_what_leaves_the_record_leaves_the_index(record: Record) -> None:
    for number in range(5):
        commit(record, text(f"c{number}", f"{number}", "broker"))
    record.commit((), ["c0"])
    record.fail([row("1")], ["c1"])
    record.mark_missing([("c2", "2")])
    record.commit_removal(["3"])
    assert found(record, "broker") == ["c4"]
    record.clear()
    assert (found(record, "broker"), record.texts.count()) == ([], 0)
    commit(record, text("again", "1", "broker"))
    assert found(record, "broker") == ["again"]


def test_filters_hold_before_ranks_are_cut(record: Record) -> None:
    commit(
        record,
        *(text(f"c{number}", f"{number}", "broker broker") for number in range(20)),
        text("space", "30", "the broker of another space", space_key="HR"),
        text("label", "31", "a broker with a label", labels=("known-issue-2",)),
        text("type", "32", "a broker in the news", page_type="blogpost"),
        text("new", "33", "a broker of today", modified_at="2026-02-01T00:00:00Z"),
    )
    assert found(record, "broker", Filter(space_keys=("HR", "IT"))) == ["space"]
    assert found(record, "broker", Filter(labels=("known-issue-2", "known_issue"))) == ["label"]
    assert found(record, "broker", Filter(page_types=("blogpost",))) == ["type"]
    assert found(record, "broker", Filter(modified_since="2026-02-01T00:00:00Z")) == ["new"]
    assert found(record, "broker", Filter(space_keys=("HR",), page_types=("blogpost",))) == []


def test_chunks_are_found_by_the_recorded_key_of_their_page(record: Record) -> None:
    commit(record, *(text(f"c{n}", str(n), f"A broker {'again ' * n}") for n in range(5)))
    record.readers.record_keys({"1": "one", "2": "two", "3": "one"})

    assert found(record, "broker", Filter(access=("one",))) == ["c1", "c3"]
    assert found(record, "broker", Filter(access=("one", "two", "x"))) == ["c1", "c2", "c3"]
    assert found(record, "broker", Filter(access=())) == []
    assert record.texts.page_ids(Filter(access=("two",)), 10) == ["2"]
    assert record.readers.keys_of(["0", "1", "9"]) == {"0": "", "1": "one"}


def test_conjunctions_are_recorded_alone_or_beside_the_others(record: Record) -> None:
    readers = record.readers
    readers.record_conjunctions({"a": "[1]", "b": "[2]"}, alone=True)
    readers.record_conjunctions({"c": "[3]"}, alone=False)
    assert readers.conjunctions() == {"a": "[1]", "b": "[2]", "c": "[3]"}
    readers.record_conjunctions({"a": "[1]"}, alone=True)
    assert readers.conjunctions() == {"a": "[1]"}
    record.clear()
    assert readers.conjunctions() == {}


def test_generations_do_not_rank_or_find_each_others_texts(url: str) -> None:
    with closing(Database(url)) as database:
        manifest = Manifest(database)
        one, other = manifest.of(begin(manifest)), manifest.of(begin(manifest, "b", "building"))
        commit(one, text("a", "1", "broker"))
        commit(other, text("a", "1", "broker"), text("b", "2", "broker"))
        assert (found(one, "broker"), found(other, "broker")) == (["a"], ["a", "b"])
        manifest.forget_generation(other.generation)
        assert (found(one, "broker"), other.texts.count()) == (["a"], 0)


@pytest.mark.parametrize(
    "question",
    [
        '"',
        "*",
        "NEAR(",
        "NEAR(a b)",
        "terms:broker",
        "col:",
        "AND",
        "NOT",
        "-",
        "^a",
        "a & !b",
        "a:*",
        "(",
        "'",
        "\\",
        "%",
        "?",
    ],
)
def test_operators_of_the_index_s_language_are_words_like_others(
    record: Record, question: str
) -> None:
    commit(
        record, text("a", "1", "nothing of all that"), text("b", "2", f"here: broker {question}")
    )
    assert found(record, f"{question} broker") == ["b"]
    assert record.texts.holding(f"broker{question}x", 5) == []
    assert len(found(record, question)) <= 1


def test_looking_only_searches_and_an_empty_manifest_has_no_answer(url: str) -> None:
    with closing(Database(url, read_only=True)) as database:
        manifest = Manifest(database)
        assert manifest.of(begin(manifest)).texts.search(["broker"], 5) == []
    with closing(Database(url)) as database:
        manifest = Manifest(database)
        commit(manifest.of(generation := begin(manifest)), text("a", "1", "ERR-4012 of a broker"))
    with closing(Database(url, read_only=True)) as database:
        texts = Manifest(database).of(generation).texts
        assert [each.id for each in texts.search(["broker"], 5)] == ["a"]
        assert [each.id for each in texts.holding("err-4012", 5)] == ["a"]


def test_on_a_large_site_the_rarest_words_decide_and_a_filter_is_filled_all_the_same(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MOST_MATCHES", 5)
    commit(
        record,
        *(text(f"c{number}", f"{number}", "the broker is drained") for number in range(20)),
        text("rare", "20", "a word about the broker of the zeppelin, which is long"),
        text("hr", "21", "the broker of people", space_key="HR"),
    )
    assert found(record, "zeppelin broker") == ["rare"]
    assert len(found(record, "broker")) == 10
    assert found(record, "zeppelin broker", Filter(space_keys=("HR",))) == ["hr"]
    assert found(record, "nothing known") == []


def test_a_question_may_have_thousands_of_words(record: Record) -> None:
    words = [f"word{number}" for number in range(1700)]
    commit(record, text("all", "1", " ".join(words)), text("one", "2", "word7 of a broker"))
    assert set(found(record, " ".join(words))) == {"all", "one"}
    assert found(record, " ".join([*words, "broker"]), Filter(page_types=("blogpost",))) == []


def test_an_old_sqlite_that_does_not_list_its_modules_says_whether_it_has_fts5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/manifest.db")) as database:
        known = can_index(database)
        monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 26, 0))
        assert can_index(database) is known
