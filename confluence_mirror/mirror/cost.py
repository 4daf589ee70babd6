"""What a plan would cost, by what is recorded and by how fast the last run was."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields

from confluence_mirror.manifest import Manifest, Record
from confluence_mirror.mirror.events import CostEstimated
from confluence_mirror.mirror.page_diff import PageDiff
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.recorded import RecordedStore
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.stores.base import Capabilities

_CHUNKS_PER_PAGE = 3.0
"""Where nothing is recorded yet."""
_FULL = 0.5
"""How much of the tokens that a chunk may have it has, where none was sent yet."""
_ENOUGH_PAGES = 20
"""So many written pages say how fast a run is; fewer of them only where nothing is known."""


@dataclass(slots=True)
class Pace:
    """What a run wrote, and the seconds that this took, embedding included."""

    pages: int = 0
    chunks: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def note_batch(self, diffs: Sequence[PageDiff]) -> None:
        """These pages are written."""
        chunks = [chunk for diff in diffs for chunk in diff.send]
        self.pages += len(diffs)
        self.chunks += len(chunks)
        self.tokens += sum(_count_tokens(chunk.metadata.get("tokens")) for chunk in chunks)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Writing goes on in here."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began


def remember_pace(recorded: RecordedStore, job: MirrorSpec, pace: Pace) -> None:
    """For the dry runs to come. A run that wrote nothing changes nothing."""
    name = _name(recorded, job)
    if pace.pages >= _ENOUGH_PAGES or (pace.pages and _known(recorded.manifest, name) is None):
        recorded.manifest.record_known(name, json.dumps(asdict(pace)))


def estimate_cost(
    plan: Plan, record: Record, recorded: RecordedStore, job: MirrorSpec
) -> CostEstimated:
    """What a run that applies this plan would write. Nothing is read for it: chunks are as many as
    the recorded pages have on average."""
    rebuilds = _needs_rebuild(plan, recorded.capabilities, job)
    of_children = sum(each.listed for each in plan.children.values())
    pages = plan.listed + of_children if rebuilds else plan.work()
    rows, held = record.page_count(), record.chunk_count()
    pace = _known(recorded.manifest, _name(recorded, job)) or Pace()
    each = held / rows if rows and held else _CHUNKS_PER_PAGE
    chunks = round(pages * each)
    per_chunk = pace.tokens / pace.chunks if pace.chunks else job.recipe.chunks.tokens * _FULL
    seconds = None
    if pace.chunks:
        seconds = chunks * pace.seconds / pace.chunks
    elif pace.pages:
        seconds = pages * pace.seconds / pace.pages
    return CostEstimated(
        pages, chunks, round(chunks * per_chunk), seconds, rebuilds, bool(rows and held)
    )


def _needs_rebuild(plan: Plan, can: Capabilities, job: MirrorSpec) -> bool:
    """Whether applying it takes a new collection, as far as that is known before pages are read."""
    changed = plan.work() - plan.kinds.get("add", 0)
    if not plan.recorded or not (plan.work() or plan.remove):
        return False
    if job.write_mode == "rotate":
        return True
    in_place = can.deletes and (can.replaces or not changed)
    return job.write_mode != "append" and bool(changed or plan.remove) and not in_place


def _name(recorded: RecordedStore, job: MirrorSpec) -> str:
    store = recorded.store
    return f"pace {store.kind} {store.place} {job.collection} {job.site}"


def _known(manifest: Manifest, name: str) -> Pace | None:
    try:
        found = json.loads(manifest.read_known(name) or "")
        return Pace(**{each.name: found[each.name] for each in fields(Pace)})
    except (ValueError, KeyError, TypeError):
        return None


def _count_tokens(value: object) -> int:
    return value if isinstance(value, int) else 0
