"""What an operator is told once for a mirror: each night the same is read by nobody."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterable

from confluence_mirror.errors import NOT_ANSWERED
from confluence_mirror.mirror.events import Emit, FilesLeft
from confluence_mirror.mirror.ports import Source
from confluence_mirror.mirror.recorded import RecordedStore
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.spec import MirrorSpec

log = logging.getLogger(__name__)


class Notices:
    """Warnings of one run about what stays as it is until somebody changes it.

    Each is a warning in the first run that meets it, and a debug line from then on, until a
    run of the whole scope no longer meets it. Before the manifest is open they wait; where it
    never is, they are all told. Texts must be the same from night to night: without counts.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = [text for text in dict.fromkeys(texts) if text]
        self._recorded: RecordedStore | None = None
        self._about = ""
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def tell(self, *texts: str) -> None:
        """Each once in a run."""
        with self._lock:
            new = [text for text in dict.fromkeys(texts) if text and text not in self._texts]
            self._texts += new
        if self._recorded is not None:
            self._say(new)

    def remember(self, recorded: RecordedStore, job: MirrorSpec) -> None:
        """From now on what earlier runs of this mirror, or of this shard of it, told is known. A
        run that looks only tells all."""
        part = f" {job.shard}" if job.shard else ""
        store = recorded.store
        self._about = f"notices {store.kind} {store.place} {job.collection}{part}"
        self._recorded = recorded
        if not recorded.manifest.database.read_only:
            self._known = set(json.loads(recorded.manifest.read_known(self._about) or "[]"))
        self._say(self._texts)

    def _say(self, texts: Iterable[str]) -> None:
        for text in texts:
            log.log(logging.DEBUG if _digest(text) in self._known else logging.WARNING, "%s", text)
        self._keep(self._known | {_digest(text) for text in texts})

    def forget_settled(self) -> None:
        """After a run of the whole scope: what it did not meet is a warning again when it comes
        back."""
        self._keep(self._known & {_digest(text) for text in self._texts})

    def _keep(self, known: set[str]) -> None:
        if self._recorded is None or self._recorded.manifest.database.read_only:
            return
        if known != self._known:
            self._known = known
            self._recorded.manifest.record_known(self._about, json.dumps(sorted(known)))

    def close(self) -> None:
        """At the end of a run: where its manifest was never open, all are told."""
        if self._recorded is None:
            for text in self._texts:
                log.warning("%s", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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
