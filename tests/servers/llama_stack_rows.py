"""What the small Llama Stack tells of what it holds, as the releases tell it."""

from __future__ import annotations

from tests.servers.llama_stack_state import Row, State, VectorStore


def model_row(state: State, model: str, dimension: int) -> dict:
    if state.release < (0, 4):
        return {
            "identifier": model,
            "model_type": "embedding",
            "metadata": {"embedding_dimension": dimension},
        }
    return {
        "id": model,
        "custom_metadata": {"model_type": "embedding", "embedding_dimension": dimension},
    }


def store_row(store: VectorStore, state: State) -> dict:
    counts = {"completed": 0, "cancelled": 0, "failed": 0, "in_progress": 0, "total": 0}
    for row in store.rows.values():
        counts[row.status] += 1
        counts["total"] += 1
    metadata = {**store.metadata, "provider_id": store.provider}
    if state.release >= (0, 4):
        metadata |= {"embedding_model": store.model, "embedding_dimension": str(store.dimension)}
    return {
        "id": store.id,
        "object": "vector_store",
        "created_at": store.created_at,
        "name": store.name,
        "file_counts": counts,
        "status": "completed",
        "metadata": metadata,
    }


def file_row(file: object) -> dict:
    return {
        "id": file.id,
        "object": "file",
        "created_at": file.created_at,
        "filename": file.name,
        "bytes": 1,
    }


def store_file(store_id: str, row: Row) -> dict:
    return {
        "id": row.file.id,
        "object": "vector_store.file",
        "attributes": row.attributes,
        "created_at": row.file.created_at,
        "status": row.status,
        "last_error": {"code": "server_error", "message": row.error} if row.error else None,
        "vector_store_id": store_id,
    }
