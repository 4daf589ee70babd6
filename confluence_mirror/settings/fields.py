"""The settings of one run: read once, checked together, never changed."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from confluence_mirror.errors import WrongSettings
from confluence_mirror.model import BodyFormat
from confluence_mirror.settings import checks, near, sources
from confluence_mirror.settings.checks import StoreKind
from confluence_mirror.settings.table import BY_NAME, VARIABLES
from confluence_mirror.settings.values import Secret

INGEST_DEFAULTS: Mapping[str, str] = {
    "VECTOR_DB_ID": "conf-known-issues",
    "SINCE_HOURS": "0",
    "BATCH_SIZE": "100",
}
"""What ``ingest_conf.py`` takes where nothing is set, so that it and the notebook fill one
collection."""


class MissingSettings(WrongSettings):
    """Nothing at all is configured."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One field a variable, of the same name; what it means stands in ``settings.table``. None: not
    set.

    Relative paths are taken from the folder that ``load`` was given.
    """

    # Confluence
    conf_cloud_id: str
    conf_user: str
    conf_api_token: Secret
    """Wherever it came from: the variable or the file."""
    conf_api_token_file: Path | None
    conf_gateway_url: str
    """An origin, without a slash at its end."""
    body_format: BodyFormat
    concurrency: int
    request_timeout: float
    """Seconds."""
    ca_bundle: Path | None
    """The file in force, for every client; None: the system's CAs."""
    # Scope
    space_name: str | None
    filter_space_keys: tuple[str, ...]
    filter_folder_id: str | None
    labels: tuple[str, ...]
    label_metadata: bool
    since_hours: int
    reconcile_hours: int
    # Store
    store: StoreKind | None
    """As set; ``store_kind`` is the one in force."""
    vector_api_base_url: str | None
    vector_api_token: Secret | None
    vector_api_variant: Literal["dash", "underscore"] | None
    llama_base_url: str | None
    llama_api_key: Secret | None
    vector_db_id: str | None
    chroma_url: str | None
    chroma_token: Secret | None
    chroma_tenant: str
    chroma_database: str
    pgvector_url: Secret | None
    store_path: Path
    collection_id: str
    """As set; ``collection`` is the one in force."""
    batch_size: int
    write_mode: Literal["auto", "upsert", "rotate", "append"]
    keep_collections: int
    # Embedding
    embedding_model_id: str
    embedding_model_path: Path | None
    embedding_base_url: str | None
    embedding_api_key: Secret | None
    # Chunks
    chunk_tokens: int | Literal["auto"]
    chunk_overlap: int
    tokenizer: str
    # State
    state_dir: Path
    state_url: Secret
    """``sqlite:///PATH``, or a PostgreSQL URL, which may hold a password."""
    lock_wait: float
    """Seconds."""
    # The run
    max_delete_ratio: float
    allow_mass_delete: str | None
    """A hash; ``true`` only where a flag said so for this run."""
    strict: bool
    run_budget_minutes: float
    """0: no limit."""
    test_limit: int
    # Output
    run_report: Path | None
    log_format: Literal["text", "json"]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    metrics_file: Path | None
    pushgateway_url: str | None
    # What follows from them
    store_kind: StoreKind
    """The store in force."""
    in_container: bool
    secrets_of_others: tuple[str, ...] = field(default=(), repr=False)
    """Credentials in addresses that are no settings of ours: proxies, a mirror of the model hub."""

    @property
    def collection(self) -> str:
        """The collection's name: on Llama Stack ``VECTOR_DB_ID`` where set, else
        ``COLLECTION_ID``."""
        if self.store_kind == "llama" and self.vector_db_id:
            return self.vector_db_id
        return self.collection_id

    def secrets(self) -> tuple[str, ...]:
        """Every text that no log line may hold: tokens, keys, passwords in URLs, the Basic
        credential."""
        values = [getattr(self, variable.name.lower()) for variable in VARIABLES]
        held = [value.reveal() for value in values if isinstance(value, Secret)]
        texts: list[str] = []
        for text in held:
            password = _password(text)
            # Of a URL the password alone is secret: its scheme and host may be named.
            texts += [password, unquote(password)] if password else [] if "://" in text else [text]
        basic = f"{self.conf_user}:{self.conf_api_token.reveal()}"
        texts.append(base64.b64encode(basic.encode()).decode())
        texts += self.secrets_of_others
        return tuple(dict.fromkeys(texts))

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str],
        folder: Path,
        overrides: Mapping[str, str] | None = None,
        *,
        defaults: Mapping[str, str] | None = None,
        required: Collection[str] = (),
        in_container: bool | None = None,
    ) -> tuple[Settings, list[str]]:
        """The settings, and warnings for the log.

        ``overrides`` are what flags say, by variable; ``defaults`` replace the table's own for
        another program, which may also require more than the credential. Raises ``WrongSettings``,
        whose text names every fault, one a line; ``MissingSettings`` where nothing is configured.
        """
        found = sources.gather(environ, folder, overrides or {}, defaults or {})
        if in_container is None:
            in_container = is_container(environ)
        faults, warnings = checks.Faults(found.faults), found.warnings
        stray, doubtful = near.strangers(found.values)
        if not (faults or stray or doubtful or BY_NAME.keys() & found.values.keys()):
            raise MissingSettings(_NOTHING)
        values, wrong = _parse(found.values, faults)
        _resolve_paths(values, folder)
        checks.required(values, wrong, required, faults)
        values["CONF_API_TOKEN"] = checks.token(values, faults)
        values["CA_BUNDLE"] = checks.ca_bundle(values, environ, faults, warnings)
        kind = checks.store_kind(values, wrong, in_container, faults)
        checks.conflicts(values, kind, faults)
        if (
            values["ALLOW_MASS_DELETE"] == "true"
            and (overrides or {}).get("ALLOW_MASS_DELETE") != "true"
        ):
            faults.add(
                "ALLOW_MASS_DELETE",
                "would allow every removal of every run; only the hash may stay here",
            )
        checks.files(values, faults)
        faults += stray
        if faults:
            raise _error(faults)
        if values["STORE_PATH"] is None:
            values["STORE_PATH"] = values["STATE_DIR"] / "store"
        if values["STATE_URL"] is None:
            values["STATE_URL"] = Secret(f"sqlite:///{values['STATE_DIR'] / 'manifest.db'}")
        fields: dict[str, Any] = {name.lower(): value for name, value in values.items()}
        others = tuple(sources.secrets_of_others(environ))
        made = cls(**fields, store_kind=kind, in_container=in_container, secrets_of_others=others)
        return made, warnings + doubtful


