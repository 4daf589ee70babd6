"""Pages in a plan that are another shard's: still, or from now on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluence_mirror.manifest import Record
from confluence_mirror.mirror.plan import Plan
from confluence_mirror.mirror.recorded import StoredMirror
from confluence_mirror.mirror.shards import Shards
from confluence_mirror.model import PageRef


class ShardPages:
    """What a plan leaves to the other shards."""

    def __init__(self, shards: Shards, record: Record) -> None:
        self._shards = shards
        self._record = record
        self.others = shards.record_of_others()
        """What they record."""

    def count_others(self) -> int:
        """Pages that the other shards record."""
        return self.others.page_count() if self.others else 0

    def leave_held(self, plan: Plan, listed: Iterable[Sequence[PageRef]]) -> None:
        """Leave out what another shard still records."""
        for refs in listed:
            own = self._record.pages([ref.id for ref in refs])
            held = self._shards.find_held([ref.id for ref in refs if ref.id not in own])
            plan.listing.exclude_pages(held)
            # A document on a page is looked at with its page.
            plan.held += sorted({_page_of(ref) for ref in refs if ref.id in held} - set(plan.held))

    def find_doubles(self, plan: Plan) -> list[str]:
        """Pages that moved, and that the shard of their space has recorded itself, since both were
        at work when they moved: what is recorded of them here must go."""
        doubles = self._shards.find_held(list(plan.moved))
        for page in doubles:
            del plan.moved[page]
        return sorted(doubles)


def record_plan(mirror: StoredMirror, plan: Plan) -> None:
    """What is recorded of a plan before it is applied, in a run that writes: who may read its
    pages, and which pages the other shards may take."""
    record = mirror.record
    if plan.readers is not None:
        plan.readers.record(record, whole=not plan.partial)
        # Who may read a page elsewhere, the shard there finds out: until then nobody may.
        record.readers.record_keys(dict.fromkeys(plan.moved, ""))
    if mirror.shards is not None:
        noted = mirror.shards.record.moved_pages(record.generation)
        shown = plan.listing.shown_ids(noted)
        back = [page for page in noted if page in shown or page in plan.remove]
        if plan.moved or back:
            mirror.shards.note_moved(record, plan.moved, back)


def _page_of(ref: PageRef) -> str:
    return (ref.parent_id or ref.id) if ref.type in ("attachment", "comment") else ref.id
