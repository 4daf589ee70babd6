"""Every variable, once: what reads it, what it means, what it is when it is not set.

``.env.example``, the table of the README and the loader all come from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from confluence_mirror.settings import values as v

GROUPS = {
    "confluence": "Confluence: the site and the credential",
    "scope": (
        "Scope: what is mirrored (nothing set: every space that the credential can see, personal"
        " ones excepted)"
    ),
    "store": "Store: where chunks go",
    "embedding": "Embedding: only for stores that take vectors (embedded, Chroma, pgvector)",
    "chunks": "Chunks",
    "state": "State: what was written, and how far was read",
    "run": "The run",
    "output": "Output",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """A setting. Its field in ``Settings`` has the same name in lower case."""

    name: str
    group: str
    meaning: str
    parse: v.Parser
    default: str = ""
    """As one would write it; empty: none."""
    example: str = ""
    """A value that is right; the default where empty."""
    shown: str = ""
    """What the documents say in place of the default, where that follows from another variable."""
    unset: Any = None
    """The value where neither a default nor anything else is given."""
    secret: bool = False
    steers: bool = False
    """Sets scope, store or state: a near miss of its name must not pass with a warning."""
    mistaken: tuple[str, ...] = ()
    """Names that people write for it and that are too far off to be found as a near miss."""


_CONFLUENCE = (
    Variable(
        "CONF_CLOUD_ID",
        "confluence",
        "the site, by its cloud id; `https://SITE.atlassian.net/_edge/tenant_info` shows it",
        v.cloud_id,
        shown="required",
        example="11111111-2222-3333-4444-555555555555",
    ),
    Variable(
        "CONF_USER",
        "confluence",
        "e-mail address of the account, or of the service account",
        v.user,
        shown="required",
        example="bot@serviceaccount.atlassian.com",
    ),
    Variable(
        "CONF_API_TOKEN",
        "confluence",
        "API token of that account (scoped ones and those of service accounts too)",
        v.credential,
        shown="required",
        example="ATSTT3xFf…",
        secret=True,
        mistaken=("CONFLUENCE_API_TOKEN", "CONF_TOKEN"),
    ),
    Variable(
        "CONF_API_TOKEN_FILE",
        "confluence",
        "a file that holds the token, instead of `CONF_API_TOKEN`: a mounted secret",
        v.path,
        example="/run/secrets/confluence-token",
    ),
    Variable(
        "CONF_GATEWAY_URL",
        "confluence",
        "origin of the API gateway; https unless the host is loopback",
        v.gateway,
        default="https://api.atlassian.com",
    ),
    Variable(
        "BODY_FORMAT",
        "confluence",
        "`storage`, or `export_view` for sites whose content lives in rendered app macros (one"
        " request per page)",
        v.one_of("storage", "export_view"),
        default="storage",
    ),
    Variable("CONCURRENCY", "confluence", "requests in flight", v.whole(1, 64), default="4"),
    Variable(
        "REQUEST_TIMEOUT",
        "confluence",
        "seconds that one request may take",
        v.decimal(0.1, 3600),
        default="30",
    ),
    Variable(
        "CA_BUNDLE",
        "confluence",
        "PEM file of a private CA, for every HTTPS client in the program; missing or empty: the"
        " system's CAs",
        v.path,
        shown="`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE`, else the system's",
        example="/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ),
)

_SCOPE = (
    Variable(
        "SPACE_NAME",
        "scope",
        "a space by name",
        v.text,
        example='"Known Issues"',
        steers=True,
        mistaken=("CONF_SPACE_NAME", "CONFLUENCE_SPACE_NAME"),
    ),
    Variable(
        "FILTER_SPACE_KEYS",
        "scope",
        "spaces by key, separated by commas; adds to `SPACE_NAME`",
        v.space_keys,
        example="DOCS,HR",
        unset=(),
        steers=True,
        mistaken=(
            "SPACE_KEY",
            "SPACE_KEYS",
            "CONF_SPACE_KEY",
            "CONF_SPACE_KEYS",
            "CONFLUENCE_SPACE_KEY",
        ),
    ),
    Variable(
        "FILTER_FOLDER_ID",
        "scope",
        "narrows to what lies below this page or folder, to any depth (and the page itself)",
        v.content_id,
        example="1234567",
        steers=True,
        mistaken=("FOLDER_ID", "FILTER_PAGE_ID"),
    ),
    Variable(
        "LABELS",
        "scope",
        "narrows to pages that bear any of these labels, separated by commas; one that no page"
        " bears is refused (78) until the first run has ended well",
        v.labels,
        example="runbook,known-issue",
        unset=(),
        steers=True,
        mistaken=("FILTER_LABELS", "FILTER_LABEL"),
    ),
    Variable(
        "LABEL_METADATA",
        "scope",
        "`false`: chunks do not carry their page's labels, and a night asks Confluence for half as"
        " much. For the largest sites; `LABELS` needs them in any case",
        v.flag,
        default="true",
    ),
    Variable(
        "SINCE_HOURS",
        "scope",
        "least lookback; `0`: everything. A scope without a finished run is read whole, whatever"
        " this says",
        v.whole(0, 87600),
        default="24",
    ),
    Variable(
        "RECONCILE_HOURS",
        "scope",
        "how often the whole scope is compared with the manifest; `0`: in every run. For jobs that"
        " run hourly: what was deleted or hidden answers until then",
        v.whole(0, 8760),
        default="0",
    ),
)

_STORE = (
    Variable(
        "STORE",
        "store",
        "which store, where more than one is configured: `vector-api`, `llama`, `chroma`,"
        " `pgvector`, `embedded`",
        v.one_of("vector-api", "llama", "chroma", "pgvector", "embedded"),
        shown=(
            "the Vector API if set, else the one that is, else `embedded` (refused in a container)"
        ),
        example="vector-api",
        steers=True,
    ),
    Variable(
        "VECTOR_API_BASE_URL",
        "store",
        "address of the Vector API",
        v.http_url,
        example="http://vector-api.vectors.svc:8000",
        steers=True,
        mistaken=("VECTOR_API_URL", "VECTOR_BASE_URL"),
    ),
    Variable(
        "VECTOR_API_TOKEN",
        "store",
        "token of the Vector API",
        v.credential,
        example="…",
        secret=True,
    ),
    Variable(
        "VECTOR_API_VARIANT",
        "store",
        "its variant: `dash` or `underscore`",
        v.one_of("dash", "underscore"),
        shown="discovered",
        example="underscore",
    ),
    Variable(
        "LLAMA_BASE_URL",
        "store",
        "address of Llama Stack",
        v.http_url,
        example="http://llama-stack.llama.svc:8321",
        steers=True,
        mistaken=("LLAMA_STACK_URL", "LLAMA_STACK_BASE_URL", "LLAMA_URL"),
    ),
    Variable(
        "LLAMA_API_KEY", "store", "key of Llama Stack", v.credential, example="…", secret=True
    ),
    Variable(
        "VECTOR_DB_ID",
        "store",
        "the collection on Llama Stack, by its name or id there",
        v.collection,
        shown="`COLLECTION_ID`",
        example="conf-known-issues",
        steers=True,
    ),
    Variable(
        "CHROMA_URL",
        "store",
        "address of Chroma as a server",
        v.http_url,
        example="http://chroma.vectors.svc:8000",
        steers=True,
        mistaken=("CHROMA_BASE_URL", "CHROMADB_URL"),
    ),
    Variable("CHROMA_TOKEN", "store", "token of Chroma", v.credential, example="…", secret=True),
    Variable(
        "CHROMA_TENANT", "store", "tenant in Chroma", v.text, default="default_tenant", steers=True
    ),
    Variable(
        "CHROMA_DATABASE",
        "store",
        "database in Chroma",
        v.text,
        default="default_database",
        steers=True,
    ),
    Variable(
        "PGVECTOR_URL",
        "store",
        "PostgreSQL with pgvector: a connection URL",
        v.postgres,
        example="postgresql://sync:PASSWORD@db.vectors.svc/vectors",
        secret=True,
        steers=True,
    ),
    Variable(
        "STORE_PATH",
        "store",
        "folder of the embedded store",
        v.path,
        shown="`<STATE_DIR>/store`",
        example="/app/store",
        steers=True,
    ),
    Variable(
        "COLLECTION_ID",
        "store",
        "the collection",
        v.collection,
        default="confluence",
        steers=True,
        mistaken=("COLLECTION_NAME", "COLLECTION"),
    ),
    Variable("BATCH_SIZE", "store", "chunks per write", v.whole(1, 5000), default="100"),
    Variable(
        "WRITE_MODE",
        "store",
        "`auto`, `upsert`, `rotate` or `append`: what is done on a store that cannot replace or"
        " delete",
        v.one_of("auto", "upsert", "rotate", "append"),
        default="auto",
        steers=True,
    ),
    Variable(
        "KEEP_COLLECTIONS",
        "store",
        "how many collections a rotation leaves, the new one included",
        v.whole(1, 1000),
        default="2",
    ),
)

_EMBEDDING = (
    Variable(
        "EMBEDDING_MODEL_ID",
        "embedding",
        "the embedding model, by the store's or server's own name for it",
        v.text,
        default="all-MiniLM-L6-v2",
        mistaken=("EMBEDDING_MODEL",),
    ),
    Variable(
        "EMBEDDING_MODEL_PATH",
        "embedding",
        "folder with the local model's files",
        v.path,
        shown="as installed",
        example="/opt/models/all-MiniLM-L6-v2",
    ),
    Variable(
        "EMBEDDING_BASE_URL",
        "embedding",
        "an OpenAI-compatible server that embeds, in place of the local model",
        v.http_url,
        example="http://ollama.models.svc:11434/v1",
    ),
    Variable(
        "EMBEDDING_API_KEY",
        "embedding",
        "key of that server",
        v.credential,
        example="…",
        secret=True,
    ),
)

_CHUNKS = (
    Variable(
        "CHUNK_TOKENS",
        "chunks",
        "maximum tokens per chunk, 16 to 8192; `auto`: as many as the embedding model can see",
        v.chunk_tokens,
        default="1000",
        mistaken=("CHUNK_SIZE",),
    ),
    Variable(
        "CHUNK_OVERLAP",
        "chunks",
        "tokens that neighbours share; less than `CHUNK_TOKENS`",
        v.whole(0, 8191),
        default="180",
    ),
    Variable(
        "TOKENIZER",
        "chunks",
        "what counts tokens: a tiktoken encoding, or `hf:PATH` of a model's own `tokenizer.json`",
        v.tokenizer,
        default="cl100k_base",
    ),
)

_STATE = (
    Variable(
        "STATE_DIR", "state", "folder where state is kept", v.path, default="./data", steers=True
    ),
    Variable(
        "STATE_URL",
        "state",
        "the manifest: `sqlite:///PATH` or `postgresql://…`",
        v.state_url,
        shown="`sqlite:///<STATE_DIR>/manifest.db`",
        example="postgresql://sync:PASSWORD@db.vectors.svc/state",
        secret=True,
        steers=True,
    ),
    Variable(
        "LOCK_WAIT",
        "state",
        "seconds to wait for another run of the same mirror, then 75",
        v.decimal(0, 86400),
        default="60",
    ),
)

_RUN = (
    Variable(
        "MAX_DELETE_RATIO",
        "run",
        "a run that would remove more than this part of the pages (and more than 20) is refused",
        v.decimal(0, 1),
        default="0.2",
    ),
    Variable(
        "ALLOW_MASS_DELETE",
        "run",
        "the hash that such a refusal printed: allows this very set of removals, and no other",
        v.digest,
        example="9f86d081884c",
    ),
    Variable(
        "STRICT", "run", "`true`: quarantined pages end a run with 75 too", v.flag, default="false"
    ),
    Variable(
        "RUN_BUDGET_MINUTES",
        "run",
        "time for one run; spent: what is done is kept, and 75. `0`: no limit",
        v.decimal(0, 10080),
        default="0",
    ),
    Variable(
        "TEST_LIMIT",
        "run",
        "pages that the connectivity check lists (`test_confluence.py`)",
        v.whole(1, 250),
        default="10",
    ),
)

_OUTPUT = (
    Variable(
        "RUN_REPORT", "output", "file for the JSON report", v.path, example="/app/report.json"
    ),
    Variable("LOG_FORMAT", "output", "`text` or `json`", v.one_of("text", "json"), default="text"),
    Variable(
        "LOG_LEVEL",
        "output",
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
        v.one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
    ),
    Variable(
        "METRICS_FILE",
        "output",
        "file for metrics, in the Prometheus text format",
        v.path,
        example="/app/confluence_mirror.prom",
    ),
    Variable(
        "PUSHGATEWAY_URL",
        "output",
        "a Prometheus Pushgateway (extra `[metrics]`)",
        v.http_url,
        example="http://pushgateway.monitoring.svc:9091",
    ),
)

VARIABLES: tuple[Variable, ...] = (
    *_CONFLUENCE,
    *_SCOPE,
    *_STORE,
    *_EMBEDDING,
    *_CHUNKS,
    *_STATE,
    *_RUN,
    *_OUTPUT,
)
BY_NAME = {variable.name: variable for variable in VARIABLES}
