"""Answers for an account: from what it may read, from nothing else, and nothing where something is
unknown."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.access import CLOSED, Conjunction, make_conjunction
from confluence_mirror.errors import SourceUnavailable, WrongSettings
from confluence_mirror.model import Audience, Caller, group_principal, user_principal
from confluence_mirror.search import Answer, Question
from confluence_mirror.search.callers import KEPT_S, Callers
from tests.search.corpus import COUNTER, Corpus, pages_of
from tests.servers.memory_store import FULL

CANNOT_FILTER = replace(FULL, filters=False)
STAFF = frozenset({group_principal("staff")})
LAW = frozenset({group_principal("law")})


@dataclass
class Directory:
    """What Confluence would tell of accounts."""

    callers: dict[str, Caller] = field(default_factory=dict)
    readable: set[str] | None = None
    """Pages that are readable at this moment; None: the credential may not ask."""
    away: bool = False
    asked: int = 0

    def find_caller(self, account_id: str) -> Caller | None:
        self.asked += 1
        if self.away:
            raise SourceUnavailable("Confluence did not answer.", hint="")
        return self.callers.get(account_id)

    def readable_now(
        self, account_id: str, pages: Sequence[str], blogposts: Sequence[str]
    ) -> set[str] | None:
        if self.away:
            raise SourceUnavailable("Confluence did not answer.", hint="")
        return self.readable


def caller(account_id: str, *groups: str, active: bool = True) -> Caller:
    return Caller(account_id, frozenset(groups), active)


def record(mirror: Corpus, *conjunctions: Conjunction) -> None:
    dumped = {each.key: each.dump() for each in conjunctions}
    mirror.record.readers.record_conjunctions(dumped, alone=True)


def ask(
    mirror: Corpus, directory: Directory, who: str, text: str = "ledger", limit: int = 50
) -> Answer:
    return Callers(directory).answer(mirror.searched(), COUNTER, Question(text, limit), who)


audiences = st.frozensets(
    st.sampled_from([*map(group_principal, "abcd"), *map(user_principal, ("ann", "bob"))]),
    min_size=1,
    max_size=3,
)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.lists(audiences, min_size=1, max_size=4), min_size=1, max_size=12),
    st.frozensets(st.sampled_from("abcd")),
    st.booleans(),
)
def test_an_account_is_shown_all_that_it_may_read_and_nothing_else(
    pages: list[list[Audience]], groups: frozenset[str], filters: bool
) -> None:
    made = [make_conjunction(each) for each in pages]
    who = {user_principal("ann"), *map(group_principal, groups)}
    with Corpus(FULL if filters else CANNOT_FILTER) as mirror:
        for number, each in enumerate(made):
            mirror.add(str(number), f"Page {number}", f"Ledger {number * 37}.", access=each.key)
        mirror.add("99", "Without a key", "Ledger 99.")
        record(mirror, *made)
        directory = Directory({"ann": caller("ann", *groups)})
        found = pages_of(ask(mirror, directory, "ann").results)
    wanted = [str(number) for number, each in enumerate(pages) if all(one & who for one in each)]
    assert sorted(found) == sorted(wanted)


def test_what_an_account_may_not_read_takes_no_place_and_hides_no_copy() -> None:
    secret, open_ = make_conjunction([STAFF, LAW]), make_conjunction([STAFF])
    text = "The ledger of the harbor is kept by the tenant of the region, as agreed."
    with Corpus() as mirror:
        for number in range(200):
            words = Random(number).sample(["ledger"] * 9 + ["broker"] * 9, 9)
            mirror.add(str(number), "Ledger", f"{' '.join(words)} {number}", access=secret.key)
        mirror.add("800", "Original", text, access=secret.key, modified_at="2026-05-01T00:00:00Z")
        mirror.add("801", "Copy", text, access=open_.key, modified_at="2026-01-01T00:00:00Z")
        mirror.add("802", "Other", "A ledger.", access=open_.key)
        record(mirror, secret, open_)
        directory = Directory({"ann": caller("ann", "staff"), "bob": caller("bob", "staff", "law")})
        assert sorted(pages_of(ask(mirror, directory, "ann").results)) == ["801", "802"]
        assert "801" not in pages_of(ask(mirror, directory, "bob", text).results)


@pytest.mark.parametrize("indexed", [True, False])
def test_a_page_that_was_closed_in_the_record_is_not_shown_though_its_chunks_say_otherwise(
    indexed: bool,
) -> None:
    open_, law = make_conjunction([STAFF]), make_conjunction([LAW])
    with Corpus(indexed=indexed) as mirror:
        mirror.add("1", "Restricted tonight", "Ledger one.", access=open_.key)
        mirror.add("2", "Open", "Ledger two.", access=open_.key)
        record(mirror, open_, law)
        mirror.commit()
        mirror.record.readers.record_keys({"1": law.key})
        directory = Directory({"ann": caller("ann", "staff")})
        assert pages_of(ask(mirror, directory, "ann").results) == ["2"]


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("nobody", "knows no account nobody"),
        ("gone", "Account gone is not active"),
        ("alone", "alone may read nothing"),
    ],
)
def test_who_is_unknown_inactive_or_in_no_audience_gets_nothing_and_one_line_says_why(
    who: str, why: str
) -> None:
    staff = make_conjunction([STAFF])
    directory = Directory(
        {"gone": caller("gone", "staff", active=False), "alone": caller("alone", "unknown")}
    )
    with Corpus() as mirror:
        mirror.add("1", "Page", "Ledger.", access=staff.key)
        record(mirror, staff, CLOSED)
        answer = ask(mirror, directory, who)
    assert answer.results == ()
    assert why in answer.note
    assert "\n" not in answer.note


def test_while_confluence_is_away_nothing_is_shown() -> None:
    staff = make_conjunction([STAFF])
    directory = Directory({"ann": caller("ann", "staff")})
    now = [0.0]
    with Corpus() as mirror:
        mirror.add("1", "Page", "Ledger.", access=staff.key)
        record(mirror, staff)
        callers = Callers(directory, clock=lambda: now[0])
        question = Question("ledger")
        assert callers.answer(mirror.searched(), COUNTER, question, "ann").results
        now[0] += KEPT_S - 1
        assert callers.answer(mirror.searched(), COUNTER, question, "ann").results
        assert directory.asked == 1  # remembered for minutes

        directory.away = True  # the late check fails first, then the account is no longer known
        assert (
            "nothing is shown" in callers.answer(mirror.searched(), COUNTER, question, "ann").note
        )
        now[0] += 2
        away = callers.answer(mirror.searched(), COUNTER, question, "ann")
    assert away.results == ()
    assert "Confluence did not answer" in away.note


def test_what_was_restricted_after_the_last_run_is_dropped_where_the_credential_may_ask(
    caplog: pytest.LogCaptureFixture,
) -> None:
    staff = make_conjunction([STAFF])
    directory = Directory({"ann": caller("ann", "staff")}, readable={"2"})
    with Corpus() as mirror:
        mirror.add("1", "Restricted", "Ledger one.", access=staff.key)
        mirror.add("2", "Open", "Ledger two.", access=staff.key)
        record(mirror, staff)
        assert pages_of(ask(mirror, directory, "ann").results) == ["2"]
        directory.readable = None
        callers = Callers(directory)
        for _ in range(2):
            answer = callers.answer(mirror.searched(), COUNTER, Question("ledger"), "ann")
            assert sorted(pages_of(answer.results)) == ["1", "2"]
    assert len([each for each in caplog.records if "administrator" in each.message]) == 1


def test_the_keys_that_a_question_was_allowed_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    staff, law = make_conjunction([STAFF]), make_conjunction([LAW])
    with Corpus() as mirror, caplog.at_level(logging.DEBUG, "confluence_mirror.search.callers"):
        record(mirror, staff, law)
        ask(mirror, Directory({"ann": caller("ann", "staff")}), "ann")
    (line,) = [each.message for each in caplog.records if "allowed" in each.message]
    assert staff.key in line
    assert law.key not in line


def test_a_mirror_that_cannot_be_filtered_before_it_is_ranked_is_refused_with_a_sentence() -> None:
    with Corpus(CANNOT_FILTER, indexed=False) as mirror:
        mirror.add("1", "Page", "Ledger.", access=make_conjunction([STAFF]).key)
        with pytest.raises(WrongSettings, match="cannot filter a search"):
            ask(mirror, Directory(), "ann")
        lost = replace(mirror.searched(), record=None)
        with pytest.raises(WrongSettings, match="record of this mirror"):
            Callers(Directory()).answer(lost, COUNTER, Question("ledger"), "ann")


def test_a_mirror_of_which_no_readers_are_recorded_shows_nothing() -> None:
    with Corpus() as mirror:
        mirror.add("1", "Page", "Ledger.")
        answer = ask(mirror, Directory({"ann": caller("ann", "staff")}), "ann")
    assert answer.results == ()
    assert "ACCESS=true" in answer.note