def is_container(environ: Mapping[str, str]) -> bool:
    """Whether this process runs in a pod, or in a container of podman or docker."""
    marks = (Path("/run/.containerenv"), Path("/.dockerenv"))
    return bool(environ.get("KUBERNETES_SERVICE_HOST") or environ.get("container")) or any(
        m.exists() for m in marks
    )


def _parse(found: Mapping[str, str], faults: checks.Faults) -> tuple[dict[str, Any], set[str]]:
    """Every variable's value, and the names of those that are wrong (their value is None)."""
    values: dict[str, Any] = {}
    wrong = set()
    for variable in VARIABLES:
        text = found.get(variable.name) or variable.default
        values[variable.name] = variable.unset
        if not text:
            continue
        try:
            if not sources.is_unicode(text):
                raise ValueError("is not UTF-8 text")
            if sources.is_placeholder(text):
                raise ValueError("holds a placeholder that was not filled in")
            values[variable.name] = variable.parse(text)
        except ValueError as error:
            faults.add(variable.name, str(error), variable.example or variable.default)
            wrong.add(variable.name)
    return values, wrong


def _password(url: str) -> str:
    """Of a URL that may be none: what stands between its user and its host."""
    authority = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]
    return authority.rpartition("@")[0].partition(":")[2]


def _resolve_paths(values: dict[str, Any], folder: Path) -> None:
    for name, value in values.items():
        if isinstance(value, Path):
            values[name] = folder / value
    state: Secret | None = values["STATE_URL"]
    if state is not None and state.reveal().startswith("sqlite:"):
        values["STATE_URL"] = Secret(
            f"sqlite:///{folder / state.reveal().removeprefix('sqlite:///')}"
        )
    tokenizer: str | None = values["TOKENIZER"]
    if tokenizer is not None and tokenizer.startswith("hf:"):
        values["TOKENIZER"] = f"hf:{folder / tokenizer[3:]}"


def _error(faults: list[str]) -> WrongSettings:
    head = "one setting is wrong" if len(faults) == 1 else f"{len(faults)} settings are wrong"
    return WrongSettings(
        "\n".join([f"{head}; nothing was read or written.", *(f"  {fault}" for fault in faults)])
    )


_NOTHING = """\
No settings: CONF_CLOUD_ID, CONF_USER and CONF_API_TOKEN are not set. Nothing was read or written.
  A first look, without any:  make demo
  Your Confluence:            cp .env.example .env, fill in the first lines, put the token into
                              .env.secrets, then run this command again. In a container, set them
                              in its environment."""
