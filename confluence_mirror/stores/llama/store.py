"""Llama Stack 0.2 to 0.7 and OGX 1.x as a store: one file a chunk, attached to a vector store.

A file is the only thing that every version of these servers removes exactly, so a file is as small
as what is removed: a chunk. The server computes the embeddings. What the servers do that they
should not, and what stands against it, is in ``docs/llama-stack.md``.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from confluence_mirror.addresses import redact_url, server_name
from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.model import EVERYTHING, Chunk, Filter, StoredRef
from confluence_mirror.net.answers import parse_number
from confluence_mirror.net.session import require_address
from confluence_mirror.stores.base import (
    Capabilities,
    Collection,
    Hit,
    Memory,
    StoredRow,
    WriteResult,
)
from confluence_mirror.stores.discover import Discovered, EmbeddingModel, discover_by
from confluence_mirror.stores.family import family_of
from confluence_mirror.stores.http import Api
from confluence_mirror.stores.llama import MAX_TEXT_TOKENS, names
from confluence_mirror.stores.llama.answers import Json, StoreRow, hit_text, one_line, sentence
from confluence_mirror.stores.llama.api import LlamaApi
from confluence_mirror.stores.llama.files import StoreFiles
from confluence_mirror.stores.llama.leftovers import leftovers
from confluence_mirror.stores.llama.listing import listed_rows
from confluence_mirror.stores.llama.models import named_model, require_model
from confluence_mirror.stores.llama.wire import ClientWire, LostAnswerError, Wire
from confluence_mirror.stores.rows import NOT_UNICODE, is_unicode, matching
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

WORKERS = 4
WORKERS_OGX = 8
"""OGX takes a second for each file, most of it waiting."""
MOST_HITS = 50
LATE_SECONDS = 5.0
"""How long an attach that nobody waits for any more may take to appear: up to two seconds were
seen."""
PARALLEL = ("sqlite-vec", "sqlite_vec")
"""Vector providers that keep every chunk when files are attached in parallel. faiss loses confirmed
ones, and of the others nothing is known."""


class LlamaStore:
    """A Llama Stack or OGX server. ``base_url`` is its origin (and path, behind a proxy); ``/v1``
    at its end is taken off."""

    kind = "llama"

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        embedding_model: str,
        timeout: float,
        ca_bundle: str | None = None,
        workers: int | None = None,
        provider_id: str | None = None,
        variables: tuple[str, str] = ("LLAMA_BASE_URL", "LLAMA_API_KEY"),
        site: str = "",
        late_seconds: float = LATE_SECONDS,
        wire: Wire | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``timeout`` in seconds a request; ``workers`` attaches at once (never more than one on
        faiss); ``provider_id`` names the vector provider for new stores; ``variables`` hold address
        and key, for what is said to the operator; ``site`` is the site whose leftover files are
        removed; ``wire`` replaces the client.

        Raises ``WrongSettings`` where the client is not installed.
        """
        parts = require_address(base_url, variables[0])
        path = re.sub(r"(/v1/openai)?/v1$", "", parts.path.rstrip("/"))
        self.location = redact_url(parts._replace(path=path))
        self.place = server_name(self.location)
        self._base_url, self._api_key, self._timeout, self._ca_bundle = (
            base_url,
            api_key,
            timeout,
            ca_bundle or "",
        )
        self._sleep = sleep
        self._embedding_model = embedding_model
        self._workers = workers
        self._provider_id = provider_id
        self._found = Discovered("llama-stack")
        self._can = Capabilities(replaces=True, deletes=True, lists=True)
        self._site = site
        self._opened: dict[str, StoreFiles] = {}
        self._api = LlamaApi(
            wire
            or ClientWire(
                self.location,
                api_key=api_key,
                timeout=timeout,
                ca_bundle=ca_bundle,
                variable=variables[0],
                waiting=lambda: sleep(0),
            ),
            location=self.location,
            variables=variables,
            late_seconds=late_seconds,
            sleep=sleep,
        )

    @property
    def broken_up(self) -> int:
        """Special tokens (``<|endoftext|>`` …) that were broken up in the texts written so far, for
        the report."""
        return sum(files.broken_up for files in self._opened.values())

    # Finding out

    def connect(self) -> Capabilities:
        """See ``Store.connect``."""
        reader = Api(
            self._base_url,
            self._api_key or "",
            timeout=self._timeout,
            ca_bundle=self._ca_bundle,
            variable=self._api.variables[0],
            sleep=self._sleep,
        )
        try:
            self._found = discover_by(reader, llama=True, sleep=self._sleep)
        finally:
            reader.close()
        if not self._found.prefix:
            raise WrongSettings(
                f"{self.location} is not a Llama Stack with vector stores and files"
                f" ({self._found.describe()}); nothing was done.",
                hint="Set VECTOR_API_BASE_URL to it instead of LLAMA_BASE_URL.",
            )
        log.info("%s: %s", self.location, self._found.describe())
        self._api.prefix = self._found.prefix
        limits = [f"a chunk may have {MAX_TEXT_TOKENS:,} tokens at most"]
        if self._is_ogx():
            limits.append("this server cleans white space: code in chunks loses its indentation")
        self._can = Capabilities(
            replaces=True,
            deletes=True,
            lists=True,
            core_metadata=True,
            proves_refusals=True,
            fresh_id_for_name=True,
            dies_at_restart=self._dies_at_restart(),
            max_text_tokens=MAX_TEXT_TOKENS,
            limits=tuple(limits),
        )
        return self._can

    def learn_capabilities(self, memory: Memory, *, tries: bool) -> Capabilities:
        """See ``Store.learn_capabilities``. That it is a Llama Stack is remembered: a bad moment
        must not make it something else."""
        if tries:
            memory.record_known(family_of(self.place), self._found.family)
        return self._can

    def _is_ogx(self) -> bool:
        return self._found.family == "ogx"

    def _dies_at_restart(self) -> bool:
        """0.2 with sqlite-vec does."""
        provider = self._provider_id or next(iter(self._found.providers), "")
        return self._found.version.startswith("0.2.") and provider in ("", *PARALLEL)

    def _model(self) -> EmbeddingModel:
        return named_model(self._found.models, self._embedding_model, self.location)

    # Collections

    def find_collection(self, name: str) -> Collection | None:
        """See ``Store.find_collection``. A name that several stores have is ``WrongSettings``; an
        id never is ambiguous."""
        found = self._named(name)
        if not found:
            return None
        if len(found) > 1:
            which = "; ".join(row.describe() for row in found)
            raise WrongSettings(
                f"{counted(len(found), 'vector store')} are named {name}: {which}."
                " Nothing was written to them.",
                hint="Set VECTOR_DB_ID to the id of the one that is meant, and delete the others.",
            )
        row = found[0]
        require_model(self._api, row, self._model())
        return self._collection(row)

    def namesakes(self, name: str) -> list[tuple[Collection, str]]:
        """Every store of this name, or the one with this id, newest last, each with a description:
        id, files, date."""
        return [(self._collection(row), row.describe()) for row in self._named(name)]

    def _named(self, name: str) -> list[StoreRow]:
        """An id means one store, whatever the names of others are."""
        rows = list(self._api.stores())
        return [row for row in rows if row.id == name] or [row for row in rows if row.name == name]

    def _collection(self, row: StoreRow) -> Collection:
        if row.id not in self._opened:
            shifts = row.provider not in PARALLEL
            workers = self._workers or (WORKERS_OGX if self._is_ogx() else WORKERS)
            self._opened[row.id] = StoreFiles(self._api, row.id, workers=workers, shifts=shifts)
        return Collection(
            row.id, row.name, row.embedding_model, made_by_us=row.owner == names.PREFIX
        )

    def create_collection(self, name: str) -> Collection:
        """See ``Store.create_collection``."""
        model = self._model()
        body: Json = {
            "name": name,
            "embedding_model": model.id,
            "metadata": {"owner": names.PREFIX},
        }
        if model.dimension:
            body["embedding_dimension"] = model.dimension
        if self._provider_id:
            body["provider_id"] = self._provider_id
        before = {row.id for row in self._api.stores()}
        try:
            answer = self._api.create_store(body)
        except LostAnswerError as lost:
            new = [row for row in self._api.stores() if row.name == name and row.id not in before]
            if not new:
                raise self._api.gone(lost) from lost
            return self._collection(new[-1])
        if answer.status != 200:
            raise WrongSettings(
                f"Llama Stack at {self.location} does not make a vector store with model"
                f" {model.id}{f' and provider {self._provider_id}' if self._provider_id else ''}:"
                f" {sentence(answer.body)}.",
                hint="Its log says why; is its vector_io provider set up?",
            )
        made = self._api.store(str(self._api.entity(answer, "the creation of a store")["id"]))
        if made is None:
            raise StoreUnavailable(
                f"Llama Stack at {self.location} does not know the store that it has just made."
            )
        log.info("vector store %s made at %s", name, self.location)
        return self._collection(made)

    def drop_collection(self, collection: Collection) -> None:
        """See ``Store.drop_collection``. The files go first: while the store is listed, a broken
        off removal can be repeated."""
        files = self._files(collection)
        files.load()
        mine = [copy.file_id for held in files.copies.values() for copy in held]
        files.each(self._api.delete_file, [*mine, *files.markers])
        self._api.drop_store(collection.id)
        del self._opened[collection.id]

    def _files(self, collection: Collection) -> StoreFiles:
        if collection.id not in self._opened:
            row = self._api.store(collection.id)
            self._collection(row or StoreRow(collection.id, collection.name, 0, 0, ""))
        return self._opened[collection.id]

    # Chunks

    def write_chunks(
        self, collection: Collection, chunks: Sequence[Chunk], replacing: Mapping[str, str]
    ) -> WriteResult:
        """See ``Store.write_chunks``. All new files of a call are complete before the first old one
        goes."""
        files = self._files(collection)
        rejected = {chunk.id: NOT_UNICODE for chunk in chunks if not is_unicode(chunk)}
        fitting = {chunk.id: chunk for chunk in chunks if chunk.id not in rejected}
        puts = files.put(list(fitting.values()))
        rejected |= {put.chunk.id: one_line(put.failure) for put in puts if put.failure}
        written = {put.chunk.id: put.file_id for put in puts if put.file_id}
        files.discard(
            {chunk_id: [replacing.get(chunk_id, "")] for chunk_id in written}, but=written.values()
        )
        return WriteResult(written, rejected)

    def update_metadata(self, collection: Collection, chunks: Sequence[Chunk]) -> None:
        """Not possible: a changed row of a file is not what searches show. Write the chunks
        again."""
        raise WrongSettings(
            f"Llama Stack at {self.location} shows changed metadata only on a new file."
        )

    def remove_chunks(self, collection: Collection, refs: Sequence[StoredRef]) -> None:
        """See ``Store.remove_chunks``. Every copy of a chunk goes, not only the one that ``ref``
        names."""
        self._files(collection).discard({ref.chunk_id: [ref.ref] for ref in refs})

    def settle_writes(
        self, collection: Collection, in_doubt: Sequence[StoredRef]
    ) -> Mapping[str, str | None]:
        """See ``Store.settle_writes``."""
        files = self._files(collection)
        files.load()
        return dict(files.settle(in_doubt))

    def holds_data(self, collection: Collection) -> bool:
        """See ``Store.holds_data``. On 0.2 with sqlite-vec every store is dead after a restart: it
        lists its files and answers nothing."""
        return bool(self._hits(collection, "a page of documentation", 1))

    def count_rows(self, collection: Collection) -> int | None:
        """See ``Store.count_rows``. Files whose indexing failed do not count, nor do our end
        markers."""
        row = self._api.store(collection.id)
        return row.files - len(self._files(collection).markers) if row else 0

    def list_rows(self, collection: Collection, *, texts: bool = True) -> Iterator[StoredRow]:
        """See ``Store.list_rows``. Of a dead store (see ``holds_data``) nothing is there, whatever
        it lists. A chunk with several copies is given once for each, without metadata hash."""
        files = self._files(collection)
        return listed_rows(self._api, files, lambda: self.holds_data(collection))

    def fetch_chunks(
        self, collection: Collection, refs: Sequence[StoredRef], *, about: str
    ) -> list[Chunk]:
        """See ``Store.fetch_chunks``: the files' own texts, and what they were attached with."""
        copies, chunks = self._files(collection).load(), []
        for ref in refs:
            held = [
                copy
                for copy in copies.get(ref.chunk_id, ())
                if copy.name.metadata_hash == ref.metadata_hash
            ]
            text = self._api.text(held[-1].file_id) if held else None
            row = self._api.row(collection.id, held[-1].file_id) if held else None
            metadata = names.hit_metadata(collection.id, row.attributes) if row else None
            if text is not None and metadata is not None:
                chunks.append(
                    Chunk(
                        ref.chunk_id,
                        ref.page_id,
                        names.chunk_text(text),
                        metadata,
                        ref.metadata_hash,
                    )
                )
        return chunks

    def search(
        self,
        collection: Collection,
        query: str,
        limit: int,
        where: Filter = EVERYTHING,
        pages: Sequence[str] | None = None,
    ) -> list[Hit]:
        """See ``Store.search``. Scores differ between the servers' providers. One answer is
        filtered."""
        return matching(self._hits(collection, query, limit), where, pages)

    def _hits(self, collection: Collection, query: str, limit: int) -> list[Hit]:
        """End markers are left out; up to two can be there. OGX answers no more than
        ``MOST_HITS``."""
        hits = []
        for found in self._api.search(collection.id, query, min(limit + 2, MOST_HITS)):
            metadata = names.hit_metadata(collection.id, found.get("attributes"))
            if metadata is not None:
                text = names.chunk_text(hit_text(found))
                hits.append(Hit(text, metadata, parse_number(found.get("score"))))
        return hits[:limit]

    def finish_writing(self, collection: Collection) -> None:
        """See ``Store.finish_writing``. What is left to do is to remove uploads that nothing has
        attached, and those of stores that are gone: a list of the stores, where such files were
        seen."""
        files = self._files(collection)
        files.clear_unattached()
        seen, files.elsewhere = files.elsewhere, []
        if not seen or not self._site:
            return
        stores = list(self._api.stores())
        if all(row.id != collection.id for row in stores):
            return  # a list without the store that was just filled says nothing of others
        if left := leftovers(seen, stores, self._site, time.time()):
            files.each(self._api.delete_file, left)
            log.info("removed: %s of vector stores that are gone", counted(len(left), "file"))

    def close(self) -> None:
        """See ``Store.close``."""
        for files in self._opened.values():
            files.sweep_late()
        self._api.wire.close()
