"""The settings of each store, and of what every store is told (see ``groups``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from confluence_mirror.settings import values as v
from confluence_mirror.settings.values import Secret
from confluence_mirror.settings.variables import group, variable

StoreKind: TypeAlias = Literal["vector-api", "llama", "chroma", "pgvector", "embedded"]
Variant: TypeAlias = Literal["dash", "underscore"]
WriteMode: TypeAlias = Literal["auto", "rotate", "append"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorApiSettings:
    """The Vector API."""

    base_url: str | None = variable(
        "VECTOR_API_BASE_URL",
        v.http_url,
        "address of the Vector API",
        example="http://vector-api.vectors.svc:8001",
        steers=True,
        mistaken=("VECTOR_API_URL", "VECTOR_BASE_URL"),
    )
    token: Secret | None = variable("VECTOR_API_TOKEN", v.credential, "token of the Vector API")
    variant: Variant | None = variable(
        "VECTOR_API_VARIANT",
        v.one_of(Variant),
        "its variant: `dash` or `underscore`",
        shown="discovered",
        example="underscore",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaSettings:
    """Llama Stack."""

    base_url: str | None = variable(
        "LLAMA_BASE_URL",
        v.http_url,
        "address of Llama Stack",
        example="http://llama-stack.llama.svc:8321",
        steers=True,
        mistaken=("LLAMA_STACK_URL", "LLAMA_STACK_BASE_URL", "LLAMA_URL"),
    )
    api_key: Secret | None = variable("LLAMA_API_KEY", v.credential, "key of Llama Stack")
    vector_db_id: str | None = variable(
        "VECTOR_DB_ID",
        v.collection,
        "the collection on Llama Stack, by its name or id there",
        shown="`COLLECTION_ID`",
        example="conf-known-issues",
        steers=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaSettings:
    """Chroma as a server."""

    url: str | None = variable(
        "CHROMA_URL",
        v.http_url,
        "address of Chroma as a server",
        example="http://chroma.vectors.svc:8000",
        steers=True,
        mistaken=("CHROMA_BASE_URL", "CHROMADB_URL"),
    )
    token: Secret | None = variable("CHROMA_TOKEN", v.credential, "token of Chroma")
    tenant: str = variable(
        "CHROMA_TENANT", v.text, "tenant in Chroma", default="default_tenant", steers=True
    )
    database: str = variable(
        "CHROMA_DATABASE", v.text, "database in Chroma", default="default_database", steers=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where chunks go."""

    asked: StoreKind | None = variable(
        "STORE",
        v.one_of(StoreKind),
        "which store, where more than one is configured: `vector-api`, `llama`, `chroma`,"
        " `pgvector`, `embedded`",
        shown=("the Vector API if set, else the one that is, else `embedded` (refused in a pod)"),
        example="vector-api",
        steers=True,
    )
    """As set; ``kind`` is the one in force."""
    vector_api: VectorApiSettings = group(VectorApiSettings)
    llama: LlamaSettings = group(LlamaSettings)
    chroma: ChromaSettings = group(ChromaSettings)
    pgvector_url: Secret | None = variable(
        "PGVECTOR_URL",
        v.postgres,
        "PostgreSQL with pgvector: a connection URL",
        example="postgresql://sync:PASSWORD@db.vectors.svc/vectors",
        steers=True,
    )
    path: Path = variable(
        "STORE_PATH",
        v.path,
        "folder of the embedded store",
        shown="`<STATE_DIR>/store`",
        example="/app/store",
        steers=True,
    )
    collection_id: str = variable(
        "COLLECTION_ID",
        v.collection,
        "the collection",
        default="confluence",
        steers=True,
        mistaken=("COLLECTION_NAME", "COLLECTION"),
    )
    """As set; ``collection`` is the one in force."""
    batch_size: int = variable("BATCH_SIZE", v.whole(1, 5000), "chunks per write", default="100")
    write_mode: WriteMode = variable(
        "WRITE_MODE",
        v.one_of(WriteMode, upsert="auto"),
        "`auto`, `rotate` or `append`: what is done on a store that cannot replace or delete",
        default="auto",
        steers=True,
    )
    keep_collections: int = variable(
        "KEEP_COLLECTIONS",
        v.whole(1, 1000),
        "how many collections a rotation leaves, the new one included",
        default="2",
    )
    kind: StoreKind
    """The store in force."""

    @property
    def takes_vectors(self) -> bool:
        """Whether we embed for it."""
        return self.kind in ("embedded", "chroma", "pgvector")

    @property
    def collection(self) -> str:
        """The collection's name: on Llama Stack ``VECTOR_DB_ID`` where set, else
        ``COLLECTION_ID``."""
        if self.kind == "llama" and self.llama.vector_db_id:
            return self.llama.vector_db_id
        return self.collection_id
