"""The answer to a question: what the vectors and the words find, fused, without copies, in passages
of a size that was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from confluence_mirror.chunking import Tokenizer
from confluence_mirror.chunking.ids import chunk_id
from confluence_mirror.manifest import Record, TextRow
from confluence_mirror.model import EVERYTHING, Filter, Metadata
from confluence_mirror.search.duplicates import leave_out_copies
from confluence_mirror.search.fusion import fuse_rankings
from confluence_mirror.search.joining import body_of
from confluence_mirror.search.passages import Found, PageRows, Passages
from confluence_mirror.search.question import Answer, Question
from confluence_mirror.stores.base import Capabilities, Collection, Hit, SearchesIds, Store
from confluence_mirror.stores.rows import matches
from confluence_mirror.text.terms import holds_whole, identifier_of, question_terms

Read = TypeVar("Read")

CANDIDATES = 30
"""Chunks of each ranking that are fused; more where more results are asked for."""
MOST_CANDIDATES = 800
_STEPS = (1, 4, 20)
"""How many times as many chunks a store that cannot filter is asked for, one step after the
other."""
_GROWTH = 4
"""So many times as many ids a store is asked for, until the filter leaves enough of them."""
_NAMED_PAGES = 1000
"""Pages up to which a filter is given to the store as a list of them."""


@dataclass(frozen=True, slots=True)
class Searched:
    """A mirror as it is searched."""

    store: Store
    can: Capabilities
    collection: Collection
    site: str
    record: Record | None
    """What is recorded of it; None where that is lost, or not to be had: then the vectors alone
    find."""


class Searcher:
    """Answers questions from one mirror. Used from one thread."""

    def __init__(self, mirror: Searched, tokenizer: Tokenizer) -> None:
        """``tokenizer`` counts what a question allows: cl100k_base."""
        self._mirror = mirror
        self._texts = mirror.record.texts if mirror.record is not None else None
        self._tokenizer = tokenizer

    def answer(self, question: Question) -> Answer:
        """Raises what the store raises."""
        begun = time.monotonic()
        most = max(CANDIDATES, 4 * question.limit)
        passages, exhausted = self._passages(question, most)
        # Many copies of one text, or many chunks of one page, leave room for what comes after them.
        while not passages.full and not exhausted and most < MOST_CANDIDATES:
            most = min(4 * most, MOST_CANDIDATES)
            passages, exhausted = self._passages(question, most)
        took = round((time.monotonic() - begun) * 1000)
        return Answer(question.text, passages.results(), took)

    def _passages(self, question: Question, most: int) -> tuple[Passages, bool]:
        """The passages out of so many chunks of each ranking, and whether there are no more."""
        near = self._by_vectors(question, most)
        return self._together(lambda: self._fused(question, most, near))

    def _fused(
        self, question: Question, most: int, near: Sequence[TextRow]
    ) -> tuple[Passages, bool]:
        """With what the vectors found, and what the words find."""
        rows: dict[str, TextRow] = {}
        dense = _note(near, rows)
        lexical = self._by_words(question, most, rows)
        whole = self._holding(question, most, rows)
        ranked = [
            Found(rows[each.chunk_id], each.score, each.why)
            for each in fuse_rankings(dense, [*whole, *lexical], first=whole)
        ]
        pages = list(dict.fromkeys(found.row.page_id for found in ranked))
        passages = Passages(question, self._tokenizer, self._page_reader(pages, question.limit))
        passages.collect(
            leave_out_copies(
                ranked,
                page_of=lambda found: found.row.page_id,
                text_of=lambda found: body_of(found.row.text, found.row.title),
                modified_at=lambda found: found.row.modified_at,
            )
        )
        return passages, len(dense) < most and len(lexical) < most

    # -- by words

    def _by_words(self, question: Question, most: int, rows: dict[str, TextRow]) -> list[str]:
        terms = question_terms(question.text)
        if self._texts is None or not terms:
            return []
        return _note(self._texts.search(terms, most, question.where), rows)

    def _holding(self, question: Question, most: int, rows: dict[str, TextRow]) -> list[str]:
        """Chunks that hold the whole identifier that the question is, where it is one."""
        identifier = identifier_of(question.text)
        if identifier is None:
            return []
        indexed = self._texts.holding(identifier, most, question.where) if self._texts else []
        near = [row for row in rows.values() if holds_whole(row.text, identifier)]
        return list(dict.fromkeys(_note([*indexed, *near], rows)))

    # -- by vectors

    def _by_vectors(self, question: Question, most: int) -> list[TextRow]:
        """The nearest chunks that the mirror has, and that the filter lets through."""
        where = question.where
        if where.access is not None and not self._mirror.can.filters:
            # Ranks that are cut before the filter would show that there is something that is
            # hidden, and hide what is not.
            return []
        if not where or self._mirror.can.filters:
            pages = self._together(lambda: self._pages_left(where)) if where else None
            near = self._by_ids(question, most, pages)
            if near is None:
                near = self._current(self._ask(question, most, where, pages), where)
            return near
        found: list[TextRow] = []
        for step in _STEPS:
            # For everything: what the store says of a page may be older than what is recorded, and
            # an answer that it has filtered does not show whether there are more.
            hits = self._ask(question, most * step, EVERYTHING, None)
            found = self._current(hits, where)
            if len(found) >= most or len(hits) < most * step:
                break
        return found[:most]

    def _by_ids(
        self, question: Question, most: int, pages: Sequence[str] | None
    ) -> list[TextRow] | None:
        """From a store that finds sooner than it reads: what it found is read from the text index.
        None where it is not such a store, or some of it is not indexed: rows of others, or what a
        killed run has not got to yet."""
        mirror, where = self._mirror, question.where
        if self._texts is None or not isinstance(mirror.store, SearchesIds):
            return None
        if pages is not None and not pages:
            return []
        asked = most
        while True:
            ids = mirror.store.search_ids(mirror.collection, question.text, asked, where, pages)
            indexed = self._texts.of_chunks(ids)
            if len(indexed) < len(ids):
                return None
            found = self._let_through([indexed[each] for each in ids], where)
            if len(found) >= most or len(ids) < asked:
                return found[:most]
            asked *= _GROWTH

    def _pages_left(self, where: Filter) -> list[str] | None:
        """The pages that a filter leaves; None where they are many, or not all of the mirror is in
        the text index: a run that fills it was killed, or it is switched off."""
        record = self._mirror.record
        if record is None or record.texts.count() != record.chunk_count():
            return None
        return record.texts.page_ids(where, _NAMED_PAGES)

    def _ask(
        self, question: Question, most: int, where: Filter, pages: Sequence[str] | None
    ) -> list[Hit]:
        if pages is not None and not pages:
            return []
        mirror = self._mirror
        return mirror.store.search(mirror.collection, question.text, most, where, pages)

    def _current(self, hits: Sequence[Hit], where: Filter) -> list[TextRow]:
        """Of the hits those that are chunks of the mirror, with what is recorded of their pages
        today: a store keeps rows of others, and what it says of a page's date may be old."""
        ours = {each: hit for hit in hits if (each := self._chunk_id(hit))}
        rows = {each: stored_row(each, hit.text, hit.metadata) for each, hit in ours.items()}
        return self._together(lambda: self._let_through(self._as_recorded(rows), where))

    def _as_recorded(self, stored: Mapping[str, TextRow]) -> list[TextRow]:
        """Of rows by chunk id those that are chunks of the mirror, as the text index has them where
        it does."""
        if (record := self._mirror.record) is None:
            return list(stored.values())
        indexed = record.texts.of_chunks(list(stored))
        others = record.chunks([each for each in stored if each not in indexed])
        there = {each for each, chunk in others.items() if chunk.state == "there"}
        return [
            indexed.get(each, row)
            for each, row in stored.items()
            if each in indexed or each in there
        ]

    def _let_through(self, rows: Sequence[TextRow], where: Filter) -> list[TextRow]:
        readable = self._readable([row.page_id for row in rows], where)
        rest = replace(where, access=None)
        return [
            row for row in rows if row.page_id in readable and (not rest or row_matches(row, rest))
        ]

    def _readable(self, page_ids: Sequence[str], where: Filter) -> set[str]:
        """Of these pages those that the recorded keys let through: what the store says may be of
        the night before."""
        if where.access is None:
            return set(page_ids)
        record = self._mirror.record
        keys = record.readers.keys_of(list(set(page_ids))) if record is not None else {}
        return {page_id for page_id, key in keys.items() if key in where.access}

    def _chunk_id(self, hit: Hit) -> str:
        """Of a chunk of ours; empty for a row of others."""
        page_id = str(hit.metadata.get("page_id", ""))
        if not page_id or hit.metadata.get("site_id", self._mirror.site) != self._mirror.site:
            return ""
        recorded = hit.metadata.get("chunk_id")
        return str(recorded) if recorded else chunk_id(self._mirror.site, page_id, hit.text)

    def _page_reader(self, ranked: Sequence[str], at_once: int) -> PageRows:
        """Reads the chunks of a page: with those of so many pages that are ranked after it, which
        will be asked for next."""
        known: dict[str, Sequence[TextRow]] = {}

        def read_page(page_id: str) -> Sequence[TextRow]:
            if self._texts is None:
                return []
            if page_id not in known:
                first = ranked.index(page_id)
                some = ranked[first : first + at_once]
                known.update(dict.fromkeys(some, ()), **self._texts.of_pages(some))
            return known[page_id]

        return read_page

    def _together(self, read: Callable[[], Read]) -> Read:
        """What several questions to the record tell, in one transaction."""
        record = self._mirror.record
        return read() if record is None else record.database.read_together(read)


def row_matches(row: TextRow, where: Filter) -> bool:
    """Whether a filter lets a chunk through, but for who may read it."""
    about: Mapping[str, str | int] = {
        "space_key": row.space_key,
        "page_type": row.page_type,
        "labels": ",".join(row.labels),
        "modified_at": row.modified_at,
    }
    return matches(about, where)


def _note(found: Sequence[TextRow], rows: dict[str, TextRow]) -> list[str]:
    """The ids; the rows are kept by them."""
    rows.update((row.id, row) for row in found)
    return [row.id for row in found]


def stored_row(chunk_id: str, text: str, metadata: Metadata) -> TextRow:
    """A chunk as the store alone knows it."""
    known = {key: str(value) for key, value in metadata.items()}
    position = known.get("chunk_index", "")
    return TextRow(
        id=chunk_id,
        page_id=known["page_id"],
        position=int(float(position)) if position else 0,
        title=known.get("title", ""),
        heading=known.get("heading_path", ""),
        url=known.get("url", ""),
        page_type=known.get("page_type", ""),
        space_key=known.get("space_key", ""),
        labels=tuple(filter(None, known.get("labels", "").split(","))),
        modified_at=known.get("modified_at", ""),
        text=text,
    )
