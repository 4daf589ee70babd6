"""What one value alone does not show: what is required, what contradicts, which files are not
there."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from confluence_mirror.model import Shard
from confluence_mirror.settings.document_store import Bucket
from confluence_mirror.settings.stores import StoreKind
from confluence_mirror.settings.values import Secret, credential, headers

CREDENTIALS = ("CONF_CLOUD_ID", "CONF_USER", "CONF_API_TOKEN")

_ADDRESS: dict[StoreKind, str] = {
    "vector-api": "VECTOR_API_BASE_URL",
    "llama": "LLAMA_BASE_URL",
    "chroma": "CHROMA_URL",
    "pgvector": "PGVECTOR_URL",
}
_SPACES_AND_TREES = ("SPACE_NAME", "FILTER_SPACE_KEYS", "FILTER_FOLDER_ID")
LLAMA_TOKENS = 3500
"""Llama Stack's file stores cut what is longer (``stores.llama.MAX_TEXT_TOKENS``)."""


class Faults(list[str]):
    """Lines of the form ``NAME: what is wrong``."""

    def add(self, name: str, what: str, example: str = "") -> None:
        """One more, unless there is one for this name; the example is a value that would be
        right."""
        if any(line.startswith(f"{name}: ") for line in self):
            return
        self.append(f"{name}: {what}" + (f", e.g. {name}={example}" if example else ""))


def required(
    values: Mapping[str, Any], wrong: Collection[str], names: Collection[str], faults: Faults
) -> None:
    """The credential, and what this program needs beyond it."""
    for name in (*CREDENTIALS, *names):
        from_file = name == "CONF_API_TOKEN" and (
            values["CONF_API_TOKEN_FILE"] or "CONF_API_TOKEN_FILE" in wrong
        )
        if not values.get(name) and name not in wrong and not from_file:
            other = " (nor is CONF_API_TOKEN_FILE)" if name == "CONF_API_TOKEN" else ""
            faults.add(name, f"is required and not set{other}")


def token(values: Mapping[str, Any], faults: Faults) -> Secret | None:
    """The token, from its variable or from its file."""
    return _read_secret(values, "CONF_API_TOKEN", credential, "the token", faults)


def embedding_headers(values: Mapping[str, Any], faults: Faults) -> Secret | None:
    """Headers for the embedding server, from their variable or from their file."""
    found = _read_secret(values, "EMBEDDING_HEADERS", headers, "the text", faults)
    if found and not values["EMBEDDING_BASE_URL"]:
        faults.add("EMBEDDING_HEADERS", "is for EMBEDDING_BASE_URL, which is not set")
    return found


def _read_secret(
    values: Mapping[str, Any],
    name: str,
    parse: Callable[[str], Secret],
    what: str,
    faults: Faults,
) -> Secret | None:
    """A secret from its variable, or from the file that another one names."""
    file_name = f"{name}_FILE"
    file: Path | None = values[file_name]
    given: Secret | None = values[name]
    if file is None:
        return given
    if given is not None:
        faults.add(file_name, f"is set beside {name}: one of the two is enough")
        return given
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        faults.add(file_name, "there is no such file, or it cannot be read")
        return None
    try:
        return parse(text)
    except ValueError as error:
        faults.add(file_name, f"{what} in it {error}" if text else "the file is empty")
        return None


def ca_bundle(
    values: Mapping[str, Any], environ: Mapping[str, str], faults: Faults, warnings: list[str]
) -> Path | None:
    """The CA file in force: ``CA_BUNDLE``, or what requests, curl and OpenSSL are told; None: the
    system's.

    A file that is missing or empty is not a fault: where a cluster injects the bundle, the mount is
    optional.
    """
    named: dict[str, Path | None] = {"CA_BUNDLE": values["CA_BUNDLE"]}
    others = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    named |= {name: Path(environ[name]) for name in others if environ.get(name)}
    for name, path in named.items():
        if path is None:
            continue
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError:
            faults.add(name, "cannot be read; a PEM file is needed")
            return None
        if not content.strip():
            warnings.append(
                f"{name}: the file is missing or empty; the system's CAs are trusted instead"
            )
            return None
        if b"-----BEGIN" not in content:
            faults.add(
                name, "is not a PEM file: no line in it begins with -----BEGIN CERTIFICATE-----"
            )
            return None
        try:
            ssl.create_default_context(cafile=path)
        except OSError:
            faults.add(name, "holds a certificate that is broken or cut off")
            return None
        return path
    return None


def store_kind(
    values: Mapping[str, Any], wrong: Collection[str], in_pod: bool, faults: Faults
) -> StoreKind:
    """Which store: ``STORE``; else the Vector API if set; else the one that is; else embedded, but
    in no pod."""
    configured = [kind for kind, name in _ADDRESS.items() if values.get(name) or name in wrong]
    asked: StoreKind | None = values["STORE"]
    if asked is not None:
        if asked in _ADDRESS and asked not in configured:
            faults.add(_ADDRESS[asked], f"is required with STORE={asked} and not set")
        return asked
    if "vector-api" in configured or len(configured) == 1:
        return configured[0]
    if configured:
        names = ", ".join(_ADDRESS[kind] for kind in configured)
        faults.add(
            "STORE",
            f"more than one store is set ({names}), and which is meant must be said",
            configured[0],
        )
        return configured[0]
    if in_pod and values["STORE_PATH"] is None and not {"STORE", "STORE_PATH"} & set(wrong):
        faults.add(
            "STORE",
            "no store is set, and a pod's own disk does not last; set VECTOR_API_BASE_URL,"
            " LLAMA_BASE_URL, CHROMA_URL or PGVECTOR_URL, or STORE=embedded where STATE_DIR is on"
            " a volume and the image was built with EMBEDDED=1",
        )
    return "embedded"


