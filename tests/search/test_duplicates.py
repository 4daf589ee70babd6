"""Copies of a text on several pages answer once, but not where they differ in a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.search.duplicates import leave_out_copies

RUNBOOK = (
    "Before you restart the ingress, tell the person on call and lock the tenant. Then drain the"
    " node, wait until the last session has ended, restart the service and unlock the tenant. The"
    " dashboard shows the new process within a minute; if it does not, roll back and open a ticket"
    " with the network team, who will look at the balancer."
)


@dataclass(frozen=True)
class Text:
    page: str
    text: str
    modified: str = "2026-01-01T00:00:00Z"


def left(*texts: Text) -> list[str]:
    """Their pages."""
    return [each.page for each in left_texts(*texts)]


def left_texts(*texts: Text) -> list[Text]:
    kept = leave_out_copies(
        texts,
        page_of=lambda each: each.page,
        text_of=lambda each: each.text,
        modified_at=lambda each: each.modified,
    )
    return list(kept)


def test_of_two_equal_texts_the_one_last_modified_stands_in_the_better_place() -> None:
    old, new = Text("old", RUNBOOK), Text("new", RUNBOOK, "2026-02-01T00:00:00Z")
    between = Text("between", "Something else altogether.")
    assert left(old, between, new) == ["new", "between"]
    assert left(new, between, old) == ["new", "between"]


def test_nine_tenths_of_the_words_make_a_copy() -> None:
    nearly = RUNBOOK.replace("on call", "in charge").replace("look at", "inspect")
    assert left(Text("1", RUNBOOK), Text("2", nearly)) == ["1"]


def test_less_than_nine_tenths_do_not() -> None:
    words = RUNBOOK.split()
    changed = " ".join("otherwise" if n % 6 == 0 else word for n, word in enumerate(words))
    assert left(Text("1", RUNBOOK), Text("2", changed)) == ["1", "2"]


def test_texts_that_differ_in_a_value_both_stand() -> None:
    for value, other in [
        ("port 5432", "port 5433"),
        ("host db-1.eu.internal", "host db-2.eu.internal"),
        ("max_connections", "max_sessions"),
        ("10.2.0.7", "10.2.0.8"),
    ]:
        texts = [f"{RUNBOOK} Use {each} for it." for each in (value, other)]
        assert left(Text("1", texts[0]), Text("2", texts[1])) == ["1", "2"], value


def test_the_same_values_in_other_places_are_another_text() -> None:
    eu = f"{RUNBOOK} In the EU the limit is 30 MB, in the US the limit is 50 MB."
    us = f"{RUNBOOK} In the EU the limit is 50 MB, in the US the limit is 30 MB."
    assert left(Text("1", eu), Text("2", us)) == ["1", "2"]


def test_a_page_that_says_a_thing_twice_is_not_its_own_copy() -> None:
    assert left(Text("1", RUNBOOK), Text("1", RUNBOOK)) == ["1", "1"]


def are_copies(one: Text, other: Text) -> bool:
    """By the rule alone, without a look at what could be left out."""
    words = [re.findall(r"\w+(?:[-._:/@]\w+)*", each.text) for each in (one, other)]
    fewer, more = sorted(map(len, words))
    shorter, longer = sorted(len(each.text) for each in (one, other))
    if one.page == other.page or shorter < 0.75 * longer or fewer < 0.9 * more:
        return False
    if words[0] == words[1]:
        return True
    triples = [set(zip(each, each[1:], each[2:], strict=False)) for each in words]
    shared = len(triples[0] & triples[1])
    if not shared or shared < 0.6 * max(map(len, triples)):
        return False
    changes = SequenceMatcher(None, *words, autojunk=False).get_opcodes()
    differing = [
        word
        for tag, a, b, c, d in changes
        if tag != "equal"
        for word in words[0][a:b] + words[1][c:d]
    ]
    values = [word for word in differing if re.search(r"\d|[-._:/@]|[a-z][A-Z]", word)]
    return len(differing) <= 0.2 * more and not values


def left_by_the_rule(*texts: Text) -> list[Text]:
    waiting, kept = list(texts), []
    while waiting:
        best, others = waiting[0], waiting[1:]
        waiting = []
        for other in others:
            if not are_copies(best, other):
                waiting.append(other)
            elif other.modified > best.modified:
                best = other
        kept.append(best)
    return kept


WORDS = st.sampled_from([*RUNBOOK.split()[:12], "port", "5432", "10.2.0.7", "maxSize", "é"])


@st.composite
def copies(draw: st.DrawFn) -> list[Text]:
    """Texts of one template with few words changed, left out or put in, on a few pages."""
    template = draw(st.lists(WORDS, max_size=30))
    texts = []
    for _ in range(draw(st.integers(2, 5))):
        words = list(template)
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(words)))
            words[at : at + draw(st.integers(0, 1))] = draw(st.lists(WORDS, max_size=1))
        page, modified = draw(st.sampled_from("abc")), draw(st.sampled_from("123"))
        texts.append(Text(page, " ".join(words), modified))
    return texts


@given(copies())
def test_what_is_left_is_what_the_rule_leaves_pair_by_pair(texts: list[Text]) -> None:
    assert left_texts(*texts) == left_by_the_rule(*texts)
