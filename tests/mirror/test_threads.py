"""The text of a thread: every comment with who wrote it, whatever is in the others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.markdown import NoResolver
from confluence_mirror.mirror.threads import convert_thread, mentioned_accounts
from confluence_mirror.model import Body, Comment, PageRef, Version

WORDS = st.text("abcdefgh", min_size=1, max_size=8)
BROKEN = st.sampled_from(
    [
        "",
        "<p>",
        "</p></div>",
        "<ac:structured-macro>",
        "<![CDATA[ open",
        "<!-- open",
        "<table><tr><td>",
        "&nosuch; ]]>",
        "```\n",
        "<pre>```</pre>",
    ]
)


def thread(*comments: Comment, **details: object) -> Body:
    version = Version(1, "2026-01-31T08:15:00.000Z")
    place = ("current", "1", "Page", "7", "page", "u-1", version.created_at)
    ref = PageRef("70", "comment", *place, version, "", json.dumps(details))
    return Body(ref, "", comments=comments)


def said(number: int, body: str, author: str = "u-1") -> Comment:
    return Comment(str(number), author, f"2026-02-{number:02}T08:15:00.000Z", body)


@given(st.lists(st.tuples(WORDS, BROKEN), min_size=1, max_size=5))
def test_what_is_broken_in_one_comment_hides_no_other(parts: list[tuple[str, str]]) -> None:
    comments = [
        said(number, f"<p>begin{word}end</p>{broken}")
        for number, (word, broken) in enumerate(parts, 1)
    ]
    text = convert_thread(thread(*comments), NoResolver(), {"u-1": "Ann"}).markdown
    places = [text.index(f"**Ann**, 2026-02-{each:02}:") for each in range(1, len(parts) + 1)]
    bounds = [*places, len(text)]
    for number, (word, _) in enumerate(parts):
        assert f"begin{word}end" in text[bounds[number] : bounds[number + 1]]
    assert places == sorted(places)


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_name_or_a_marked_text_is_never_markup(name: str, selection: str) -> None:
    body = thread(said(1, "<p>said.</p>"), selection=selection)
    text = convert_thread(body, NoResolver(), {"u-1": name}).markdown
    assert text.endswith("2026-02-01:\n\nsaid.")
    assert not [line for line in text.split("\n") if line.startswith(("#", "```", "|"))]


def test_a_thread_without_words_has_no_text() -> None:
    body = thread(said(1, "<p> </p>"), said(2, ""), selection="marked")
    assert convert_thread(body, NoResolver(), {}).markdown == ""


def test_who_has_no_visible_name_is_someone() -> None:
    text = convert_thread(thread(said(1, "<p>said.</p>")), NoResolver(), {"u-1": " "}).markdown
    assert text == "**Someone**, 2026-02-01:\n\nsaid."


def test_names_are_asked_for_of_those_who_wrote_and_those_who_are_named() -> None:
    link = '<ac:link><ri:user ri:account-id="u-2" /></ac:link>'
    assert mentioned_accounts((said(1, link), said(2, "", ""))) == {"u-1", "u-2"}


@pytest.mark.parametrize(("resolved", "there"), [(True, True), (False, False)])
def test_a_resolved_thread_says_so(resolved: bool, there: bool) -> None:
    body = thread(said(1, "<p>said.</p>"), **({"resolved": True} if resolved else {}))
    assert ("(resolved)" in convert_thread(body, NoResolver(), {}).markdown) is there
