"""From settings to the parts of a run: which source, which store, which recipe."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from confluence_mirror import chunking
from confluence_mirror.chunking import ChunkSettings, Tokenizer
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.embedding import (
    SPECIALS,
    TOKENIZER_SHA256,
    DeferredEmbedder,
    Embedder,
    model_limit,
    openai_embedder,
)
from confluence_mirror.errors import WrongSettings
from confluence_mirror.mirror.documents import Recipe
from confluence_mirror.mirror.metadata import metadata_hash
from confluence_mirror.mirror.plan import PlanSettings
from confluence_mirror.mirror.ports import Learner
from confluence_mirror.mirror.run import Job
from confluence_mirror.mirror.scope import Wanted
from confluence_mirror.settings import Settings
from confluence_mirror.stores.base import Capabilities, Store
from confluence_mirror.stores.discover import Discovered, discover
from confluence_mirror.stores.llama.store import MAX_TEXT_TOKENS, LlamaStore

log = logging.getLogger(__name__)

_TAKES_VECTORS = frozenset({"embedded", "chroma", "pgvector"})
_AUTO_TOKENS = 1000

Pause: TypeAlias = Callable[[float], None]
"""Waits so many seconds, as before a next try; raises what ends the run."""


@dataclass(slots=True)
class Parts:
    """What one run works with. ``close`` lets go of all of it."""

    settings: Settings
    """With the store that is really there (``discovered``)."""
    gateway: Gateway
    source: ConfluenceSource
    store: Store
    embedder: Embedder | None

    @property
    def learners(self) -> tuple[Learner, ...]:
        """Those that find out by trying how much a server takes at once."""
        parts: tuple[object, ...] = (self.embedder, self.store)
        return tuple(part for part in parts if isinstance(part, Learner))

    def close(self) -> None:
        """Close connections; idempotent."""
        self.source.close()
        self.store.close()
        if self.embedder is not None:
            self.embedder.close()


def build(settings: Settings, *, writes: bool, pause: Pause = time.sleep) -> Parts:
    """Everything that a run needs. Asks nothing of Confluence yet.

    A run that only looks (``writes`` False) mends nothing in the store. ``pause`` is how embedder
    and store wait.
    """
    gateway = make_gateway(settings)
    embedder = make_embedder(settings, pause)
    settings, found = discovered(settings, pause)
    store = make_store(settings, embedder, writes=writes, found=found, pause=pause)
    return Parts(
        settings,
        gateway,
        ConfluenceSource(gateway, concurrency=settings.concurrency),
        store,
        embedder,
    )


def make_gateway(settings: Settings) -> Gateway:
    """The client of the Atlassian gateway."""
    return Gateway(
        settings.conf_gateway_url,
        settings.conf_cloud_id,
        settings.conf_user,
        settings.conf_api_token.reveal(),
        timeout=settings.request_timeout,
        concurrency=settings.concurrency,
        ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None,
        budget_s=settings.run_budget_minutes * 60 or None,
    )


def make_embedder(settings: Settings, pause: Pause = time.sleep) -> Embedder | None:
    """For stores that take vectors: the local model, or an OpenAI-compatible server."""
    if settings.store_kind not in _TAKES_VECTORS:
        return None
    if settings.embedding_base_url:
        key = settings.embedding_api_key
        return openai_embedder(
            settings.embedding_base_url,
            settings.embedding_model_id,
            api_key=key.reveal() if key else None,
            timeout=settings.request_timeout,
            ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None,
            sleep=pause,
        )
    return DeferredEmbedder(settings.embedding_model_id, settings.embedding_model_path)


def recipe(settings: Settings, embedder: Embedder | None) -> Callable[[Capabilities], Recipe]:
    """How documents are made, once the store has said what it can do."""
    chunks, tokenizer = _cut(settings, embedder)

    def for_store(can: Capabilities) -> Recipe:
        most = can.max_text_tokens
        fitting = _sized(settings, most) if most and most < chunks.tokens else chunks
        return Recipe(
            settings.conf_cloud_id,
            tokenizer,
            fitting,
            settings.body_format,
            core=can.core_metadata,
            exact=can.updates_metadata,
        )

    return for_store


def _cut(settings: Settings, embedder: Embedder | None) -> tuple[ChunkSettings, Tokenizer]:
    """Chunk size and counter: never more than the model sees where we embed, a warning where the
    store does."""
    limit = embedder.max_tokens if embedder else model_limit(settings.embedding_model_id)
    # Where the model's own tokenizer is not at hand, ours counts: word pieces are up to 1.3 times
    # as many.
    safe = limit * 3 // 4 if limit else None
    tokens = (safe or _AUTO_TOKENS) if settings.chunk_tokens == "auto" else settings.chunk_tokens
    wanted = _sized(settings, tokens)
    if isinstance(embedder, DeferredEmbedder) and limit:
        fitted = chunking.fitted(wanted, limit - SPECIALS)
        log.info("chunks: %d tokens of %s, which sees no more", fitted.tokens, embedder.model_id)
        return fitted, chunking.LaterTokenizer(embedder.tokenizer_file, TOKENIZER_SHA256)
    if safe and embedder and safe < wanted.tokens:
        log.info("chunks: %d tokens, so that %s sees all of them", safe, embedder.model_id)
        return _sized(settings, safe), chunking.tokenizer(settings.tokenizer)
    if safe and limit and limit < wanted.tokens:
        log.warning(
            "%s sees %d tokens of a text: of a chunk of %d the rest will not be found. Set"
            " CHUNK_TOKENS=%d, or auto",
            settings.embedding_model_id,
            limit,
            wanted.tokens,
            safe,
        )
    return wanted, chunking.tokenizer(settings.tokenizer)


def _sized(settings: Settings, tokens: int) -> ChunkSettings:
    """So many tokens a chunk; an overlap that was meant for larger ones shrinks in proportion."""
    meant = _AUTO_TOKENS if settings.chunk_tokens == "auto" else settings.chunk_tokens
    return ChunkSettings(tokens, settings.chunk_overlap * tokens // max(meant, tokens))


def discovered(settings: Settings, pause: Pause = time.sleep) -> tuple[Settings, Discovered | None]:
    """The settings with the store that is really there, and what was found out about a Vector API.

    A Llama Stack with files routes behind ``VECTOR_API_BASE_URL`` is used as one, and said so:
    ``VECTOR_DB_ID`` then names the collection. Raises ``WrongSettings`` where ``CHUNK_TOKENS`` does
    not fit it, and what ``discover`` raises.
    """
    url, token = settings.vector_api_base_url, settings.vector_api_token
    if settings.store_kind != "vector-api" or url is None:
        return settings, None
    found = discover(
        url,
        token.reveal() if token else "",
        timeout=settings.request_timeout,
        ca_bundle=str(settings.ca_bundle or ""),
        variant=settings.vector_api_variant,
        sleep=pause,
    )
    if found.family not in ("llama-stack", "ogx"):
        return settings, found
    if settings.chunk_tokens != "auto" and settings.chunk_tokens > MAX_TEXT_TOKENS:
        raise WrongSettings(
            f"VECTOR_API_BASE_URL is a Llama Stack, and CHUNK_TOKENS={settings.chunk_tokens} is"
            f" more than the {MAX_TEXT_TOKENS} that it keeps in one piece; nothing was read or"
            " written.",
            hint=f"Set CHUNK_TOKENS to {MAX_TEXT_TOKENS} or less, or to auto.",
        )
    settings = replace(settings, store_kind="llama", llama_base_url=url, llama_api_key=token)
    log.info(
        "VECTOR_API_BASE_URL is a Llama Stack with files: it is used as one, so the mirror is"
        " exact; collection %s",
        settings.collection,
    )
    return settings, found


def make_store(
    settings: Settings,
    embedder: Embedder | None,
    *,
    writes: bool,
    found: Discovered | None = None,
    pause: Pause = time.sleep,
) -> Store:
    """The store that is set; ``found``: what ``discovered`` found out. Imports are here, so that
    the base install needs none of the extras."""
    ca_bundle = str(settings.ca_bundle) if settings.ca_bundle else None
    if settings.store_kind == "vector-api":
        return _vector_api(settings, ca_bundle, found, pause)
    if settings.store_kind == "llama":
        return make_llama(settings, pause)
    assert embedder is not None
    # A server is asked for it only where a vector is needed: what only looks or removes needs no
    # embedder.
    dimension = (
        partial(getattr, embedder, "dimension")
        if settings.embedding_base_url
        else embedder.dimension
    )
    if settings.store_kind == "pgvector":
        from confluence_mirror.stores.pgvector.store import PgvectorStore

        assert settings.pgvector_url is not None
        return PgvectorStore(
            settings.pgvector_url.reveal(),
            embedder,
            dimension,
            embedder.model_id,
            timeout=settings.request_timeout,
            batch_size=settings.batch_size,
            sleep=pause,
        )
    if settings.store_kind == "chroma":
        from confluence_mirror.stores.chroma.store import ChromaStore

        assert settings.chroma_url is not None
        return ChromaStore(
            settings.chroma_url,
            embedder,
            dimension,
            embedder.model_id,
            token=settings.chroma_token.reveal() if settings.chroma_token else None,
            tenant=settings.chroma_tenant,
            database=settings.chroma_database,
            ca_bundle=ca_bundle,
            timeout=settings.request_timeout,
            batch_size=settings.batch_size,
            sleep=pause,
        )
    from confluence_mirror.stores.chroma.embedded import EmbeddedStore

    return EmbeddedStore(
        settings.store_path,
        embedder,
        dimension,
        embedder.model_id,
        batch_size=settings.batch_size,
        repair=writes,
    )


def _vector_api(
    settings: Settings, ca_bundle: str | None, found: Discovered | None, pause: Pause
) -> Store:
    from confluence_mirror.stores.vector_api.store import VectorApiStore

    url, token = settings.vector_api_base_url, settings.vector_api_token
    assert url is not None
    return VectorApiStore(
        url,
        token=token.reveal() if token else None,
        variant=settings.vector_api_variant,
        embedding_model=settings.embedding_model_id,
        timeout=settings.request_timeout,
        ca_bundle=ca_bundle,
        batch_size=settings.batch_size,
        probe_prefix=f"{settings.collection}-probe",
        hash_metadata=lambda stored: metadata_hash(stored, exact=False),
        discovered=found,
        sleep=pause,
    )


def make_llama(settings: Settings, pause: Pause = time.sleep) -> LlamaStore:
    """Llama Stack, as it is set, or as it was discovered."""
    assert settings.llama_base_url is not None
    found = settings.llama_base_url == settings.vector_api_base_url
    return LlamaStore(
        settings.llama_base_url,
        api_key=settings.llama_api_key.reveal() if settings.llama_api_key else None,
        embedding_model=settings.embedding_model_id,
        timeout=settings.request_timeout,
        ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None,
        site=settings.conf_cloud_id,
        variables=(
            ("VECTOR_API_BASE_URL", "VECTOR_API_TOKEN")
            if found
            else ("LLAMA_BASE_URL", "LLAMA_API_KEY")
        ),
        sleep=pause,
    )


def job(
    settings: Settings,
    embedder: Embedder | None,
    *,
    full: bool,
    change_scope: bool,
    hint: str = "",
    learners: Sequence[Learner] = (),
) -> Job:
    """What the mirror is told. ``hint``: the collection's id as someone remembers it."""
    return Job(
        site=settings.conf_cloud_id,
        wanted=Wanted(
            settings.space_name or "",
            settings.filter_space_keys,
            settings.filter_folder_id or "",
            settings.labels,
        ),
        collection=settings.collection,
        state_url=settings.state_url.reveal(),
        state_dir=settings.state_dir,
        recipe=recipe(settings, embedder),
        plan=PlanSettings(
            since_hours=settings.since_hours,
            reconcile_hours=settings.reconcile_hours,
            max_delete_ratio=settings.max_delete_ratio,
            allow_mass_delete=settings.allow_mass_delete or "",
            full=full,
            again=full,
            concurrency=settings.concurrency,
            labels=settings.label_metadata,
        ),
        write_mode=settings.write_mode,
        change_scope=change_scope,
        strict=settings.strict,
        batch_size=settings.batch_size,
        lock_wait_s=settings.lock_wait,
        state_timeout_s=settings.request_timeout,
        keep_collections=settings.keep_collections,
        remembered_id=hint,
        learners=learners,
    )
