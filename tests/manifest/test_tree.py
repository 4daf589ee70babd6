"""What stands where in a tree of documents, in both databases."""

from __future__ import annotations

from contextlib import closing

from confluence_mirror.manifest import Database, Manifest, PageRow, TreeRecord, TreeRow

MIRROR = ("site", "pgvector", "db/vectors", "confluence")


def page(page_id: str) -> PageRow:
    return PageRow(page_id, "page", "1", None, None, "Title", "", (), None, "", "")


def test_rows_are_found_by_document_and_path_taken_over_and_left_behind(url: str) -> None:
    with closing(Database(url)) as database:
        manifest = Manifest(database)
        here = TreeRecord(database, MIRROR, "/srv/tree")
        other = TreeRecord(database, MIRROR, "s3://bucket")
        other.put([TreeRow("A/page_content.md", "9", "1f")])
        assert here.is_empty()
        a, b = TreeRow("A/page_content.md", "1", "0f"), TreeRow("Ä ?%_/b.md", "2", "", True, "3")
        here.put([a, b])
        assert here.of_documents(["1", "2", "3"]) == {"1": [a], "2": [b], "3": []}
        assert here.at_paths([a.path, "none"]) == {a.path: a}
        assert [row for rows in here.all_rows() for row in rows] == [a, b]
        taken = TreeRow(a.path, "2", "2f")
        here.put([taken], [b.path])
        assert here.of_documents(["1", "2"]) == {"1": [], "2": [taken]}
        begun = manifest.begin("site", MIRROR[1:3], "confluence", ("c", "c"), "current", "", True)
        manifest.of(begun).record_found([page("1")], [])
        assert here.left_behind(begun, 5) == [taken]
        manifest.of(begun).record_found([page("2")], [])
        assert here.left_behind(begun, 5) == []
        here.clear()
        assert here.is_empty()
        assert not other.is_empty()


def test_more_rows_than_one_batch_come_each_once(url: str) -> None:
    with closing(Database(url)) as database:
        Manifest(database)
        record = TreeRecord(database, MIRROR, "/srv/tree")
        rows = [TreeRow(f"{n % 7}/Ä{n}.md", str(n), "0f") for n in range(1201)]
        record.put(rows)
        found = [row for some in record.all_rows() for row in some]
        assert sorted(found, key=lambda row: int(row.document)) == rows
