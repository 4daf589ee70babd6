"""Into how many shards a mirror is divided: whether a run fits that, and how it is divided anew."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from confluence_mirror.errors import Refused, WrongSettings
from confluence_mirror.manifest import AssignedSpace, Generation, ShardRecord
from confluence_mirror.mirror.division import place_all
from confluence_mirror.mirror.recorded import RecordedStore
from confluence_mirror.mirror.shards import mirror_record
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.model import Shard

log = logging.getLogger(__name__)


def require_shards(recorded: RecordedStore, job: MirrorSpec) -> None:
    """Raise ``Refused`` where the mirror is divided into another number of shards, unless that is
    meant: then it is divided anew, if this run may write. Under this run's own lock."""
    former = _divided_otherwise(recorded, job)
    if not former:
        return
    if not job.change_scope:
        raise Refused(
            f"Collection {job.collection} is {_describe(former[0].shard)}; this run is"
            f" {_describe(recorded.shard)}. No page was read or removed.",
            hint=f"Set {_setting(former[0].shard)}. Meant: --change-scope divides it anew.",
        )
    if recorded.manifest.database.read_only:
        raise Refused(
            f"Collection {job.collection} is {_describe(former[0].shard)}, and what a run as"
            f" {_describe(recorded.shard)} would do shows when it is divided anew, which a dry run"
            " does not do.",
            hint="Run a sync with --change-scope: it removes and sends nothing for that.",
        )
    with recorded.hold_mirror_lock(job.collection, job.lock_wait_s), ExitStack() as locks:
        # Another shard may have done it meanwhile.
        former = _divided_otherwise(recorded, job)
        _hold_locks(recorded, [each for each in former if each.shard], job.lock_wait_s, locks)
        if former:
            record = _record_of(recorded, job)
            record.run_alone(lambda: _divide_anew(recorded, job, former, record))


@contextmanager
def all_shards_alone(recorded: RecordedStore, job: MirrorSpec) -> Iterator[None]:
    """For a run of the whole mirror: the locks of all its shards. Raises ``WrongSettings`` for a
    run of one of them."""
    if recorded.shards is not None:
        raise WrongSettings(
            "A mirror is removed as a whole, and SHARD names a part of it; nothing was removed.",
            hint="Unset SHARD.",
        )
    generations = recorded.current_generations(job.collection, job.site)
    with ExitStack() as locks:
        _hold_locks(recorded, [each for each in generations if each.shard], job.lock_wait_s, locks)
        yield


def forget_shards(recorded: RecordedStore, job: MirrorSpec) -> None:
    """No space of this mirror has a shard any more."""
    _record_of(recorded, job).forget_spaces()


def _record_of(recorded: RecordedStore, job: MirrorSpec) -> ShardRecord:
    store = recorded.store
    return mirror_record(recorded.manifest, (store.kind, store.place), job.collection, job.site)


def _divided_otherwise(recorded: RecordedStore, job: MirrorSpec) -> list[Generation]:
    """The generations in force of this mirror that are not of as many shards as this run."""
    return [
        each
        for each in recorded.every_generation(job.collection)
        if each.state == "current"
        and each.site == job.site
        and _count_of(each.shard) != _count_of(recorded.shard)
    ]


def _hold_locks(
    recorded: RecordedStore, generations: Sequence[Generation], wait_s: float, locks: ExitStack
) -> None:
    """Those of these shards: none of them is at work."""
    for each in generations:
        lock: AbstractContextManager[None] = recorded.hold_shard_lock(each, wait_s)
        locks.enter_context(lock)


def _divide_anew(
    recorded: RecordedStore, job: MirrorSpec, former: Sequence[Generation], record: ShardRecord
) -> None:
    """All that is recorded goes to the shards of its spaces; nothing changes in the store. What is
    recorded twice stays behind: the next comparison of the store finds it."""
    manifest, first = recorded.manifest, former[0]
    count = _count_of(recorded.shard)
    sizes, known = record.sizes(former), record.spaces()
    placed = place_all({*known, *filter(None, sizes)}, sizes, count)
    made = [
        manifest.of(
            manifest.begin(
                job.site,
                (first.store, first.place),
                job.collection,
                (first.collection_id, first.collection_name),
                "current",
                first.scope,
                any(each.made_by_us for each in former),
                str(Shard(index, count)) if count > 1 else "",
            )
        )
        for index in range(count)
    ]
    for giver in former:
        for space_id in record.sizes([giver]):
            pages = record.page_ids(giver, space_id)
            taker = made[placed.get(space_id, 0)]
            record.take_pages(taker, manifest.of(giver), pages, replan=False)
        manifest.forget_generation(giver)
    record.forget_spaces()
    if count > 1:
        record.record_spaces(
            {
                each: AssignedSpace(known[each].key if each in known else "", shard)
                for each, shard in placed.items()
            }
        )
    log.info("collection %s is %s from now on", job.collection, _describe(recorded.shard))


def _count_of(shard: str) -> int:
    return int(shard.partition("/")[2]) if shard else 1


def _describe(shard: str) -> str:
    return f"a mirror in {_count_of(shard)} shards" if shard else "a mirror in one piece"


def _setting(shard: str) -> str:
    return f"SHARD=…/{_count_of(shard)}" if shard else "no SHARD"
