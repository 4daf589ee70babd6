"""Which shard a space is in: pure arithmetic over the sizes of spaces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping


def hash_shard(key: str, count: int) -> int:
    """The shard of a space of which nothing but its key is known."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % count


def place_new(
    new: Mapping[str, str], placed: Mapping[str, int], sizes: Mapping[str, int], count: int
) -> dict[str, int]:
    """The shards of spaces that are not ``placed`` yet (id → key).

    Each goes to the smallest shard, and counts there as much as a space of mean size until its own
    is known. Where no size is known, the hash of its key decides.
    """
    if not any(sizes.values()):
        return {each: hash_shard(key, count) for each, key in new.items()}
    mean = sum(sizes.values()) / len(sizes)
    loads = dict.fromkeys(range(count), 0.0)
    for each, shard in placed.items():
        loads[shard] += sizes.get(each, mean)
    found: dict[str, int] = {}
    for each in sorted(new, key=lambda each: new[each]):
        found[each] = _smallest(loads)
        loads[found[each]] += mean
    return found


def place_all(spaces: Iterable[str], sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """The shards of all spaces: the largest first, each to the smallest shard
    (https://en.wikipedia.org/wiki/Longest-processing-time-first_scheduling)."""
    loads = dict.fromkeys(range(count), 0.0)
    found: dict[str, int] = {}
    for each in sorted(spaces, key=lambda each: (-sizes.get(each, 0), each)):
        found[each] = _smallest(loads)
        # An empty space counts, too: it may fill.
        loads[found[each]] += max(sizes.get(each, 0), 1)
    return found


def _smallest(loads: Mapping[int, float]) -> int:
    return min(loads, key=lambda shard: (loads[shard], shard))
