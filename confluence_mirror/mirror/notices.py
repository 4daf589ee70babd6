"""What an operator is told once for a mirror: each night the same is read by nobody."""

from __future__ import annotations

import logging

from confluence_mirror.errors import NOT_ANSWERED
from confluence_mirror.mirror.events import Emit, FilesLeft
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.recorded import RecordedStore
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.spec import MirrorSpec

log = logging.getLogger(__name__)


def give_advice(recorded: RecordedStore, job: MirrorSpec) -> None:
    """Tell what would give better answers."""
    advice, store = job.recipe.advice, recorded.store
    about = f"advice {store.kind} {store.place} {job.collection}"
    if advice and recorded.manifest.read_known(about) != advice:
        log.warning("%s", advice)
        recorded.manifest.record_known(about, advice)


def count_left_files(
    recorded: RecordedStore, source: Source, scope: Scope, collection: str, emit: Emit
) -> None:
    """Tell how many files a mirror leaves out that has none of them."""
    about = f"files left out {recorded.store.kind} {recorded.store.place} {collection}"
    if "attachment" in scope.children or recorded.manifest.read_known(about):
        return
    try:
        count = source.count_files([space.key for space in scope.spaces])
    except NOT_ANSWERED:
        return  # a later night can tell as well
    if count:
        emit(FilesLeft(count))
    recorded.manifest.record_known(about, str(count))
