"""The settings of one run: read once, checked together, never changed."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from confluence_mirror.errors import WrongSettings, in_image
from confluence_mirror.settings import checks, sources, spelling
from confluence_mirror.settings import groups as g
from confluence_mirror.settings.document_store import DocumentSettings
from confluence_mirror.settings.scope import ScopeSettings
from confluence_mirror.settings.stores import StoreSettings
from confluence_mirror.settings.values import Secret, parse_headers
from confluence_mirror.settings.variables import Variable, declared, filled, group, held
from confluence_mirror.wording import counted

INGEST_DEFAULTS: Mapping[str, str] = {
    "VECTOR_DB_ID": "conf-known-issues",
    "SINCE_HOURS": "0",
    "BATCH_SIZE": "100",
}
"""What ``ingest_conf.py`` takes where nothing is set, so that it and the notebook fill one
collection."""


class MissingSettings(WrongSettings):
    """Nothing at all is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings, grouped by who reads them: who reads one is given its group, not all of this.

    Relative paths are taken from the folder that ``load`` was given.
    """

    confluence: g.ConfluenceSettings = group(
        g.ConfluenceSettings, "Confluence: the site and the credential"
    )
    net: g.NetSettings = group(g.NetSettings, "Network: every server that is asked")
    scope: ScopeSettings = group(
        ScopeSettings,
        "Scope: what is mirrored (nothing set: every space that the credential can see, personal"
        " ones excepted)",
    )
    store: StoreSettings = group(StoreSettings, "Store: where chunks go")
    embedding: g.EmbeddingSettings = group(
        g.EmbeddingSettings,
        "Embedding: only for stores that take vectors (embedded, Chroma, pgvector)",
    )
    chunks: g.ChunkingSettings = group(g.ChunkingSettings, "Chunks")
    state: g.StateSettings = group(g.StateSettings, "State: what was written, and how far was read")
    documents: DocumentSettings = group(
        DocumentSettings, "Documents: whole pages as files, beside the chunks"
    )
    run: g.RunSettings = group(g.RunSettings, "The run")
    output: g.OutputSettings = group(g.OutputSettings, "Output")
    secrets_of_others: tuple[str, ...] = field(repr=False)
    """Credentials in addresses that are not our settings: proxies, a mirror of the model hub."""

    def secrets(self) -> tuple[str, ...]:
        """Every text that no log line may hold: tokens, keys, passwords in URLs, the Basic
        credential."""
        texts: list[str] = []
        for text in (value.reveal() for _, value in held(self) if isinstance(value, Secret)):
            password = _password(text)
            # Of a URL the password alone is secret: its scheme and host may be named.
            texts += [password, unquote(password)] if password else [] if "://" in text else [text]
        if self.embedding.headers is not None:
            texts += parse_headers(self.embedding.headers.reveal()).values()
        basic = f"{self.confluence.user}:{self.confluence.api_token.reveal()}"
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

        ``overrides`` are what flags say, by variable; ``defaults`` replace the declared ones for
        another program, which may also require more than the credential. Raises ``WrongSettings``,
        whose text names every fault, one a line; ``MissingSettings`` where nothing is configured.
        """
        found = sources.gather(environ, folder, overrides or {}, defaults or {}, _VERBATIM)
        if in_container is None:
            in_container = is_container(environ)
        in_pod = in_container and bool(environ.get("KUBERNETES_SERVICE_HOST"))
        faults, warnings = checks.Faults(found.faults), found.warnings
        if not found.values.get("DOCUMENT_STORE", "").startswith("s3:"):
            found.values = {k: value for k, value in found.values.items() if k not in _SHARED}
        unknown, doubtful = spelling.find_misspelt(found.values, BY_NAME)
        if not (faults or unknown or doubtful or BY_NAME.keys() & found.values.keys()):
            raise MissingSettings(_NOTHING_IN_IMAGE if in_image(environ) else _NOTHING)
        values, wrong = parse_values(VARIABLES, found.values, faults)
        _resolve_paths(values, folder)
        checks.required(values, wrong, required, faults)
        values["CONF_API_TOKEN"] = checks.token(values, faults)
        values["EMBEDDING_HEADERS"] = checks.embedding_headers(values, faults)
        values["CA_BUNDLE"] = checks.ca_bundle(values, environ, faults, warnings)
        kind = checks.store_kind(values, wrong, in_pod, faults)
        checks.conflicts(values, kind, faults)
        values["SHARD"] = checks.shard(values, environ, kind, faults)
        if (
            values["ALLOW_MASS_DELETE"] == "true"
            and (overrides or {}).get("ALLOW_MASS_DELETE") != "true"
        ):
            faults.add(
                "ALLOW_MASS_DELETE",
                "would allow every removal of every run; only the hash may stay here",
            )
        checks.files(values, faults)
        faults += unknown
        if faults:
            raise settings_error(faults)
        if values["STORE_PATH"] is None:
            values["STORE_PATH"] = values["STATE_DIR"] / "store"
        if kind == "embedded" and in_container:
            warnings += checks.embedded_in_container(values["STORE_PATH"])
        if values["STATE_URL"] is None:
            values["STATE_URL"] = Secret(f"sqlite:///{values['STATE_DIR'] / 'manifest.db'}")
        values["kind"] = kind
        values["secrets_of_others"] = tuple(sources.secrets_of_others(environ))
        return filled(cls, values), warnings + doubtful


VARIABLES = declared(Settings)
BY_NAME = {variable.name: variable for variable in VARIABLES}
_SHARED = frozenset(variable.name for variable in VARIABLES if variable.shared)
_VERBATIM = frozenset(variable.name for variable in VARIABLES if variable.verbatim)


def is_container(environ: Mapping[str, str]) -> bool:
    """Whether this process runs in a pod, or in a container of podman or docker."""
    marks = (Path("/run/.containerenv"), Path("/.dockerenv"))
    return bool(environ.get("KUBERNETES_SERVICE_HOST") or environ.get("container")) or any(
        m.exists() for m in marks
    )


def parse_values(
    variables: Iterable[Variable], found: Mapping[str, str], faults: checks.Faults
) -> tuple[dict[str, Any], set[str]]:
    """Every variable's value, and the names of those that are wrong (their value is None)."""
    values: dict[str, Any] = {}
    wrong = set()
    for variable in variables:
        text = found.get(variable.name) or variable.default
        values[variable.name] = variable.unset
        if not text and variable.name not in found:
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


def settings_error(faults: list[str]) -> WrongSettings:
    """What is raised for these faults: all of them, one a line."""
    head = "one setting is" if len(faults) == 1 else f"{counted(len(faults), 'setting')} are"
    return WrongSettings(
        "\n".join(
            [f"{head} wrong; nothing was read or written.", *(f"  {fault}" for fault in faults)]
        )
    )


_NOTHING = """\
No settings: CONF_CLOUD_ID, CONF_USER and CONF_API_TOKEN are not set. Nothing was read or written.
  A first look, without any:  make demo
  Your Confluence:            cp .env.example .env, fill in the first lines, put the token into
                              .env.secrets, then run this command again. In a container, set them
                              in its environment."""
_NOTHING_IN_IMAGE = """\
No settings: CONF_CLOUD_ID, CONF_USER and CONF_API_TOKEN are not set. Nothing was read or written.
  By hand:       podman run --env-file .env --env-file .env.secrets IMAGE
  In a cluster:  a ConfigMap and a Secret; docs/deploy.md of the program has them."""
