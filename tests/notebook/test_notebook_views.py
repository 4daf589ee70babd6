"""How a notebook shows things: nothing that a page holds is taken for markup, and every number is
there."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.notebook import Bars, Phases, SideBySide, Table

# What XML 1.0 can hold.
TEXTS = st.text(st.characters(min_codepoint=32, blacklist_categories=("Cs", "Cc", "Cn")))
HOSTILE = "</pre><script>alert(1)</script>"


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_a_table_is_well_formed_whatever_its_cells_hold(rows: list[tuple[str, str]]) -> None:
    table = ElementTree.fromstring(Table(("a", "b"), rows)._repr_html_())
    assert ["".join(cell.itertext()) for cell in table.iter("td")] == [
        cell for row in rows for cell in row
    ]


@given(TEXTS, TEXTS)
def test_two_texts_stand_beside_each_other_as_they_are(left: str, right: str) -> None:
    shown = ElementTree.fromstring(SideBySide(("before", left), ("after", right))._repr_html_())
    assert ["".join(each.itertext()) for each in shown.iter("pre")] == [left, right]


@given(
    st.lists(st.tuples(TEXTS, st.integers(0, 10_000)), max_size=6), st.none() | st.integers(1, 9000)
)
def test_no_bar_leaves_the_plot(bars: list[tuple[str, int]], limit: int | None) -> None:
    plot = ElementTree.fromstring(Bars(bars, unit="tokens", limit=limit)._repr_svg_())
    drawn = list(plot.iter("{http://www.w3.org/2000/svg}rect"))[1:]
    assert len(drawn) == len(bars)
    for each in drawn:
        assert float(each.attrib["x"]) + float(each.attrib["width"]) <= float(plot.attrib["width"])


def test_an_address_is_a_link_and_nothing_else_is() -> None:
    shown = Table(
        ("a",), [('https://a.example/?x=1&y="2"',), ("javascript:alert(1)",)]
    )._repr_html_()
    assert shown.count("<a ") == 1
    assert 'href="https://a.example/?x=1&amp;y=&quot;2&quot;"' in shown


@pytest.mark.parametrize(
    "shown", [Table(("a",), [(HOSTILE,)]), SideBySide((HOSTILE, HOSTILE), ("", ""))]
)
def test_markup_of_a_page_stays_text(shown: Table | SideBySide) -> None:
    assert "<script>" not in shown._repr_html_()


def test_plain_text_says_the_same_as_the_table() -> None:
    assert repr(Table(("key", "name"), [("PLAT", "Platform")])) == "key   name\nPLAT  Platform"


def test_each_phase_of_a_run_keeps_its_line() -> None:
    shown: list[str] = []
    bar = Phases(lambda changed: shown.append(repr(changed)))
    bar.phase("listing")
    bar.phase("writing", 4)
    bar.advance(4)
    bar.phase("removing", 1)
    bar.close()
    lines = shown[-1].splitlines()
    assert [line.split()[0] for line in lines] == ["listing", "writing", "removing"]
    assert lines[0].endswith("done")
    assert lines[1].endswith("4 of 4 pages")
    assert lines[2].endswith("0 of 1 page")


def test_a_bar_is_only_drawn_where_something_changed() -> None:
    drawn: list[Phases] = []
    bar = Phases(drawn.append)
    bar.phase("writing", 10)
    bar.advance(3)
    bar.advance(3)
    bar.close()
    bar.close()
    assert len(drawn) == 2
