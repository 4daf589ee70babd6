"""The embedding model of a vector store: the one that is set, and the one that it was made with."""

from __future__ import annotations

from collections.abc import Sequence

from confluence_mirror.errors import WrongSettings
from confluence_mirror.stores.discover import EmbeddingModel, resolve_model, same_model
from confluence_mirror.stores.llama.answers import StoreRow
from confluence_mirror.stores.llama.api import LlamaApi


def named_model(models: Sequence[EmbeddingModel], wanted: str, location: str) -> EmbeddingModel:
    """The configured model as the server names it; as configured, where the server names none."""
    if not models:
        return EmbeddingModel(wanted)
    model = resolve_model(models, wanted)
    if model is None:
        raise WrongSettings(
            f"Llama Stack at {location} has no embedding model {wanted}, or several; nothing was"
            " written.",
            hint=f"Set EMBEDDING_MODEL_ID to one of: {', '.join(each.id for each in models)}.",
        )
    return model


def require_model(api: LlamaApi, row: StoreRow, wanted: EmbeddingModel) -> None:
    """Refuse a store of another model. 0.2 names a store's model on another route, 0.3 nowhere."""
    has, size = row.embedding_model, row.embedding_dimension
    if not has:
        path = f"/v1/vector-dbs/{row.id}"
        answer = api.call("GET", path, expect=(400, 404, 405, 500))
        old = answer.body if answer.status == 200 and isinstance(answer.body, dict) else {}
        has, size = str(old.get("embedding_model") or ""), old.get("embedding_dimension")
    if (has and not same_model(wanted.id, has)) or (
        size and wanted.dimension and size != wanted.dimension
    ):
        raise WrongSettings(
            f"Vector store {row.name} ({row.id}) was made with {has or 'a model'}"
            f" ({size or '?'} dimensions), not with {wanted.id} ({wanted.dimension or '?'});"
            " nothing was written to it.",
            hint=(
                "A store's model cannot change: set EMBEDDING_MODEL_ID to it, or take another"
                " COLLECTION_ID."
            ),
        )
