"""Terms: identifiers whole and in parts, one tokenizer for documents and questions."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from confluence_mirror.text.terms import (
    LONGEST,
    holds_whole,
    identifier_of,
    index_terms,
    question_terms,
)

IDENTIFIERS = {
    "ERR-4012": {"err-4012", "err", "4012"},
    "10.2.0.7": {"10.2.0.7", "10", "2", "0", "7"},
    "max_connections": {"max_connections", "max", "connection"},
    "pg_hba.conf": {"pg_hba.conf", "pg", "hba", "conf"},
    "maxConnections": {"maxconnection", "max", "connection"},
    "HTTPServerError": {"httpservererror", "http", "server", "error"},
    "C++": {"c++", "c"},
    "node-local-dns": {"node-local-dns", "node", "local", "dns"},
    "v2.3.1-rc1": {"v2.3.1-rc1", "v2", "3", "1", "rc1"},
    "ops@site.example": {"ops@site.example", "ops", "site", "example"},
    "データベース": {"デー", "ータ", "タベ", "ベー", "ース"},
    "障": {"障"},
}


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_an_identifier_is_a_term_as_a_whole_and_in_its_parts(identifier: str) -> None:
    assert set(question_terms(identifier)) == IDENTIFIERS[identifier]
    assert IDENTIFIERS[identifier] <= set(index_terms(f"| see: `{identifier}`, or **not**. |"))
    assert identifier_of(f" `{identifier}`? ") == identifier


@pytest.mark.parametrize(
    ("text", "identifier", "held"),
    [
        ("see err-4012.", "ERR-4012", True),
        ("(ERR-4012)", "ERR-4012", True),
        ("ERR-40121", "ERR-4012", False),
        ("ERR-4012-b", "ERR-4012", False),
        ("XERR-4012", "ERR-4012", False),
        ("at 10.2.0.7:8080", "10.2.0.7", True),
        ("at 10.2.0.71, 110.2.0.7 and 10.2.0.7.5", "10.2.0.7", False),
        ("at 10.2.0.71, then 10.2.0.7", "10.2.0.7", True),
        ("superuser_max_connections", "max_connections", False),
        (r"set max\_connections", "max_connections", True),
        ("/etc/pg_hba.conf", "pg_hba.conf", True),
        ("pg_hba.conf.bak", "pg_hba.conf", False),
        ("in /var/lib/beacon/epoch", "beacon/epoch", True),
        ("not foo.env", ".env", False),
        ("in .env", ".env", True),
        ("written in C++.", "C++", True),
        ("障害が発生しました", "発生", True),
        ("障害が発生しました", "発信", False),
        ("ABC障害", "障害", True),
        ("Großes Ａ-1", "a-1", True),
    ],
)
def test_an_identifier_is_held_whole_and_not_as_a_part_of_a_longer_one(
    text: str, identifier: str, held: bool
) -> None:
    assert holds_whole(text, identifier) is held


@pytest.mark.parametrize(
    "question",
    ["How do I restore it?", "kubelet", "Restore", "", "  ", "???", "ERR-4012 and others", "!"],
)
def test_a_sentence_and_a_mere_word_are_no_identifiers(question: str) -> None:
    assert identifier_of(question) is None


def test_questions_lose_their_stop_words_unless_there_is_nothing_else() -> None:
    assert question_terms("What is the timeout of the broker?") == ["timeout", "broker"]
    assert question_terms("To be or not to be") == ["to", "be", "or", "not"]
    assert question_terms("?!") == []


def test_plurals_accents_and_widths_are_one_term_with_what_is_asked_for() -> None:
    assert index_terms("Policies, caches, boss, status") == ["policy", "cache", "boss", "status"]
    assert index_terms("Größe RÉSUMÉ ＡＢＣ") == ["große".casefold(), "resume", "abc"]


WORDS = st.from_regex(r"[A-Za-z0-9_]{1,12}([-.@+#/:][A-Za-z0-9_]{1,6}){0,4}", fullmatch=True)
TEXTS = st.text(max_size=60) | st.text(
    alphabet="ab1 _.-@+#|*`\\\"'():^&!<>?%~漢字かなกขé\u0301ßİ\ud800\x00\n", max_size=40
)


@given(TEXTS, TEXTS, WORDS | TEXTS)
def test_whatever_a_text_holds_whole_is_found_by_all_its_terms(
    before: str, after: str, identifier: str
) -> None:
    assume(index_terms(identifier))
    text = f"{before} {identifier} {after}"
    if holds_whole(text, identifier):
        assert set(index_terms(identifier)) <= set(index_terms(text))
        assert set(question_terms(identifier)) <= set(index_terms(text))


@given(TEXTS, WORDS, TEXTS)
def test_any_identifier_of_a_text_is_held_whole(before: str, identifier: str, after: str) -> None:
    assert holds_whole(f"{before} {identifier} {after}", identifier)
    assert not holds_whole(f"{identifier}x", identifier)


@given(TEXTS)
def test_a_term_has_nothing_that_an_index_could_take_for_an_operator(text: str) -> None:
    for term in index_terms(text):
        assert not re.search(r"[\s\"'()*:^&|!<>\\\x00\ud800-\udfff]", term)
        assert 0 < len(term) <= LONGEST
        assert term not in {"AND", "OR", "NOT", "NEAR"}
    assert set(question_terms(text)) <= set(index_terms(text))
