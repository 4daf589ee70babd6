"""Many questions to one mirror: the model is loaded once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from confluence_mirror.chunking import load_tokenizer
from confluence_mirror.confluence.accounts import Accounts
from confluence_mirror.errors import WrongSettings
from confluence_mirror.manifest import TextRow
from confluence_mirror.runs import components
from confluence_mirror.search import Answer, Question
from confluence_mirror.search.callers import Callers
from confluence_mirror.search.joining import join_chunks
from confluence_mirror.search.place import Place, searched_mirror
from confluence_mirror.search.searcher import Searched, Searcher, stored_row
from confluence_mirror.settings import Settings

COUNTED_IN = "cl100k_base"
"""What a question's ``max_tokens`` are tokens of, whatever the store counts in."""


@dataclass(frozen=True, slots=True)
class PageText:
    """A page as it is stored."""

    page_id: str
    title: str
    url: str
    text: str
    """Markdown."""
    page_type: str
    space_key: str
    labels: tuple[str, ...]
    modified_at: str


def answer_once(
    settings: Settings,
    parts: components.Components,
    question: Question,
    as_user: str | None,
    remembered_id: str,
) -> Answer:
    """The passages that answer one question; see ``Mirror.search``."""
    if as_user is not None:
        require_access(settings)
    components.begin_to_open(parts.embedder)
    place = place_of(settings, parts.collection, remembered_id)
    tokenizer = load_tokenizer(COUNTED_IN)
    with searched_mirror(parts.store, place) as mirror:
        if as_user is not None:
            callers = Callers(Accounts(parts.gateway))
            return callers.answer(mirror, tokenizer, question, as_user)
        return mark_view(Searcher(mirror, tokenizer).answer(question), settings)


class SearchSession:
    """Answers questions until it is closed. Used from one thread.

    ``fresh``: every question is answered from the state that the last run left, also where that ran
    after the session began; else the store is opened once.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        remembered_id: str = "",
        pause: components.Pause = time.sleep,
        fresh: bool = False,
    ) -> None:
        self._settings = settings
        self._remembered_id = remembered_id
        self._pause = pause
        self._fresh = fresh
        self._kept = ExitStack()
        self._embedder = (
            components.make_embedder(settings.embedding, settings.net, pause)
            if settings.store.takes_vectors
            else None
        )
        if self._embedder is not None:
            self._kept.callback(self._embedder.close)
        components.begin_to_open(self._embedder)
        self._tokenizer = load_tokenizer(COUNTED_IN)
        self._opened: Searched | None = None
        self._callers: Callers | None = None

    def ask(self, question: Question, *, as_user: str | None = None) -> Answer:
        """The answer; raises the ``SyncError`` for which there is none. ``as_user``: for this
        account id, from what it may read alone; None: from all that is stored."""
        with self._mirror() as mirror:
            if as_user is not None:
                return self._known_callers().answer(mirror, self._tokenizer, question, as_user)
            answer = Searcher(mirror, self._tokenizer).answer(question)
        return mark_view(answer, self._settings)

    def _known_callers(self) -> Callers:
        require_access(self._settings)
        if self._callers is None:
            settings = self._settings
            gateway = components.make_gateway(settings.confluence, settings.net, pause=self._pause)
            self._kept.callback(gateway.close)
            self._callers = Callers(Accounts(gateway))
        return self._callers

    def page(self, page_id: str) -> PageText | None:
        """A page of the mirror, whole; None where there is none of this id."""
        with self._mirror() as mirror:
            rows = stored_page(mirror, page_id)
            if not rows:
                return None
            first = rows[0]
            return PageText(
                page_id,
                first.title,
                first.url,
                join_chunks([row.text for row in rows], first.title),
                first.page_type,
                first.space_key,
                first.labels,
                first.modified_at,
            )

    def close(self) -> None:
        """Let go of the store, the record and the model. Idempotent."""
        self._kept.close()

    @contextmanager
    def _mirror(self) -> Iterator[Searched]:
        if self._fresh:
            with ExitStack() as opened:
                yield self._open(opened)
            return
        if self._opened is None:
            self._opened = self._open(self._kept)
        yield self._opened

    def _open(self, opened: ExitStack) -> Searched:
        settings = self._settings
        chosen, found = components.discovered(
            settings.store, settings.net, settings.chunks, self._pause
        )
        store = components.make_store(
            chosen,
            settings.net,
            settings.embedding,
            self._embedder,
            site=settings.confluence.cloud_id,
            writes=False,
            found=found,
            pause=self._pause,
        )
        opened.callback(store.close)
        place = place_of(settings, chosen.collection, self._remembered_id)
        return opened.enter_context(searched_mirror(store, place))


OPERATORS_VIEW = (
    "This is the operator's view: it shows all that is stored, whoever may read it in Confluence."
)


def mark_view(answer: Answer, settings: Settings) -> Answer:
    """An answer that no account asked for says so, where accounts can ask."""
    return replace(answer, note=OPERATORS_VIEW) if settings.scope.access else answer


def require_access(settings: Settings) -> None:
    """Raise ``WrongSettings`` where nothing is recorded of who may read what."""
    if not settings.scope.access:
        raise WrongSettings(
            "Nothing is recorded of who may read what, so nothing is shown to an account.",
            hint="Set ACCESS=true, and run a sync.",
        )


def place_of(settings: Settings, collection: str, remembered_id: str) -> Place:
    """Where the mirror of these settings is."""
    return Place(
        settings.confluence.cloud_id,
        collection,
        settings.state.url.reveal(),
        settings.state.folder,
        settings.net.request_timeout,
        remembered_id,
    )


def stored_page(mirror: Searched, page_id: str) -> list[TextRow]:
    """The chunks of a page in order: from the text index; where there is none from the store, which
    may take as long as reading all of it."""
    record = mirror.record
    if record is None:
        return []
    if rows := record.texts.of_pages([page_id]).get(page_id):
        return rows
    pages, chunks = record.pages([page_id]), record.chunks_of([page_id])[page_id]
    refs = [row.stored() for row in chunks if row.state == "there"]
    if not refs or page_id not in pages:
        return []
    found = mirror.store.fetch_chunks(mirror.collection, refs, about=pages[page_id].title)
    rows = [stored_row(chunk.id, chunk.text, chunk.metadata) for chunk in found]
    return sorted(rows, key=lambda row: row.position)
