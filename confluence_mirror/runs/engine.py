"""From settings to what the engine is told. Apart from the other components: all that converts
pages is imported with it, and an answer needs none of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.runs.components import Components
from confluence_mirror.runs.documents import make_document_store
from confluence_mirror.runs.recipe import recipe_spec
from confluence_mirror.runs.scope import scope_spec
from confluence_mirror.settings import Settings


def make_mirror_spec(
    settings: Settings,
    parts: Components,
    *,
    only: Sequence[str] | None = None,
    full: bool = False,
    change_scope: bool = False,
    remembered_id: str = "",
    notices: Sequence[str] = (),
) -> MirrorSpec:
    """What the mirror is told. ``remembered_id``: the collection's id as someone remembers it."""
    documents = make_document_store(settings.documents, settings.net)
    return MirrorSpec(
        site=settings.confluence.cloud_id,
        wanted=scope_spec(settings.scope),
        collection=parts.collection,
        state_url=settings.state.url.reveal(),
        state_dir=settings.state.folder,
        recipe=replace(
            recipe_spec(settings.confluence, settings.chunks, settings.embedding, parts.embedder),
            text_index=settings.state.text_index,
            tree=documents.place if documents else "",
        ),
        plan=PlanSettings(
            since_hours=settings.scope.since_hours,
            reconcile_hours=settings.scope.reconcile_hours,
            max_delete_ratio=settings.run.max_delete_ratio,
            allow_mass_delete=settings.run.allow_mass_delete or "",
            only=None if only is None else tuple(only),
            full=full,
            again=full,
            concurrency=settings.confluence.concurrency,
            labels=settings.scope.label_metadata,
            access=settings.scope.access,
        ),
        write_mode=settings.store.write_mode,
        change_scope=change_scope,
        shard=settings.scope.shard,
        strict=settings.run.strict,
        batch_size=settings.store.batch_size,
        lock_wait_s=settings.state.lock_wait,
        state_timeout_s=settings.net.request_timeout,
        keep_collections=settings.store.keep_collections,
        remembered_id=remembered_id,
        learners=parts.learners,
        embedder=parts.chunk_embedder,
        documents=documents,
        notices=notices,
    )
