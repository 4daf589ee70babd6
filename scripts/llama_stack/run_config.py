"""The configuration of a Llama Stack or OGX server under test: files, one vector provider, hashed
embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MODEL = "all-MiniLM-L6-v2"
OTHER_MODEL = "another-model"
"""A second one, with which no store is made unless it is asked for."""
DIMENSION = 384
Config = dict[str, Any]


def release(version: str) -> tuple[int, int]:
    """``0.2.23`` → (0, 2)."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def config(
    version: str, port: int, embeddings_url: str, state: Path, providers: list[str]
) -> Config:
    """What goes into ``run.yaml`` (JSON is YAML). From 0.3 on stores are named once and referred
    to."""
    v = release(version)
    out: Config = {
        "version": 2,
        "distro_name" if v >= (1, 0) else "image_name": "tests",
        "apis": ["inference", "vector_io", "files"],
        "providers": {
            "inference": [_inference(v, embeddings_url)],
            "vector_io": [_vector_io(v, provider, state) for provider in providers],
            "files": [_files(v, state)],
        },
        "server": {"port": port, "host": "127.0.0.1"},
    }
    if v < (0, 4):
        out["apis"].append("tool_runtime")
        out["providers"]["tool_runtime"] = [
            {"provider_id": "rag-runtime", "provider_type": "inline::rag-runtime"}
        ]
    if v >= (0, 6):
        out["apis"].append("file_processors")
        out["providers"]["file_processors"] = [
            {"provider_id": "pypdf", "provider_type": "inline::pypdf"}
        ]
    return out | (_resources_of_0_2(state) if v < (0, 3) else _storage(v, state, providers[0]))


def _sqlite(state: Path, name: str) -> Config:
    return {"type": "sqlite", "db_path": str(state / f"{name}.db")}


def _inference(v: tuple[int, int], embeddings_url: str) -> Config:
    provider: Config = {
        "provider_id": "sentence-transformers",
        "provider_type": "inline::sentence-transformers",
    }
    if v >= (0, 3):
        tls: Config = (
            {"network": {"tls": {"verify": False}}} if v >= (0, 5) else {"tls_verify": False}
        )
        provider |= {
            "provider_type": "remote::vllm",
            "config": {"base_url" if v >= (0, 4) else "url": embeddings_url, **tls},
        }
    return provider


def _vector_io(v: tuple[int, int], provider: str, state: Path) -> Config:
    settings: Config = {"db_path": str(state / "sqlite_vec.db")} if provider == "sqlite-vec" else {}
    if v < (0, 3):
        settings["kvstore"] = _sqlite(state, f"{provider}-registry")
    else:
        settings["persistence"] = {"namespace": f"vector_io::{provider}", "backend": "kv"}
    return {"provider_id": provider, "provider_type": f"inline::{provider}", "config": settings}


def _files(v: tuple[int, int], state: Path) -> Config:
    table = (
        _sqlite(state, "files")
        if v < (0, 3)
        else {"table_name": "files_metadata", "backend": "sql"}
    )
    return {
        "provider_id": "localfs",
        "provider_type": "inline::localfs",
        "config": {"storage_dir": str(state / "files"), "metadata_store": table},
    }


def _models() -> list[Config]:
    return [
        {
            "model_id": model,
            "provider_id": "sentence-transformers",
            "provider_model_id": model,
            "model_type": "embedding",
            "metadata": {"embedding_dimension": DIMENSION},
        }
        for model in (MODEL, OTHER_MODEL)
    ]


RAG_TOOL = {"toolgroup_id": "builtin::rag", "provider_id": "rag-runtime"}


def _resources_of_0_2(state: Path) -> Config:
    empty: Config = {
        kind: [] for kind in ("shields", "vector_dbs", "datasets", "scoring_fns", "benchmarks")
    }
    stores = {
        "metadata_store": _sqlite(state, "registry"),
        "inference_store": _sqlite(state, "inference"),
    }
    return {"models": _models(), "tool_groups": [RAG_TOOL], **empty, **stores}


def _storage(v: tuple[int, int], state: Path, provider: str) -> Config:
    stores: Config = {
        "metadata": {"namespace": "registry", "backend": "kv"},
        "inference": {
            "table_name": "inference_store",
            "backend": "sql",
            "max_write_queue_size": 100,
            "num_writers": 1,
        },
        "conversations": {"table_name": "conversations", "backend": "sql"},
    }
    for name, since in (("prompts", (0, 4)), ("connectors", (0, 5))):
        if v >= since:
            in_sql = {"table_name": name, "backend": "sql"}
            stores[name] = in_sql if v >= (1, 0) else {"namespace": name, "backend": "kv"}
    backends = {
        "kv": {"type": "kv_sqlite", "db_path": str(state / "kv.db")},
        "sql": {"type": "sql_sqlite", "db_path": str(state / "sql.db")},
    }
    out: Config = {
        "storage": {"backends": backends, "stores": stores},
        "registered_resources": {"models": _models()},
        "vector_stores": {
            "default_provider_id": provider,
            "default_embedding_model": {"provider_id": "sentence-transformers", "model_id": MODEL},
        },
    }
    if v < (0, 4):
        out["registered_resources"]["tool_groups"] = [RAG_TOOL]
        out["telemetry"] = {"enabled": False}
    return out
