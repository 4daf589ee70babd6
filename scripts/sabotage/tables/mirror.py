"""Invariants 1, 4 and 5: what the store holds, what an edit costs, and which edits a run sees."""

from __future__ import annotations

from scripts.sabotage.sabotage import SOURCE, Sabotage

MIRROR_BREAKS: tuple[Sabotage, ...] = (
    Sabotage(
        "archived pages are mirrored",
        "1",
        "confluence/pages.py",
        '"sort": "id", "status": "current"}',
        '"sort": "id"}',
        ("tests/confluence",),
    ),
    Sabotage(
        "moves and labels are not compared",
        "1",
        "mirror/compare.py",
        "        if self._is_moved(ref, row, labels, access) or self._has_learned(ref, row):\n",
        "        if False:\n",
    ),
    Sabotage(
        "a store that lost its data is not noticed",
        "1",
        "mirror/ownership.py",
        "        lost = not self._store.holds_data(collection) if written else self._is_dead(collection)\n",
        "        lost = False\n",
        ("tests/mirror/test_nights.py", "tests/mirror/test_repair.py", "tests/job"),
    ),
    Sabotage(
        "the ids in the store are not compared",
        "1",
        "mirror/ownership.py",
        "        if self._spec.whole(generation):\n            return True\n",
        "",
        ("tests/mirror/test_comparison.py",),
    ),
    Sabotage(
        "a text in the store is not compared with its id",
        "1",
        "mirror/verify.py",
        "        if row.text is not None and not _is_own_text(row, row.text):\n            return False\n",
        "",
        ("tests/mirror/test_comparison.py",),
    ),
    Sabotage(
        "a changed setting re-plans nothing",
        "4",
        "mirror/compare.py",
        "        if row.version != ref.version or row.fingerprint != fingerprint:\n",
        "        if row.version != ref.version:\n",
    ),
    Sabotage(
        "a chunk's id depends on where it stands",
        "4",
        "chunking/chunker.py",
        "chunk_id(site_id, page_id, found.text)",
        "chunk_id(site_id, page_id, found.text, index)",
        ("tests/chunking", "tests/mirror/test_nights.py"),
    ),
    Sabotage(
        "a window in CQL is an absolute time",
        "5",
        "confluence/cql.py",
        "f'lastmodified >= now(\"-{since_hours:d}h\")'",
        "f'lastmodified >= \"{datetime.now(UTC) - timedelta(hours=since_hours):%Y-%m-%d %H:%M}\"'",
        SOURCE,
    ),
    Sabotage(
        "a window lies in the future",
        "5",
        "confluence/cql.py",
        "f'lastmodified >= now(\"-{since_hours:d}h\")'",
        "f'lastmodified >= now(\"{since_hours:d}h\")'",
        SOURCE,
    ),
    Sabotage(
        "a window does not reach back further than the last run",
        "5",
        "mirror/window.py",
        "    return max(settings.since_hours, since_last + OVERLAP_HOURS)\n",
        "    return max(1, since_last - 1)\n",
    ),
    Sabotage(
        "versions count as changed only when they grow",
        "5",
        "mirror/compare.py",
        "        if row.version != ref.version or row",
        "        if row.version.number < ref.version.number or row",
    ),
    Sabotage(
        "the version of the listing is recorded, not that of the body",
        "5",
        "confluence/records.py",
        "    return Body(read, value, body_format)\n",
        "    return Body(ref, value, body_format)\n",
        SOURCE,
    ),
    Sabotage(
        "a page that moved to another shard is removed by the former",
        "1",
        "mirror/evidence.py",
        "            elif ref.is_current_in(of_shards):\n",
        "            elif False:\n",
        ("tests/mirror/test_shard_moves.py",),
    ),
    Sabotage(
        "a shard writes a page that another one records",
        "1",
        "mirror/shard_pages.py",
        "            held = self._shards.find_held([ref.id for ref in refs if ref.id not in own])\n",
        "            held: set[str] = set()\n",
        ("tests/mirror/test_shard_moves.py",),
    ),
    Sabotage(
        "the watermark moves before anything is applied",
        "5",
        "mirror/run.py",
        "        try:\n            if not again:\n",
        "        try:\n            mirror.record.finish(plan.started, reconciled=True)\n"
        "            if not again:\n",
    ),
)
