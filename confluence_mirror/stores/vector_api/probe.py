"""One trial of what the underscore variant can do: a document is written, replaced, listed and
removed in a collection that is made for this trial alone, under an id of its own.

Nothing is concluded from a 5xx, a time-out, a cut connection or a view that lags: it is asked
again, and where that does not help the trial ends with ``StoreUnavailable``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.model import Chunk
from confluence_mirror.stores.discover import EmbeddingModel, rows_of
from confluence_mirror.stores.http import Api, StoreAnswer
from confluence_mirror.stores.vector_api.wire import DOCUMENTS, FoundRow, UnderscoreWire, hits_of
from confluence_mirror.stores.waiting import Sleep, ask_until_certain, look_until
from confluence_mirror.wording import duration

_CANARY = "7e57ab1e-0000-4000-8000-"
"""Begins the id of the one document that a trial writes, twice; the rest is the random end of its
collection's name."""
_FIRST = "A first writing, to be replaced"
_SECOND = "A second writing, that replaces the first"
_STAMP = "%Y%m%dT%H%MZ"
_ABANDONED = timedelta(hours=1)
"""No trial takes so long: the collection of an older one was left behind by a run that was
killed."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an underscore server does. What it is not known to do counts as what it does not."""

    replaces: bool = False
    deletes: bool = False
    lists: bool = False
    drops: bool = False

    def lost(self, before: Abilities) -> tuple[str, ...]:
        """Words for what it did ``before`` and does no more."""
        words = {
            "replaces": "replace by id",
            "deletes": "remove chunks",
            "lists": "list them",
            "drops": "remove collections",
        }
        return tuple(
            word
            for name, word in words.items()
            if getattr(before, name) and not getattr(self, name)
        )


ALL = Abilities(True, True, True, True)


def fresh_name(prefix: str) -> str:
    """``<prefix>-<when>-<random>``: a collection that nobody has, and that says when it was
    made."""
    return f"{prefix}-{datetime.now(UTC).strftime(_STAMP)}-{uuid.uuid4().hex[:12]}"


