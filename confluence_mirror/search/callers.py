"""Answers for somebody: from what that account may read, and from nothing else.

What may be read is decided before anything is ranked: by the keys of the recorded conjunctions that
the account satisfies. Where something is unknown there is no answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from confluence_mirror.access import load_conjunction, satisfied_keys
from confluence_mirror.chunking import Tokenizer
from confluence_mirror.errors import SyncError, WrongSettings
from confluence_mirror.model import Caller
from confluence_mirror.search.question import Answer, Question, SearchResult
from confluence_mirror.search.searcher import Searched, Searcher

log = logging.getLogger(__name__)

KEPT_S = 300
"""Seconds for which an account's groups are taken as known."""
MOST_KEPT = 1000
"""Accounts."""


class Accounts(Protocol):
    """What Confluence tells of accounts. Each method raises the ``SyncError`` for which it tells
    nothing."""

    def find_caller(self, account_id: str) -> Caller | None:
        """An account with its groups; None for one that Confluence does not know."""

    def readable_now(
        self, account_id: str, pages: Sequence[str], blogposts: Sequence[str]
    ) -> set[str] | None:
        """Of these ids those that the account may read at this moment; None where the credential
        may not ask that."""


@dataclass(slots=True)
class Callers:
    """Who asks, and what may be shown to whom. Remembers accounts for some minutes."""

    accounts: Accounts
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, Caller | None]] = field(default_factory=dict)
    _told: bool = False
    """That nothing can be checked late."""

    def answer(
        self, mirror: Searched, tokenizer: Tokenizer, question: Question, account_id: str
    ) -> Answer:
        """The answer that an account may see; empty, with the reason as its note, where there is
        nothing. Raises ``WrongSettings`` where this mirror cannot be filtered, and what the store
        raises."""
        _require_filter(mirror)
        try:
            keys, why = self._allowed(mirror, account_id)
            if not keys:
                return Answer(question.text, (), 0, why)
            where = replace(question.where, access=tuple(sorted(keys)))
            found = Searcher(mirror, tokenizer).answer(replace(question, where=where))
            return replace(found, results=self._still_readable(mirror, found.results, account_id))
        except _Unknown as failure:
            return Answer(question.text, (), 0, str(failure))

    def _allowed(self, mirror: Searched, account_id: str) -> tuple[frozenset[str], str]:
        """The keys that an account satisfies; where there are none, why."""
        assert mirror.record is not None
        recorded = {
            key: load_conjunction(text)
            for key, text in mirror.record.readers.conjunctions().items()
        }
        if not recorded:
            return frozenset(), (
                "Nothing is recorded of who may read these pages, so nothing is shown: run a sync"
                " with ACCESS=true."
            )
        caller = self._find(account_id)
        if caller is None:
            return frozenset(), f"Confluence knows no account {account_id}: nothing is shown."
        if not caller.active:
            return frozenset(), f"Account {account_id} is not active: nothing is shown."
        keys = satisfied_keys(recorded, caller)
        log.debug(
            "account %s is allowed %d of %d keys: %s",
            account_id,
            len(keys),
            len(recorded),
            " ".join(sorted(keys)),
        )
        return keys, f"Account {account_id} may read nothing of what is stored."

    def _find(self, account_id: str) -> Caller | None:
        now = self.clock()
        known = self._known.get(account_id)
        if known is not None and now - known[0] < KEPT_S:
            return known[1]
        with _explained(account_id):
            caller = self.accounts.find_caller(account_id)
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[account_id] = (now, caller)
        return caller

    def _still_readable(
        self, mirror: Searched, results: tuple[SearchResult, ...], account_id: str
    ) -> tuple[SearchResult, ...]:
        """Without what was restricted after the last run, where the credential may ask. What hangs
        on a page is read by those who read the page."""
        if not results:
            return results
        assert mirror.record is not None
        rows = mirror.record.pages(list({each.page_id for each in results})).values()
        page_of = {row.id: (row.parent_id or "") if row.is_child else row.id for row in rows}
        types = {page_of[row.id]: row.parent_type if row.is_child else row.type for row in rows}
        blogposts = sorted(page for page, kind in types.items() if kind == "blogpost")
        pages = sorted(types.keys() - blogposts)
        with _explained(account_id):
            readable = self.accounts.readable_now(account_id, pages, blogposts)
        if readable is not None:
            return tuple(each for each in results if page_of.get(each.page_id) in readable)
        if not self._told:
            self._told = True
            log.warning(
                "what was restricted after the last run is not noticed: Confluence tells what"
                " others may read now to an administrator alone, whose token has the scope"
                " read:confluence-content.permission"
            )
        return results


class _Unknown(Exception):
    """Confluence does not tell what an account may read."""


@contextmanager
def _explained(account_id: str) -> Iterator[None]:
    """Turn what Confluence fails with into the reason why nothing is shown."""
    try:
        yield
    except SyncError as failure:
        raise _Unknown(
            f"Confluence does not say what account {account_id} may read, so nothing is shown:"
            f" {Exception.__str__(failure)}"
        ) from None


def _require_filter(mirror: Searched) -> None:
    """Raise ``WrongSettings`` where answers cannot be cut to what an account may read before they
    are ranked."""
    store, record = mirror.store, mirror.record
    if record is None:
        raise WrongSettings(
            "The record of this mirror cannot be read, so nothing is known of who may read what;"
            " nothing was searched.",
            hint="Check STATE_URL, and run a sync.",
        )
    if not mirror.can.filters and not record.texts.count():
        raise WrongSettings(
            f"{store.kind} at {store.location} cannot filter a search, and there is no text index,"
            " so no answer can be cut to what an account may read; nothing was searched.",
            hint="Set TEXT_INDEX=true, and run a sync.",
        )
