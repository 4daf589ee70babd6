"""Copies of a text on several pages answer once, but not where they differ in a value."""

from __future__ import annotations

from dataclasses import dataclass

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
    kept = leave_out_copies(
        texts,
        page_of=lambda each: each.page,
        text_of=lambda each: each.text,
        modified_at=lambda each: each.modified,
    )
    return [each.page for each in kept]


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
