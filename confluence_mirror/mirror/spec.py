"""What a mirror is and how it is run, as settings say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from confluence_mirror.document_store.base import DocumentStore
from confluence_mirror.mirror.documents import RecipeSpec
from confluence_mirror.mirror.ownership import WriteMode
from confluence_mirror.mirror.ports import LimitLearner
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import Shard
from confluence_mirror.stores.base import ChunkEmbedder


@dataclass(frozen=True, slots=True)
class MirrorSpec:
    """What one run is told."""

    site: str
    wanted: ScopeSpec
    collection: str
    state_url: str
    state_dir: Path
    recipe: RecipeSpec
    plan: PlanSettings = PlanSettings()
    write_mode: WriteMode = "auto"
    change_scope: bool = False
    strict: bool = False
    batch_size: int = 100
    lock_wait_s: float = 60
    keep_collections: int = 2
    state_timeout_s: float = 30
    """For a manifest's server that does not answer."""
    remembered_id: str = ""
    """The collection's id as someone remembers it (``ResolvedSpec.remembered_id``)."""
    learners: Sequence[LimitLearner] = ()
    """Begin where the last run ended, and are asked at the end of this one."""
    embedder: ChunkEmbedder | None = None
    """For a store that takes vectors; None: the store embeds."""
    documents: DocumentStore | None = None
    """Where whole documents are written; None: nowhere."""
    shard: Shard | None = None
    """The part of the mirror that this run is of; None: all of it."""
    notices: Sequence[str] = ()
    """What an operator is to be told once for this mirror."""
    deep: bool = False
    """Texts in the store are compared too (``ResolvedSpec.deep``)."""
