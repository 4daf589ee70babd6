"""Answers read without trust, and the one reading of how long a server asks to wait."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.net.answers import DEEPEST, NotJson, Reply, parse_json, quote_foreign
from confluence_mirror.net.retry_after import LONGEST, read_retry_after

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)

UNREADABLE = {
    "nothing": b"",
    "HTML": b"<html>",
    "cut off": b'{"a": [1, 2',
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "lists 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "objects 100,000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a little too deep": b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
    "a number of 100,000 digits": b"1" * 100_000,
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_said_and_never_another_error(case: str) -> None:
    with pytest.raises(NotJson):
        parse_json(UNREADABLE[case])


def test_numbers_that_nobody_can_use_are_as_if_not_there() -> None:
    sent = b'{"a": [1e400, -1e400, NaN, Infinity, 9223372036854775808, 1.5], "b": {"c": 1%s}, "d": 9223372036854775807}'
    read = parse_json(sent % (b"0" * 400))
    assert read == {"a": [None] * 5 + [1.5], "b": {"c": None}, "d": 2**63 - 1}
    assert parse_json(b"1e400") is None


def test_half_a_character_becomes_the_one_that_stands_for_such() -> None:
    assert parse_json(rb'{"a\ud800": ["\uDC00x", "\ud83d\ude00"]}') == {
        "a\ufffd": ["\ufffdx", "\U0001f600"]
    }


def test_who_looks_at_infinities_gets_them_as_floats() -> None:
    read = parse_json(b"[1e400, NaN, -1%s]" % (b"0" * 400), finite=False)
    assert read[0] == math.inf
    assert math.isnan(read[1])
    assert read[2] == -math.inf


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_ordinary_json_is_read_as_it_is(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=300))
def test_any_bytes_are_a_value_or_no_json(content: bytes) -> None:
    with suppress(NotJson):
        parse_json(content)


def test_what_came_in_place_of_json_is_named() -> None:
    kinds = [
        Reply(200, headers, content).kind
        for headers, content in (
            ({}, b" "),
            ({"Content-Type": "text/html"}, b"Sign in"),
            ({}, b"\n<!DOCTYPE html>"),
            ({"Content-Type": "application/json"}, b"{"),
            ({}, b"ok"),
        )
    ]
    assert kinds == [
        "an empty body",
        "an HTML page",
        "an HTML page",
        "JSON that cannot be read",
        "a body that is not JSON",
    ]


def test_foreign_text_is_one_short_line() -> None:
    assert quote_foreign("a\x1b[2J\n b" + "x" * 500).isprintable()
    assert len(quote_foreign("x" * 500)) == 200


WAITS = {
    "7": 7.0,
    "2.5": 2.5,
    "0": 0.0,
    "-5": 0.0,
    "nan": None,
    "inf": None,
    "²": None,
    "soon": None,
    "": None,
    "1e300": LONGEST,
    "9" * 5000: None,
    "Wed, 01 Jul 2026 12:00:20 GMT": 20.0,
    "Wed, 01 Jul 2026 11:00:00 GMT": 0.0,
    "Fri, 31 Dec 9999 23:59:59 GMT": None,
    "Thu, 01 Jul 2400 12:00:00 GMT": LONGEST,
    "Wed, 01 Jul 2026 12:00:20 +9999": None,
    "Wed, 99 Jul 99999999999 12:00:00 GMT": None,
}


@pytest.mark.parametrize("written", WAITS)
def test_every_way_to_ask_for_a_pause_is_read_or_ignored(written: str) -> None:
    assert read_retry_after({"Retry-After": written}, NOON) == WAITS[written]
