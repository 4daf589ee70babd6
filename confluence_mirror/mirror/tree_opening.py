"""What a run begins with where documents are written, too."""

from __future__ import annotations

import logging

from confluence_mirror.manifest import TreeRecord
from confluence_mirror.mirror.document_tree import DocumentTree
from confluence_mirror.mirror.events import Emit, TreeOpened
from confluence_mirror.mirror.ownership import ResolvedSpec
from confluence_mirror.mirror.recorded import RecordedStore, StoredMirror
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.mirror.tree_comparison import TreeComparison

log = logging.getLogger(__name__)


def check_documents(job: MirrorSpec, *, writes: bool) -> None:
    """Before Confluence is asked anything: raise what a run ends with that cannot use the place;
    ``writes``: whether this one will."""
    if job.documents is not None:
        job.documents.check(writes=writes)


def open_tree(job: MirrorSpec, recorded: RecordedStore, emit: Emit) -> DocumentTree | None:
    """The tree with the record of it; None where documents are not written. It is the mirror's,
    whichever collection that is in."""
    if job.documents is None:
        return None
    emit(TreeOpened(job.documents.place))
    mirror = (job.site, recorded.store.kind, recorded.store.place, job.collection)
    record = TreeRecord(recorded.manifest.database, mirror, job.documents.place)
    return DocumentTree(job.documents, record, job.site, emit)


def tell_place(job: MirrorSpec, recorded: RecordedStore) -> None:
    """Say once that documents are written elsewhere than before, or no longer."""
    store, manifest = recorded.store, recorded.manifest
    about = f"documents {job.site} {store.kind} {store.place} {job.collection}"
    place = job.documents.place if job.documents else ""
    before = manifest.read_known(about) or ""
    if before and before != place:
        now = f"are written to {place} from now on" if place else "are no longer written"
        log.warning(
            "the documents %s; those at %s stay as they are, and can be removed by hand",
            now,
            before,
        )
    if before != place:
        manifest.record_known(about, place)


def refresh_tree(tree: DocumentTree | None, mirror: StoredMirror, spec: ResolvedSpec) -> None:
    """Before a plan: take over what a lost manifest left behind; where the whole scope is compared,
    the tree is compared with its record, too."""
    if tree is None:
        return
    comparison = TreeComparison(tree, mirror.check, deep=spec.deep)
    if tree.record.is_empty():
        comparison.adopt_files(mirror.record, spec.scope)
    elif spec.whole(mirror.generation):
        comparison.plan_again(mirror.record)


def tree_drift(tree: DocumentTree | None, mirror: StoredMirror) -> list[str]:
    """Paths of documents that are missing or not as they were written."""
    if tree is None:
        return []
    rows = TreeComparison(tree, mirror.check, deep=True).find_drift()
    return [row.path for row in rows]
