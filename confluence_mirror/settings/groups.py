"""Every setting that is neither the scope's nor a store's, declared once, in the group that its
readers are given.

``.env.example``, the table of the README, the loader and ``--help`` come from these fields. None:
not set.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from confluence_mirror.model import BodyFormat, EmbeddingApi
from confluence_mirror.settings import values as v
from confluence_mirror.settings.values import Secret
from confluence_mirror.settings.variables import variable

LogFormat: TypeAlias = Literal["text", "json"]
LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfluenceSettings:
    """The site, and who asks it."""

    cloud_id: str = variable(
        "CONF_CLOUD_ID",
        v.cloud_id,
        "the site, by its cloud id; `https://SITE.atlassian.net/_edge/tenant_info` shows it",
        shown="required",
        example="11111111-2222-3333-4444-555555555555",
    )
    user: str = variable(
        "CONF_USER",
        v.user,
        "e-mail address of the account, or of the service account",
        shown="required",
        example="bot@serviceaccount.atlassian.com",
    )
    api_token: Secret = variable(
        "CONF_API_TOKEN",
        v.credential,
        "API token of that account (scoped ones and those of service accounts too)",
        shown="required",
        example="ATSTT3xFf…",
        mistaken=("CONFLUENCE_API_TOKEN", "CONF_TOKEN"),
    )
    """Wherever it came from: the variable or the file."""
    api_token_file: Path | None = variable(
        "CONF_API_TOKEN_FILE",
        v.path,
        "a file that holds the token, instead of `CONF_API_TOKEN`: a mounted secret",
        example="/run/secrets/confluence-token",
    )
    gateway_url: str = variable(
        "CONF_GATEWAY_URL",
        v.gateway,
        "origin of the API gateway; https unless the host is loopback",
        default="https://api.atlassian.com",
    )
    """An origin, without a slash at its end."""
    body_format: BodyFormat = variable(
        "BODY_FORMAT",
        v.one_of(BodyFormat),
        "`storage`, or `export_view` for sites whose content lives in rendered app macros (one"
        " request per page)",
        default="storage",
    )
    concurrency: int = variable("CONCURRENCY", v.whole(1, 64), "requests in flight", default="4")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSettings:
    """How every server is asked."""

    request_timeout: float = variable(
        "REQUEST_TIMEOUT", v.decimal(0.1, 3600), "seconds that one request may take", default="30"
    )
    ca_bundle: Path | None = variable(
        "CA_BUNDLE",
        v.path,
        "PEM file of a private CA, for every HTTPS client in the program; missing or empty: the"
        " system's CAs",
        shown="`REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, `SSL_CERT_FILE`, else the system's",
        example="/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    )
    """The file in force; None: the system's CAs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSettings:
    """What embeds, for the stores that take vectors."""

    model_id: str = variable(
        "EMBEDDING_MODEL_ID",
        v.text,
        "the embedding model, by the store's or server's own name for it",
        default="all-MiniLM-L6-v2",
        mistaken=("EMBEDDING_MODEL",),
    )
    model_path: Path | None = variable(
        "EMBEDDING_MODEL_PATH",
        v.path,
        "folder with the local model's files",
        shown="as installed",
        example="/opt/models/all-MiniLM-L6-v2",
    )
    base_url: str | None = variable(
        "EMBEDDING_BASE_URL",
        v.http_url,
        "an OpenAI-compatible server that embeds, in place of the local model",
        example="http://ollama.models.svc:11434/v1",
    )
    api_key: Secret | None = variable("EMBEDDING_API_KEY", v.credential, "key of that server")
    concurrency: int | None = variable(
        "EMBEDDING_CONCURRENCY",
        v.whole(1, 256),
        "requests to it in flight at a time; two per replica keep all of them busy",
        shown="`4`; the local model: `1`",
        example="16",
    )
    timeout: float = variable(
        "EMBEDDING_TIMEOUT",
        v.decimal(0.1, 86400),
        "seconds that one request may take; what takes longer is tried with fewer texts",
        default="60",
    )
    patience: float = variable(
        "EMBEDDING_PATIENCE",
        v.decimal(0, 86400),
        "seconds to wait for a server that is busy or loads its model; then the run ends with 69",
        default="600",
    )
    api_style: EmbeddingApi = variable(
        "EMBEDDING_API_STYLE",
        v.one_of(EmbeddingApi),
        "what the server speaks: `openai`, `azure` (`EMBEDDING_MODEL_ID` is the deployment),"
        " `ollama` (`/api/embed`) or `tei` (`/embed`)",
        default="openai",
    )
    api_version: str = variable("EMBEDDING_API_VERSION", v.text, "of `azure`", default="2024-10-21")
    headers: Secret | None = variable(
        "EMBEDDING_HEADERS",
        v.headers,
        "headers of each request, `Name=value,Name=value`, percent-encoded where need be",
    )
    """Wherever they came from: the variable or the file."""
    headers_file: Path | None = variable(
        "EMBEDDING_HEADERS_FILE",
        v.path,
        "a file that holds them, instead of `EMBEDDING_HEADERS`",
        example="/run/secrets/embedding-headers",
    )
    batch: int = variable(
        "EMBEDDING_BATCH", v.whole(1, 4096), "texts per request, at most", default="64"
    )
    query_prefix: str | None = variable(
        "EMBEDDING_QUERY_PREFIX",
        v.prefix,
        "what stands before each question that is embedded, in quotes for a blank at its end, `\\n`"
        " for a line break; set and empty: nothing",
        shown="as the model wants it",
        example='"query: "',
        verbatim=True,
    )
    passage_prefix: str | None = variable(
        "EMBEDDING_PASSAGE_PREFIX",
        v.prefix,
        "the same for each chunk; another one embeds all chunks anew",
        shown="as the model wants it",
        example='"passage: "',
        verbatim=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkingSettings:
    """How large a chunk may be."""

    tokens: int | Literal["auto"] = variable(
        "CHUNK_TOKENS",
        v.chunk_tokens,
        "maximum tokens per chunk, 16 to 8192; `auto`: as many as the embedding model can see,"
        " which finds more where that is less (a model of 256 tokens: 0.17 more of what long pages"
        " are asked for)",
        default="1000",
        mistaken=("CHUNK_SIZE",),
    )
    overlap: int = variable(
        "CHUNK_OVERLAP",
        v.whole(0, 8191),
        "tokens that neighbours share; less than `CHUNK_TOKENS`",
        default="180",
    )
    tokenizer: str = variable(
        "TOKENIZER",
        v.tokenizer,
        "what counts tokens: a tiktoken encoding, or `hf:PATH` of a model's own `tokenizer.json`",
        default="cl100k_base",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """Where the manifest is."""

    folder: Path = variable(
        "STATE_DIR", v.path, "folder where state is kept", default="./data", steers=True
    )
    url: Secret = variable(
        "STATE_URL",
        v.state_url,
        "the manifest: `sqlite:///PATH` or `postgresql://…`",
        shown="`sqlite:///<STATE_DIR>/manifest.db`",
        example="postgresql://sync:PASSWORD@db.vectors.svc/state",
        steers=True,
    )
    """``sqlite:///PATH``, or a PostgreSQL URL, which may hold a password."""
    lock_wait: float = variable(
        "LOCK_WAIT",
        v.decimal(0, 86400),
        "seconds to wait for another run of the same mirror, then 75",
        default="60",
    )
    text_index: bool = variable(
        "TEXT_INDEX",
        v.flag,
        "keep the chunks' words in the manifest, so that searches find by words too",
        default="true",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What one run may do."""

    max_delete_ratio: float = variable(
        "MAX_DELETE_RATIO",
        v.decimal(0, 1),
        "a run that would remove more than this part of the pages (and more than 20) is refused",
        default="0.2",
    )
    allow_mass_delete: str | None = variable(
        "ALLOW_MASS_DELETE",
        v.digest,
        "the hash that such a refusal printed: allows this very set of removals, and no other",
        example="9f86d081884c",
        option="--allow-mass-delete",
        option_kind={
            "action": "store_const",
            "const": "true",
            "help": "allow the removals that the guard refused, for this run",
        },
    )
    """A hash; ``true`` only where a flag said so for this run."""
    strict: bool = variable(
        "STRICT", v.flag, "`true`: quarantined pages end a run with 75 too", default="false"
    )
    budget_minutes: float = variable(
        "RUN_BUDGET_MINUTES",
        v.decimal(0, 10080),
        "time for one run; spent: what is done is kept, and 75. `0`: no limit",
        default="0",
    )
    test_limit: int = variable(
        "TEST_LIMIT",
        v.whole(1, 250),
        "pages that the connectivity check lists (`test_confluence.py`)",
        default="10",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """What a run tells, and where."""

    report: Path | None = variable(
        "RUN_REPORT",
        v.path,
        "file for the JSON report",
        example="/app/report.json",
        option="--report",
        option_kind={"metavar": "FILE"},
    )
    progress_file: Path | None = variable(
        "PROGRESS_FILE",
        v.path,
        "file for the progress of a run, one JSON object that is replaced once per second"
        " (docs/report.md#progress)",
        example="/app/progress.json",
    )
    log_format: LogFormat = variable(
        "LOG_FORMAT",
        v.one_of(LogFormat),
        "format of the log lines: `text` or `json`",
        default="text",
        option="--log-format",
        option_kind={"choices": get_args(LogFormat)},
    )
    log_level: LogLevel = variable(
        "LOG_LEVEL",
        v.one_of(LogLevel),
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
        default="INFO",
    )
    metrics_file: Path | None = variable(
        "METRICS_FILE",
        v.path,
        "file for metrics, in the Prometheus text format",
        example="/app/confluence_mirror.prom",
    )
    pushgateway_url: str | None = variable(
        "PUSHGATEWAY_URL",
        v.http_url,
        "a Prometheus Pushgateway (extra `[metrics]`)",
        example="http://pushgateway.monitoring.svc:9091",
    )