class Trial:
    """Trials on one server. ``denied`` are the abilities that its own description denies: they are
    not tried.

    ``patience``: seconds that a write may take to be shown.
    """

    def __init__(
        self,
        api: Api,
        wire: UnderscoreWire,
        model: EmbeddingModel,
        denied: Collection[str],
        *,
        patience: float,
        sleep: Sleep,
    ) -> None:
        self._api = api
        self._wire = wire
        self._model = model
        self._denied = denied
        self._patience = patience
        self._sleep = sleep
        self._where = f"The vector store at {api.location}"

    def run(self, name: str) -> Abilities | None:
        """Try everything in a new collection ``name``, which is removed afterwards.

        None: the server makes no such collection, so nothing could be tried.
        """
        answer = self._ask_until_certain(
            lambda: self._wire.create(name, self._model), "the creation of a collection"
        )
        if not answer.ok and answer.status != 409:
            return None
        collection = self._wire.made(name, answer).id
        replaces, copies = self._try_replacing(collection)
        listed = 0 if "lists" in self._denied else self._try_listing(collection, copies)
        found = Abilities(
            replaces=replaces and listed < 2,
            lists=listed > 0,
            deletes="deletes" not in self._denied and self._try_deleting(collection),
        )
        return replace(found, drops=self.drop(collection))

    def drop(self, name: str) -> bool:
        """Remove a trial's collection; whether it is gone."""
        answer = self._ask_until_certain(
            lambda: self._wire.drop(name), "the removal of a collection"
        )
        if not answer.ok and answer.status not in (400, 404):
            return False
        gone = look_until(lambda: self._is_gone(name), bool, self._sleep, self._patience)
        return gone if answer.ok else gone and answer.status == 404

    def sweep(self, prefix: str) -> None:
        """Remove what trials left behind that were killed: collections that bear their name, are
        older than any trial takes, and hold the document of that very trial and nothing else."""
        for collection in self._wire.collections() or ():
            match = re.fullmatch(
                re.escape(prefix) + r"-(\d{8}T\d{4}Z)-([0-9a-f]{12})", collection.id
            )
            if match and self._is_old(match[1]):
                rows = self._query_rows(collection.id)
                if rows and all(row.chunk_id == _CANARY + match[2] for row in rows):
                    self.drop(collection.id)

    @staticmethod
    def _is_old(stamp: str) -> bool:
        try:
            made = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
        except ValueError:
            return False
        return abs(datetime.now(UTC) - made) > _ABANDONED

    # -- the steps

    def _try_replacing(self, collection: str) -> tuple[bool, int]:
        """Write one id twice: is one row left, the second? And how many rows queries show.

        The second writing waits until the first is shown; and what is shown then is looked at
        twice.
        """
        self._write_document(collection, _FIRST)
        rows = self._query_until(collection, lambda rows: bool(rows))
        if not rows:
            raise StoreUnavailable(
                f"{self._where} confirmed a document and did not show it for"
                f" {duration(self._patience)}; nothing but test documents was written.",
                hint="Where it shows writes later than that, set REQUEST_TIMEOUT to more.",
            )
        self._write_document(collection, _SECOND)
        rows = self._query_until(collection, lambda rows: any(_is_second(row) for row in rows))
        again = self._query_rows(collection)
        replaced = [len(each) == 1 and _is_second(each[0]) for each in (rows, again)]
        if replaced[0] != replaced[1]:
            raise StoreUnavailable(
                f"{self._where} shows now one and now another answer to the same question."
            )
        return replaced[0], len(again)

    def _try_listing(self, collection: str, copies: int) -> int:
        """How many rows a listing shows: as many as queries do at least, unless the server does not
        list."""

        def ask() -> StoreAnswer:
            return self._api.get(DOCUMENTS, {"collection_id": collection, "limit": 5})

        def look() -> list[Mapping[str, object]] | None:
            return rows_of(
                self._ask_until_certain(ask, "a listing"), "documents", "chunks", "results", "data"
            )

        found = look_until(
            look, lambda rows: rows is None or len(rows) >= copies, self._sleep, self._patience
        )
        return len(found or ())

    def _try_deleting(self, collection: str) -> bool:
        """Remove the document: is it gone?"""
        answer = self._ask_until_certain(
            lambda: self._wire.delete(collection, [_canary_of(collection)]), "a removal"
        )
        return answer.ok and not self._query_until(collection, lambda rows: not rows)

    # -- asking

    def _write_document(self, collection: str, text: str) -> None:
        """A collection that was made just now may not be there yet for a write."""
        canary = _canary_of(collection)
        metadata = {"source": "confluence-sync-probe", "chunk_id": canary}
        chunk = Chunk(canary, "0", text, metadata, "00000000")

        def send() -> StoreAnswer:
            return self._ask_until_certain(
                lambda: self._wire.insert(collection, [chunk], repeat=True), "a test document"
            )

        answer = look_until(
            send, lambda answer: answer.ok or answer.status != 404, self._sleep, self._patience
        )
        if answer.ok:
            return
        if answer.status == 404:
            raise StoreUnavailable(
                f"{self._where} lost the collection of a test document: {answer.describe()}."
            )
        raise WrongSettings(
            f"{self._where} does not take a test document: {answer.describe()}; nothing else was"
            " written.",
            hint="Does it know EMBEDDING_MODEL_ID, and take metadata as its variant should?",
        )

    def _query_until(
        self, collection: str, enough: Callable[[Sequence[FoundRow]], bool]
    ) -> Sequence[FoundRow]:
        return look_until(lambda: self._query_rows(collection), enough, self._sleep, self._patience)

    def _query_rows(self, collection: str) -> Sequence[FoundRow]:
        query = lambda: self._wire.ask(collection, "Which writing is there?", 5)  # noqa: E731
        return hits_of(self._ask_until_certain(query, "a query")) or ()

    def _is_gone(self, name: str) -> bool:
        known = self._wire.collections()
        if known is None:
            return not self._query_rows(name)
        return all(name not in (collection.id, collection.name) for collection in known)

    def _ask_until_certain(self, ask: Callable[[], StoreAnswer], what: str) -> StoreAnswer:
        return ask_until_certain(ask, self._sleep, self._where, what)


def _canary_of(collection: str) -> str:
    return _CANARY + collection[-12:]


def _is_second(row: FoundRow) -> bool:
    return row.text.startswith(_SECOND[:8])
