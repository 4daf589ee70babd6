"""From settings to the parts of a run: which source, which store, which recipe."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from confluence_mirror import chunking
from confluence_mirror.confluence.attachments import Attachments
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.embedding import (
    DeferredEmbedder,
    Embedder,
    FormedEmbedder,
    ServerEmbedder,
    ServerOptions,
    TextForm,
    text_form,
)
from confluence_mirror.errors import WrongSettings
from confluence_mirror.files import FileReader
from confluence_mirror.mirror.metadata import metadata_hash
from confluence_mirror.mirror.ports import LimitLearner
from confluence_mirror.settings import Secret, Settings
from confluence_mirror.settings.groups import (
    ChunkingSettings,
    ConfluenceSettings,
    EmbeddingSettings,
    NetSettings,
)
from confluence_mirror.settings.stores import StoreSettings
from confluence_mirror.settings.values import parse_headers
from confluence_mirror.stores.base import ChunkEmbedder, Store
from confluence_mirror.stores.discover import Discovered, discover
from confluence_mirror.stores.llama import MAX_TEXT_TOKENS

if TYPE_CHECKING:
    from confluence_mirror.stores.llama.store import LlamaStore

log = logging.getLogger(__name__)

SERVER_CONCURRENCY = 4
"""Requests to an embedding server in flight, where ``EMBEDDING_CONCURRENCY`` is not set."""

Pause: TypeAlias = Callable[[float], None]
"""Waits so many seconds, as before a next try; raises what ends the run."""


@dataclass(slots=True)
class Components:
    """What one run works with. ``close`` lets go of all of it."""

    gateway: Gateway
    source: ConfluenceSource
    store: Store
    collection: str
    """Its name, as the store that is really there wants it."""
    embedder: Embedder | None
    form: TextForm

    @property
    def chunk_embedder(self) -> ChunkEmbedder | None:
        """Embeds chunks for the store; None where the store embeds."""
        return FormedEmbedder(self.embedder, self.form) if self.embedder else None

    @property
    def learners(self) -> tuple[LimitLearner, ...]:
        """Those that find out by trying how much a server takes at once."""
        parts: tuple[object, ...] = (self.embedder, self.store)
        return tuple(part for part in parts if isinstance(part, LimitLearner))

    def close(self) -> None:
        """Close connections; idempotent."""
        self.source.close()
        self.store.close()
        if self.embedder is not None:
            self.embedder.close()


def build_components(settings: Settings, *, writes: bool, pause: Pause = time.sleep) -> Components:
    """Everything that a run needs. Asks nothing of Confluence yet.

    A run that only looks (``writes`` False) repairs nothing in the store. ``pause`` is how
    everything waits.
    """
    net = settings.net
    gateway = make_gateway(
        settings.confluence, net, budget_s=settings.run.budget_minutes * 60, pause=pause
    )
    embedder = (
        make_embedder(settings.embedding, net, pause) if settings.store.takes_vectors else None
    )
    chosen, found = discovered(settings.store, net, settings.chunks, pause)
    store = make_store(
        chosen,
        net,
        settings.embedding,
        embedder,
        site=settings.confluence.cloud_id,
        writes=writes,
        found=found,
        pause=pause,
    )
    source = make_source(gateway, settings, pause)
    form = form_of(settings.embedding)
    return Components(gateway, source, store, chosen.collection, embedder, form)


def make_source(gateway: Gateway, settings: Settings, pause: Pause) -> ConfluenceSource:
    """Confluence, with what reads files where they are wanted."""
    concurrency, scope = settings.confluence.concurrency, settings.scope
    children = {}
    if scope.attachments:
        reader = FileReader(scope.ocr_languages, partial(pause, 0))
        children["attachment"] = Attachments(
            gateway, reader, most_mb=scope.attachment_max_mb, concurrency=concurrency
        )
    return ConfluenceSource(gateway, concurrency=concurrency, children=children)


def make_gateway(
    confluence: ConfluenceSettings,
    net: NetSettings,
    *,
    budget_s: float = 0,
    pause: Pause = time.sleep,
) -> Gateway:
    """The client of the Atlassian gateway. ``budget_s``: seconds for the run; 0: no limit."""
    return Gateway(
        confluence.gateway_url,
        confluence.cloud_id,
        confluence.user,
        confluence.api_token.reveal(),
        timeout=net.request_timeout,
        concurrency=confluence.concurrency,
        ca_bundle=_text(net.ca_bundle),
        budget_s=budget_s or None,
        check=partial(pause, 0),
        sleep=pause,
    )


def form_of(embedding: EmbeddingSettings) -> TextForm:
    """The form in which we embed: as the model wants it, or as it is set."""
    return text_form(embedding.model_id, embedding.query_prefix, embedding.passage_prefix)


def shorten_question(text: str, tokens: int) -> str:
    """Its beginning, of so many tokens. The vocabulary is read only where a question is long."""
    return chunking.first_tokens(text, tokens, chunking.load_tokenizer(chunking.VENDORED))


def make_embedder(
    embedding: EmbeddingSettings, net: NetSettings, pause: Pause = time.sleep
) -> Embedder:
    """For stores that take vectors: the local model, or an OpenAI-compatible server."""
    if embedding.base_url:
        options = ServerOptions(
            api_key=_revealed(embedding.api_key),
            style=embedding.api_style,
            api_version=embedding.api_version,
            headers=parse_headers(embedding.headers.reveal()) if embedding.headers else {},
            timeout=embedding.timeout,
            patience=embedding.patience,
            concurrency=embedding.concurrency or SERVER_CONCURRENCY,
            batch=embedding.batch,
            ca_bundle=_text(net.ca_bundle),
        )
        return ServerEmbedder(
            embedding.base_url,
            embedding.model_id,
            options,
            sleep=pause,
            shorten=shorten_question,
        )
    return DeferredEmbedder(
        embedding.model_id,
        embedding.model_path,
        concurrency=embedding.concurrency or 1,
    )


def begin_to_open(embedder: Embedder | None) -> None:
    """Load the local model, where it is one, while the store is opened: an answer needs both."""
    if isinstance(embedder, DeferredEmbedder):
        embedder.begin_to_open()


def discovered(
    store: StoreSettings, net: NetSettings, chunks: ChunkingSettings, pause: Pause = time.sleep
) -> tuple[StoreSettings, Discovered | None]:
    """The store that is really there, and what was found out about a Vector API.

    A Llama Stack with files routes behind ``VECTOR_API_BASE_URL`` is used as one, and said so:
    ``VECTOR_DB_ID`` then names the collection. Raises ``WrongSettings`` where ``CHUNK_TOKENS`` does
    not fit it, and what ``discover`` raises.
    """
    set_as = store.vector_api
    if store.kind != "vector-api" or set_as.base_url is None:
        return store, None
    found = discover(
        set_as.base_url,
        _revealed(set_as.token) or "",
        timeout=net.request_timeout,
        ca_bundle=_text(net.ca_bundle) or "",
        variant=set_as.variant,
        sleep=pause,
    )
    if found.family not in ("llama-stack", "ogx"):
        return store, found
    if chunks.tokens != "auto" and chunks.tokens > MAX_TEXT_TOKENS:
        raise WrongSettings(
            f"VECTOR_API_BASE_URL is a Llama Stack, and CHUNK_TOKENS={chunks.tokens} is more than"
            f" the {MAX_TEXT_TOKENS} that it keeps in one piece; nothing was read or written.",
            hint=f"Set CHUNK_TOKENS to {MAX_TEXT_TOKENS} or less, or to auto.",
        )
    llama = replace(store.llama, base_url=set_as.base_url, api_key=set_as.token)
    store = replace(store, kind="llama", llama=llama)
    log.info(
        "VECTOR_API_BASE_URL is a Llama Stack with files: it is used as one, so the mirror is"
        " exact; collection %s",
        store.collection,
    )
    return store, found


def make_store(
    store: StoreSettings,
    net: NetSettings,
    embedding: EmbeddingSettings,
    embedder: Embedder | None,
    *,
    site: str,
    writes: bool,
    found: Discovered | None = None,
    pause: Pause = time.sleep,
) -> Store:
    """The store that is set; ``found``: what ``discovered`` found out. Imports are here, so that
    the base install needs none of the extras."""
    if store.kind == "vector-api":
        return _vector_api(store, net, embedding.model_id, found, pause)
    if store.kind == "llama":
        return make_llama(store, net, embedding.model_id, site, pause)
    assert embedder is not None
    formed = FormedEmbedder(embedder, form_of(embedding))
    # A server is asked for it only where a vector is needed: what only looks or removes needs no
    # embedder.
    dimension = (
        partial(getattr, embedder, "dimension") if embedding.base_url else embedder.dimension
    )
    if store.kind == "pgvector":
        from confluence_mirror.stores.pgvector.store import PgvectorStore

        assert store.pgvector_url is not None
        return PgvectorStore(
            store.pgvector_url.reveal(),
            formed,
            dimension,
            embedder.model_id,
            timeout=net.request_timeout,
            sleep=pause,
        )
    if store.kind == "chroma":
        from confluence_mirror.stores.chroma.store import ChromaStore

        assert store.chroma.url is not None
        return ChromaStore(
            store.chroma.url,
            formed,
            dimension,
            embedder.model_id,
            token=_revealed(store.chroma.token),
            tenant=store.chroma.tenant,
            database=store.chroma.database,
            ca_bundle=_text(net.ca_bundle),
            timeout=net.request_timeout,
            batch_size=store.batch_size,
            sleep=pause,
        )
    from confluence_mirror.stores.chroma.embedded import EmbeddedStore

    return EmbeddedStore(
        store.path,
        formed,
        dimension,
        embedder.model_id,
        batch_size=store.batch_size,
        writes=writes,
    )


def _vector_api(
    store: StoreSettings, net: NetSettings, model_id: str, found: Discovered | None, pause: Pause
) -> Store:
    from confluence_mirror.stores.vector_api.store import VectorApiStore

    assert store.vector_api.base_url is not None
    return VectorApiStore(
        store.vector_api.base_url,
        token=_revealed(store.vector_api.token),
        variant=store.vector_api.variant,
        embedding_model=model_id,
        timeout=net.request_timeout,
        ca_bundle=_text(net.ca_bundle),
        batch_size=store.batch_size,
        probe_prefix=f"{store.collection}-probe",
        hash_metadata=partial(metadata_hash, exact=False),
        discovered=found,
        sleep=pause,
    )


def make_llama(
    store: StoreSettings, net: NetSettings, model_id: str, site: str, pause: Pause = time.sleep
) -> LlamaStore:
    """Llama Stack, as it is set, or as it was discovered."""
    from confluence_mirror.stores.llama.store import LlamaStore

    assert store.llama.base_url is not None
    found = store.llama.base_url == store.vector_api.base_url
    return LlamaStore(
        store.llama.base_url,
        api_key=_revealed(store.llama.api_key),
        embedding_model=model_id,
        timeout=net.request_timeout,
        ca_bundle=_text(net.ca_bundle),
        site=site,
        variables=(
            ("VECTOR_API_BASE_URL", "VECTOR_API_TOKEN")
            if found
            else ("LLAMA_BASE_URL", "LLAMA_API_KEY")
        ),
        sleep=pause,
    )


def _revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
