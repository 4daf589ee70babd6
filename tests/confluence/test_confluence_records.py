"""Rows of JSON are foreign: whatever they hold, a row is read or refused."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.confluence import records
from confluence_mirror.errors import IncompleteEvidence
from confluence_mirror.model import Body, PageRef, Version

FIELDS = [
    "id",
    "title",
    "status",
    "spaceId",
    "parentId",
    "version",
    "number",
    "createdAt",
    "body",
    "storage",
    "value",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=10,
)
rows = st.dictionaries(st.sampled_from([*FIELDS, "_links", "prefix", "name"]), values, max_size=8)


@given(rows)
def test_any_row_is_read_or_refused(row: dict[str, Any]) -> None:
    try:
        ref = records.parse_page_ref(row, "page", space_id="1")
    except IncompleteEvidence:
        assert (
            isinstance(row.get("id"), bool)
            or not isinstance(row.get("id"), str | int)
            or row["id"] == ""
        )
        return
    assert ref.id == str(row["id"])
    body = records.parse_page_body(row, ref, "storage")
    assert isinstance(body, str) or (
        isinstance(body, Body) and body.value == row["body"]["storage"]["value"]
    )
    records.parse_space(row)
    records.parse_node(row, "folder")


@given(st.lists(rows) | values)
def test_labels_of_any_shape_are_names_sorted_and_single(labels: object) -> None:
    names = records.parse_label_names(labels)

    assert list(names) == sorted(set(names))
    assert "" not in names


def test_a_row_of_a_list_keeps_its_version_exactly_as_it_was_given() -> None:
    row = {
        "id": 7,
        "status": "current",
        "title": "T",
        "spaceId": 3,
        "parentId": None,
        "authorId": "a",
        "createdAt": "2026-01-01T00:00:00.001Z",
        "version": {"number": "12", "createdAt": "2026-01-31T08:15:00.123Z"},
        "_links": {"webui": "/spaces/K/pages/7/T"},
    }

    assert records.parse_page_ref(row, "page") == PageRef(
        id="7",
        type="page",
        status="current",
        space_id="3",
        title="T",
        parent_id=None,
        parent_type=None,
        author_id="a",
        created_at="2026-01-01T00:00:00.001Z",
        version=Version(12, "2026-01-31T08:15:00.123Z"),
        webui="/spaces/K/pages/7/T",
    )
