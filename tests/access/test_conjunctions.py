"""Conjunctions of audiences against the question itself: is this caller in each of them?"""

from __future__ import annotations

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.access import (
    CLOSED,
    Conjunction,
    conjoin,
    load_conjunction,
    make_conjunction,
    satisfied_keys,
)
from confluence_mirror.model import Audience, Caller, group_principal, user_principal

USERS, GROUPS = ("ann", "bob"), ("staff", "ops", "law")
EVERYBODY = [*map(user_principal, USERS), *map(group_principal, GROUPS)]
WHO = [
    frozenset(some)
    for some in chain.from_iterable(combinations(EVERYBODY, n) for n in range(len(EVERYBODY) + 1))
]
"""Every set of principals that somebody may be."""

audience_lists = st.lists(st.frozensets(st.sampled_from(EVERYBODY)), min_size=1, max_size=5)
callers = st.builds(
    Caller, st.sampled_from(USERS), st.frozensets(st.sampled_from(GROUPS)), st.booleans()
)


def may_read(audiences: list[Audience], who: frozenset[str]) -> bool:
    """The oracle: somebody in every audience."""
    return all(any(name in audience for name in who) for audience in audiences)


def readers(audiences: list[Audience]) -> list[bool]:
    return [may_read(audiences, who) for who in WHO]


@given(audience_lists)
def test_a_conjunction_admits_exactly_those_who_are_in_each_audience(
    audiences: list[Audience],
) -> None:
    made = make_conjunction(audiences)

    assert [made.admits(who) for who in WHO] == readers(audiences)


@given(audience_lists, audience_lists)
def test_keys_are_equal_exactly_where_the_readers_are(
    one: list[Audience], other: list[Audience]
) -> None:
    # Also of pairs that are the same in another order, with a repetition and a wider audience.
    same = [*reversed(one), one[0], one[0] | other[0]]

    assert make_conjunction(same).key == make_conjunction(one).key
    equal = make_conjunction(one).key == make_conjunction(other).key
    assert equal == (readers(one) == readers(other))


@given(audience_lists, audience_lists)
def test_one_conjunction_implies_another_where_all_its_readers_are_the_others_too(
    one: list[Audience], other: list[Audience]
) -> None:
    both = list(zip(readers(one), readers(other), strict=True))
    wider = all(theirs or not mine for mine, theirs in both)

    assert make_conjunction(one).implies(make_conjunction(other)) == wider
    joined = conjoin([make_conjunction(one), make_conjunction(other)])
    assert [joined.admits(who) for who in WHO] == [mine and theirs for mine, theirs in both]


@given(audience_lists)
def test_a_conjunction_is_read_back_as_it_was_recorded(audiences: list[Audience]) -> None:
    made = make_conjunction(audiences)

    assert load_conjunction(made.dump()) == made


@given(st.lists(audience_lists, max_size=4), callers)
def test_a_caller_satisfies_the_keys_of_what_it_may_read_and_no_others(
    several: list[list[Audience]], caller: Caller
) -> None:
    recorded = {made.key: made for made in map(make_conjunction, several)}
    who = {user_principal(caller.account_id), *map(group_principal, caller.groups)}

    wanted = {
        make_conjunction(audiences).key
        for audiences in several
        if caller.active and may_read(audiences, frozenset(who))
    }
    assert satisfied_keys(recorded, caller) == wanted


@given(audience_lists)
def test_an_audience_that_is_not_known_lets_nobody_read(audiences: list[Audience]) -> None:
    assert make_conjunction([*audiences, None]) == CLOSED
    assert make_conjunction([]) == CLOSED
    assert CLOSED.closed
    assert not any(CLOSED.admits(who) for who in WHO)


def test_what_is_recorded_under_another_key_or_cannot_be_read_lets_nobody_read() -> None:
    open_to_ann = make_conjunction([frozenset({user_principal("ann")})])
    ann = Caller("ann", frozenset(), active=True)

    assert satisfied_keys({open_to_ann.key: open_to_ann}, ann) == {open_to_ann.key}
    assert satisfied_keys({"0" * 16: open_to_ann}, ann) == frozenset()
    for text in ("", "null", "7", "[7]", "[[7]]", '{"a": 1', "[]", '[["user:ann"], null]'):
        assert load_conjunction(text) == CLOSED


def test_a_user_and_a_group_of_one_name_are_not_the_same() -> None:
    audience = make_conjunction([frozenset({group_principal("ann")})])

    assert not audience.admits({user_principal("ann")})
    assert isinstance(audience, Conjunction)
