"""Names in the tree: what any file system, S3 and Windows take, and no two alike."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.document_store.paths import (
    MOST_BYTES,
    MOST_FOLDER_BYTES,
    fold_path,
    folder_below,
    name_files,
    name_siblings,
    name_with_id,
    page_path,
    path_beside,
    safe_name,
)

TITLES = st.text() | st.text(alphabet="aA./\\: é\u0301()1_\u202e\ud800\x00", max_size=12)
SIBLINGS = st.dictionaries(st.integers(1, 30).map(str), TITLES, max_size=8)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Home", "Home"),
        ("Und: was/wie?", "Und_ was_wie_"),
        ("  v1.2. ", "v1.2"),
        (".NET", ".NET"),
        ("..", "_"),
        ("", "_"),
        ("nul", "nul_"),
        ("COM1.txt", "COM1_.txt"),
        ("Console", "Console"),
        ("e\u0301te\u0301", "été"),
        ("invoice\u202egpj.exe", "invoice_gpj.exe"),
        ("tab\there\nthere", "tab_here_there"),
        ("👩‍💻 at work", "👩‍💻 at work"),
        ("100% done #1 [x]", "100% done #1 [x]"),
    ],
)
def test_a_title_becomes_a_name_that_people_still_recognise(title: str, name: str) -> None:
    assert safe_name(title) == name


@given(TITLES)
def test_a_safe_name_is_one_segment_everywhere_and_stays_as_it_is(title: str) -> None:
    name = safe_name(title)
    assert 0 < len(name.encode()) <= MOST_BYTES
    assert name.strip(" .")
    assert name == name.rstrip(" .")
    assert not set(name) & set('<>:"/\\|?*')
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in name)
    assert unicodedata.is_normalized("NFC", name)
    assert safe_name(name) == name


@given(SIBLINGS, st.randoms())
def test_siblings_have_names_that_differ_whatever_their_case_and_the_order_they_come_in(
    titles: dict[str, str], random: object
) -> None:
    names = name_siblings(titles)
    assert names.keys() == titles.keys()
    folded = [fold_path(name) for name in names.values()]
    assert len(set(folded)) == len(folded)
    assert not {"attachments", "page_content.md"} & set(folded)
    assert all(0 < len(name.encode()) <= MOST_BYTES for name in names.values())
    assert name_siblings(dict(sorted(titles.items(), key=lambda _: random.random()))) == names  # type: ignore[attr-defined]


@given(SIBLINGS)
def test_the_oldest_of_those_that_would_meet_keeps_the_plain_name(titles: dict[str, str]) -> None:
    names = name_siblings(titles)
    plain = {each: safe_name(title) for each, title in titles.items()}
    for each, name in names.items():
        if name != plain[each]:
            assert name.startswith(plain[each][:10].rstrip(" ."))
            assert f"({each}" in name
        older = [other for other in titles if int(other) < int(each)]
        alone = fold_path(plain[each]) not in {fold_path(names[other]) for other in older}
        if alone and fold_path(plain[each]) not in ("attachments", "page_content.md"):
            assert name == plain[each]


@given(SIBLINGS)
def test_files_keep_what_says_their_kind_and_no_two_are_alike(titles: dict[str, str]) -> None:
    names = name_files({each: f"{title}a.pdf" for each, title in titles.items()})
    folded = {fold_path(name) for name in names.values()}
    assert len(folded) == len(titles)
    assert all(name.endswith(".pdf") for name in names.values())
    assert all(len(name.encode()) <= MOST_BYTES for name in names.values())


def test_of_two_files_with_one_name_the_younger_has_its_id_before_its_kind() -> None:
    named = {"att7": "Plan.PDF", "att5": "plan.pdf", "att9": "x" * 120 + ".txt", "att3": ".env"}
    assert name_files(named) == {
        "att5": "plan.pdf",
        "att7": "Plan (att7).PDF",
        "att9": "x" * 96 + ".txt",
        "att3": ".env",
    }


def test_a_name_that_looks_like_one_with_an_id_meets_nobody() -> None:
    assert name_siblings({"3": "P", "5": "P", "9": "P (5)"}) == {
        "3": "P",
        "5": "P (5)",
        "9": "P (5) (9)",
    }
    long = "x" * 96 + " (5)"
    assert name_siblings({"1": long, "2": "x" * 200, "5": "x" * 200})["5"] == ("x" * 94 + " (5-1)")


def test_a_page_that_lies_too_deep_is_found_right_below_its_space() -> None:
    folder = "OPS"
    for number in range(30):
        folder = folder_below(folder, f"{number:02} " + "ü" * 40, str(number))
        assert len(folder.encode()) <= MOST_FOLDER_BYTES
        assert folder.startswith("OPS/")
    assert page_path("OPS/Home") == "OPS/Home/page_content.md"
    assert path_beside("OPS/Home/page_content.md", "7") == "OPS/Home (7)/page_content.md"
    assert name_with_id("Home", "7", 2) == "Home (7-2)"