def embedded_in_container(folder: Path) -> list[str]:
    """A warning, before the store is made: once for each mirror."""
    warning = (
        f"the embedded store is made in {folder}, in this container: unless that is on a volume, it"
        " ends with the container"
    )
    return [] if _is_there(folder) else [warning]


def conflicts(values: Mapping[str, Any], kind: str, faults: Faults) -> None:
    """Settings that are right alone and wrong together."""
    tokens, overlap = values["CHUNK_TOKENS"], values["CHUNK_OVERLAP"]
    if isinstance(tokens, int) and overlap is not None and overlap >= tokens:
        faults.add(
            "CHUNK_OVERLAP",
            f"must be less than CHUNK_TOKENS, which is {tokens}",
            str(tokens * 18 // 100),
        )
    if kind == "llama" and isinstance(tokens, int) and tokens > LLAMA_TOKENS:
        faults.add(
            "CHUNK_TOKENS",
            f"is more than the {LLAMA_TOKENS} that Llama Stack keeps in one piece",
            "1000",
        )
    if values["EMBEDDING_MODEL_PATH"] and values["EMBEDDING_BASE_URL"]:
        faults.add(
            "EMBEDDING_MODEL_PATH",
            "is set beside EMBEDDING_BASE_URL: either the local model or the server",
        )
    if values["EMBEDDING_API_KEY"] and not values["EMBEDDING_BASE_URL"]:
        faults.add("EMBEDDING_API_KEY", "is a key for EMBEDDING_BASE_URL, which is not set")
    if isinstance(values["DOCUMENT_STORE"], Bucket):
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            if values[key] is None:
                faults.add(key, "is required where DOCUMENT_STORE is a bucket, and not set")
    if values["SCOPE"]:
        beside = [name for name in _SPACES_AND_TREES if values[name]]
        if beside:
            faults.add(
                "SCOPE",
                f"is set beside {', '.join(beside)}, which says the same in other words: one of"
                " the two is enough",
            )
    name: str | None = values["COLLECTION_ID"]
    if (
        kind in ("chroma", "embedded")
        and name is not None
        and (len(name) < 3 or not name[-1].isalnum() or ":" in name)
    ):
        faults.add(
            "COLLECTION_ID",
            "is not a name that Chroma accepts: at least 3 characters, the last one a letter or"
            " digit",
            "confluence",
        )


def shard(
    values: Mapping[str, Any], environ: Mapping[str, str], kind: StoreKind, faults: Faults
) -> Shard | None:
    """The part of a mirror that is set, from what ``values.shard`` has read; None: all of it, which
    one part of one is, too."""
    given: tuple[int | None, int] | None = values["SHARD"]
    if given is None or given[1] == 1:
        return None
    index, count = given
    if index is None:
        text = environ.get("JOB_COMPLETION_INDEX", "")
        if not (text.isascii() and text.isdecimal() and int(text) < count):
            faults.add(
                "SHARD",
                f"takes its part from JOB_COMPLETION_INDEX, which is not a number from 0 to"
                f" {count - 1}: an Indexed Job sets it",
                f"0/{count}",
            )
            return None
        index = int(text)
    state: Secret | None = values["STATE_URL"]
    if state is None or state.reveal().startswith("sqlite:"):
        faults.add("SHARD", "needs a record that the shards share: STATE_URL=postgresql://…")
    if kind not in ("pgvector", "chroma"):
        faults.add("SHARD", "needs pgvector or a Chroma server as its store")
    if values["WRITE_MODE"] != "auto":
        faults.add("WRITE_MODE", "must be auto where SHARD is set", "auto")
    if values["DOCUMENT_STORE"] is not None:
        faults.add("DOCUMENT_STORE", "cannot be written by one SHARD of several: unset one of them")
    return Shard(index, count)


def files(values: Mapping[str, Any], faults: Faults) -> None:
    """Files and folders that must or must not be there."""
    model: Path | None = values["EMBEDDING_MODEL_PATH"]
    if model is not None and not _is_folder(model):
        faults.add("EMBEDDING_MODEL_PATH", "there is no such folder")
    tokenizer: str | None = values["TOKENIZER"]
    if (
        tokenizer is not None
        and tokenizer.startswith("hf:")
        and not os.access(tokenizer[3:], os.R_OK)
    ):
        faults.add(
            "TOKENIZER", "the file after hf: cannot be read", "hf:/opt/models/tokenizer.json"
        )
    for name in ("STATE_DIR", "STORE_PATH"):
        if values[name] is not None and _is_there(values[name]) and not _is_folder(values[name]):
            faults.add(name, "is a file, where a folder is needed")
    for name in ("RUN_REPORT", "METRICS_FILE"):
        if values[name] is not None and _is_folder(values[name]):
            faults.add(name, "is a folder, where a file is needed")


def _is_there(path: Path) -> bool:
    """False also where one may not look: who opens it says so better."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
