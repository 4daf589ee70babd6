"""Which shard a space is in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.mirror.division import hash_shard, place_all, place_new

IDS = st.text("0123456789", min_size=1, max_size=4)
SIZES = st.dictionaries(IDS, st.integers(0, 10_000), min_size=1, max_size=30)
COUNTS = st.integers(1, 6)


@given(sizes=SIZES, new=st.sets(IDS), count=COUNTS)
def test_a_new_space_goes_to_the_smallest_shard_and_the_others_stay(
    sizes: dict[str, int], new: set[str], count: int
) -> None:
    placed = place_all(sizes, sizes, count)
    added = place_new({each: each for each in new - sizes.keys()}, placed, sizes, count)
    assert added.keys() == new - sizes.keys()
    if len(added) == 1 and any(sizes.values()):
        loads = [sum(sizes[e] for e in placed if placed[e] == n) for n in range(count)]
        assert loads[next(iter(added.values()))] == min(loads)


@given(keys=st.sets(IDS), count=COUNTS)
def test_on_the_first_night_the_hash_of_its_key_places_a_space(keys: set[str], count: int) -> None:
    found = place_new({f"id of {key}": key for key in keys}, {}, {}, count)
    assert found == {f"id of {key}": hash_shard(key, count) for key in keys}


@given(sizes=SIZES, count=COUNTS)
def test_shards_differ_by_no_more_than_one_space(sizes: dict[str, int], count: int) -> None:
    loads = dict.fromkeys(range(count), 0)
    for each, shard in place_all(sizes, sizes, count).items():
        loads[shard] += max(sizes[each], 1)
    assert max(loads.values()) - min(loads.values()) <= max(1, *sizes.values())


def test_many_spaces_that_come_in_one_night_are_spread() -> None:
    found = place_new({f"{n}": f"S{n}" for n in range(9)}, {"a": 0, "b": 1}, {"a": 5, "b": 5}, 3)
    spread = [list(found.values()).count(shard) for shard in range(3)]
    assert sorted([spread[0] + 1, spread[1] + 1, spread[2]]) == [3, 4, 4]
