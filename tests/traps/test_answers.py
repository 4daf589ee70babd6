"""Answers that are cut off, mistyped, or lack what they should have: pages fail, or the run ends
with a line that says why. Never a traceback, and nothing that Confluence still shows is lost."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.errors import SyncError
from confluence_sandbox import SampleGateway
from tests.mirror.conftest import body, small_site
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in

Make = Callable[..., Bench]

EXAMPLES = 300 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 15
JUNK = [None, True, -1, 0, 7.5, "", "7", "x" * 300, [], {}, [None], {"id": {}}, "\ud800", 2**70]
ROUTES = [
    "/spaces$",
    "/spaces/.*/pages$",
    "/pages$",
    "/content/search$",
    "/user/bulk$",
    "/folders/",
    "/labels$",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    entries = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def spoilt(answer: Any, chance: random.Random, wounds: int) -> Any:
    """The same answer with fields gone, of another type, or with numbers and strings exchanged."""
    answer = copy.deepcopy(answer)
    for _ in range(wounds):
        found = list(places(answer))
        if not found:
            break
        path = chance.choice(found)
        inner = answer
        for key in path[:-1]:
            inner = inner[key]
        kind = chance.choice(["gone", "junk", "other type"])
        if kind == "gone":
            del inner[path[-1]]
        elif kind == "junk":
            inner[path[-1]] = chance.choice(JUNK)
        else:
            value = inner[path[-1]]
            inner[path[-1]] = (
                int(value) if isinstance(value, str) and value.isdecimal() else str(value)
            )
    return answer


@pytest.mark.long
@given(
    route=st.sampled_from(ROUTES),
    seed=st.integers(0, 2**32),
    wounds=st.integers(1, 6),
    nth=st.sampled_from([None, 1]),
)
@settings(max_examples=EXAMPLES)
def test_no_spoilt_answer_ends_in_a_traceback_or_loses_a_page(
    route: str, seed: int, wounds: int, nth: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = random.Random(seed)
    with SampleGateway(small_site(8)) as gateway:
        bench = Bench(gateway, tmp_path_factory.mktemp("answers"))
        bench.run()
        before = pages_in(bench)
        bench.site.edit(page(bench.site, "Page 1"), body(71))
        bench.site.restrict(page(bench.site, "Page 2"))
        fault = gateway.fault(route, nth=nth, change=lambda answer: spoilt(answer, chance, wounds))
        with suppress(SyncError):
            bench.run()
        shown = {each.title for each in bench.site.current() if each.title != "Page 2"}
        assert len(pages_in(bench)) >= len(shown), "a page is lost"
        assert fault.seen or route in ("/labels$", "/folders/", "/user/bulk$")
        gateway.clear()
        bench.run()
        assert before - {"Page 2"} == shown
        held, wanted = content(bench.store), content(bench.fresh(tmp_path_factory.mktemp("fresh")))
        assert held.keys() == wanted.keys()
        assert [key for key in wanted if held[key] != wanted[key]] == []


SPOILT_PAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "has no body": lambda row: row.pop("body"),
    "has a body that is a number": lambda row: row["body"]["storage"].update(value=7),
    "has a body in another format only": lambda row: row.update(
        body={"atlas_doc_format": {"value": "{}"}}
    ),
    "has no title": lambda row: row.pop("title"),
    "has a version that is text": lambda row: row.update(version="7"),
    "has a version without a number": lambda row: row["version"].pop("number"),
}


@pytest.mark.parametrize("spoil", SPOILT_PAGES.values(), ids=SPOILT_PAGES.keys())
def test_a_page_fails_alone_that(make: Make, spoil: Callable[[dict[str, Any]], Any]) -> None:
    bench = make()
    at = page(bench.site, "Page 4")

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        for row in answer["results"]:
            if row["id"] == at:
                spoil(row)
        return answer

    bench.gateway.fault("/pages$", query="body-format", change=change)
    with pytest.raises(SyncError, match="1 page failed and is kept"):
        bench.run()
    assert list(bench.report.failures) == [at]
    assert len(pages_in(bench)) == 11
    bench.gateway.clear()
    bench.run()
    assert len(pages_in(bench)) == 12


def test_numbers_as_strings_and_strings_as_numbers_change_nothing(
    make: Make, tmp_path: Path
) -> None:
    bench = make()

    def turned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: turned(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [turned(inner) for inner in value]
        if key in ("id", "spaceId", "parentId", "number", "homepageId") and value is not None:
            return (
                str(value) if isinstance(value, int) else int(value) if value.isdecimal() else value
            )
        return value

    bench.gateway.fault(change=turned)
    bench.run()
    bench.gateway.clear()
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))
    assert bench.run().unchanged == 12
