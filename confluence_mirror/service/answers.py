"""Questions to several mirrors at once, with one embedder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluence_mirror.chunking import Tokenizer, load_tokenizer
from confluence_mirror.confluence.accounts import Accounts
from confluence_mirror.embedding.base import Embedder
from confluence_mirror.errors import StoreUnavailable, SyncError, WrongSettings
from confluence_mirror.model import Unembedded
from confluence_mirror.runs import components
from confluence_mirror.runs.session import COUNTED_IN, place_of, require_access
from confluence_mirror.search import Question
from confluence_mirror.search.callers import Callers
from confluence_mirror.search.place import searched_mirror
from confluence_mirror.search.question import SearchResult
from confluence_mirror.search.searcher import Searcher
from confluence_mirror.service.settings import load_engine
from confluence_mirror.settings import Settings

PATIENCE_S = 3.0
"""Seconds that a store or an embedder may let somebody wait between tries."""


@dataclass(frozen=True, slots=True)
class Place:
    """A mirror that is asked."""

    mirror_id: str
    folder_id: str
    variables: Mapping[str, str]
    """The engine's settings of this mirror."""


@dataclass(frozen=True, slots=True)
class FolderResult:
    """A result with the folder that it is from."""

    folder_id: str
    result: SearchResult


class _OneQuestion:
    """An embedder that embeds a question once, however many mirrors are asked."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._last: tuple[str, list[float] | Unembedded] | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._embedder, name)

    def __call__(self, texts: Sequence[str]) -> Sequence[list[float] | Unembedded]:
        return self._embedder(texts)

    def embed_question(self, text: str) -> list[float] | Unembedded:
        """See ``Embedder``."""
        if self._last is None or self._last[0] != text:
            self._last = (text, self._embedder.embed_question(text))
        return self._last[1]


class Answers:
    """Answers from any thread, one question at a time: the model is one."""

    def __init__(self, engine: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None
        self._tokenizer: Tokenizer | None = None
        self._callers: dict[str, Callers] = {}

    def ask(
        self, places: Sequence[Place], question: Question, *, as_user: str | None
    ) -> list[FolderResult]:
        """The results of all of these mirrors, best first: merged by their ranks. Raises
        ``StoreUnavailable``, and ``WrongSettings`` where an account asks and nothing is recorded of
        readers."""
        with self._lock:
            ranked: list[tuple[int, float, FolderResult]] = []
            for place in places:
                found = self._ask_one(place, question, as_user)
                ranked += [
                    (rank, -each.score, FolderResult(place.folder_id, each))
                    for rank, each in enumerate(found)
                ]
        ranked.sort(key=lambda each: each[:2])
        return [each for _, _, each in ranked[: question.limit]]

    def close(self) -> None:
        """Let go of the model."""
        with self._lock:
            if self._embedder is not None:
                self._embedder.close()

    # -- under the lock

    def _ask_one(
        self, place: Place, question: Question, as_user: str | None
    ) -> Sequence[SearchResult]:
        settings = load_engine(place.variables, Path("/"))
        pause = self._patience()
        chosen, found = components.discovered(settings.store, settings.net, settings.chunks, pause)
        store = components.make_store(
            chosen,
            settings.net,
            settings.embedding,
            self._opened_embedder(settings),
            site=settings.confluence.cloud_id,
            writes=False,
            found=found,
            pause=pause,
        )
        try:
            where = place_of(settings, chosen.collection, "")
            with searched_mirror(store, where) as mirror:
                if as_user is not None:
                    callers = self._known_callers(place, settings)
                    answer = callers.answer(mirror, self._counter(), question, as_user)
                else:
                    answer = Searcher(mirror, self._counter()).answer(question)
                return answer.results
        except WrongSettings as error:
            if _is_not_there_yet(error):
                return ()
            raise
        finally:
            store.close()

    def _patience(self) -> Callable[[float], None]:
        until = self._clock() + PATIENCE_S

        def pause(seconds: float) -> None:
            if self._clock() + seconds > until:
                raise StoreUnavailable("The store does not answer in time.")
            time.sleep(seconds)

        return pause

    def _opened_embedder(self, settings: Settings) -> Embedder | None:
        if self._embedder is None and settings.store.takes_vectors:
            made = components.make_embedder(settings.embedding, settings.net)
            self._embedder = _OneQuestion(made)  # type: ignore[assignment]
        return self._embedder

    def _counter(self) -> Tokenizer:
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(COUNTED_IN)
        return self._tokenizer

    def _known_callers(self, place: Place, settings: Settings) -> Callers:
        require_access(settings)
        if place.mirror_id not in self._callers:
            gateway = components.make_gateway(settings.confluence, settings.net, budget_s=20)
            self._callers[place.mirror_id] = Callers(Accounts(gateway))
        return self._callers[place.mirror_id]


def _is_not_there_yet(error: SyncError) -> bool:
    """A mirror whose first run has not begun holds nothing."""
    return "There is no collection" in Exception.__str__(error)
