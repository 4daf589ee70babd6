"""Files on pages are documents of their own: found, changed and removed every night, although their
pages stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.errors import Refused, Unfinished
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.runs.text import summary
from confluence_sandbox import Site
from confluence_sandbox.content import Attached
from tests.files import made
from tests.mirror.conftest import small_site
from tests.mirror.harness import Bench, content
from tests.mirror.inline_reader import InlineReader

Make = Callable[..., Bench]
FILES = ScopeSpec(children=("attachment",))
HOURLY = PlanSettings(since_hours=1, reconcile_hours=24)


def page_id(site: Site, title: str = "Page 1") -> str:
    return next(each.id for each in site.current() if each.title == title)


def files(bench: Bench) -> dict[str, str]:
    """Text by id of the file."""
    found: dict[str, str] = {}
    for text, metadata in content(bench.store).values():
        if metadata["page_type"] == "attachment":
            found[str(metadata["page_id"])] = found.get(str(metadata["page_id"]), "") + text
    return found


def metadata_of(bench: Bench, file: Attached) -> list[dict[str, Any]]:
    found = [row for _, row in content(bench.store).values() if row["page_id"] == file.id]
    return sorted(found, key=lambda row: row["chunk_index"])


def downloads(bench: Bench) -> int:
    return sum(entry.host != "gateway" for entry in bench.gateway.log)


@pytest.fixture
def site() -> Site:
    return small_site()


@pytest.fixture
def file(site: Site) -> Attached:
    return site.attach_file(
        page_id(site), "notes.md", b"Restart the proxy.", media_type="text/markdown"
    )


@pytest.fixture
def start(make: Make, site: Site) -> Callable[..., Bench]:
    """A mirror with files, read in this process, after its first night."""

    def make_bench(**options: Any) -> Bench:
        bench = make(site, **{"wanted": FILES, **options})
        bench.reader = InlineReader()
        bench.run()
        return bench

    return make_bench


Start = Callable[..., Bench]


class TestText:
    def test_each_kind_of_file_is_found_as_the_document_that_it_is(
        self, make: Make, site: Site
    ) -> None:
        page = page_id(site)
        price = site.attach_file(
            page, "prices.xlsx", made.xlsx({"EU": [["Item", "EUR"], ["Screw", 2]]})
        )
        plan = site.attach_file(
            page, "plan.pdf", made.pdf([[(50, 700, "In May")], [(50, 700, "In June")]])
        )
        site.relabel(plan.id, ["roadmap"])
        bench = make(site, wanted=FILES)
        bench.run()
        sheet, pages = metadata_of(bench, price), metadata_of(bench, plan)
        assert files(bench)[price.id] == (
            "prices.xlsx (Page 1) > EU\n\n# EU\n\n| Item | EUR |\n| --- | --- |\n| Screw | 2 |"
        )
        assert [(row["filename"], row.get("sheet")) for row in sheet] == [("prices.xlsx", "EU")]
        assert "page_number" not in sheet[0]
        assert [row["page_number"] for row in pages] == [1, 2]
        assert {row["labels"] for row in pages} == {"roadmap"}
        row = pages[1]
        assert (row["title"], row["parent_page_id"]) == ("plan.pdf", page)
        assert row["breadcrumb"].endswith("Runbooks > Page 1")
        assert row["url"].endswith(f"?preview=%2F{page}%2F{plan.number}%2Fplan.pdf")
        assert row["media_type"] == "application/octet-stream"
        assert bench.report.unreadable == []
        assert not bench.verify().missing

    def test_none_is_mirrored_unless_it_is_wanted(
        self, make: Make, site: Site, file: Attached
    ) -> None:
        bench = make(site)
        bench.run()
        bench.gateway.clear()
        bench.run()
        assert files(bench) == {}
        assert not [
            entry for entry in bench.gateway.log if "attachment" in f"{entry.path}{entry.query}"
        ]


class TestNights:
    @pytest.mark.parametrize("settings", [PlanSettings(), HOURLY], ids=["whole", "window"])
    def test_whatever_becomes_of_files_by_day_is_mirrored_by_night(
        self, start: Start, site: Site, file: Attached, settings: PlanSettings, tmp_path: Path
    ) -> None:
        gone = site.attach_file(page_id(site), "gone.md", b"Soon gone.")
        moved = site.attach_file(page_id(site), "moved.md", b"Moves on.")
        bench = start(settings=settings)
        assert set(files(bench)) == {file.id, gone.id, moved.id}
        site.clock.advance(hours=1)
        site.upload_version(file, b"Restart the gateway.")
        site.trash_file(gone)
        site.move_file(moved, page_id(site, "Page 2"))
        new = site.attach_file(page_id(site, "Page 2"), "new.md", b"New here.")
        site.rename_file(moved, "renamed.md")
        bench.run()
        assert files(bench) == {
            file.id: "notes.md (Page 1)\n\nRestart the gateway.",
            moved.id: "renamed.md (Page 2)\n\nMoves on.",
            new.id: "new.md (Page 2)\n\nNew here.",
        }
        assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))

    def test_a_quiet_night_downloads_and_sends_nothing(self, start: Start, file: Attached) -> None:
        bench = start()
        bench.gateway.clear()
        report = bench.run()
        assert downloads(bench) == 0
        assert report.chunks["sent"] == 0
        assert not any(
            word in entry.path
            for entry in bench.gateway.log
            for word in ("attachments", "download")
        )

    def test_a_file_leaves_with_its_page(self, start: Start, site: Site, file: Attached) -> None:
        bench = start()
        site.trash(page_id(site))
        bench.run()
        assert files(bench) == {}

    def test_the_index_alone_removes_nothing(
        self, start: Start, site: Site, file: Attached
    ) -> None:
        bench = start()
        bench.gateway.fault("content/search", query="attachment", payload={"results": []})
        bench.run()
        assert set(files(bench)) == {file.id}

    def test_a_label_or_a_new_name_of_the_page_reaches_the_file(
        self, start: Start, site: Site, file: Attached
    ) -> None:
        bench = start()
        site.relabel(file.id, ["price"])
        site.rename(page_id(site), "Page One")
        bench.run()
        assert metadata_of(bench, file)[0]["labels"] == "price"
        assert files(bench)[file.id].startswith("notes.md (Page One)\n")

    def test_without_files_is_another_scope(self, start: Start, file: Attached) -> None:
        bench = start()
        with pytest.raises(Refused, match="ATTACHMENTS"):
            bench.run(wanted=ScopeSpec())
        bench.run(wanted=ScopeSpec(), change_scope=True)
        assert files(bench) == {}


class TestUnreadable:
    def test_a_version_that_cannot_be_read_takes_the_old_text_away_and_is_named(
        self, start: Start, site: Site, file: Attached
    ) -> None:
        bench = start()
        site.upload_version(file, b"locked now")
        report = bench.run()
        assert files(bench) == {}
        assert [(each.id, each.page_id, each.filename) for each in report.unreadable] == [
            (file.id, page_id(site), "notes.md")
        ]
        bench.gateway.clear()
        quiet = bench.run()
        assert downloads(bench) == 0
        assert (quiet.unreadable, quiet.newly_unreadable) == (report.unreadable, [])
        site.upload_version(file, b"Open again.")
        assert bench.run().unreadable == []
        assert files(bench)[file.id].endswith("Open again.")

    def test_larger_files_wait_for_a_larger_limit(
        self, start: Start, site: Site, file: Attached
    ) -> None:
        large = site.attach_file(page_id(site), "large.md", b"word " * 250_000)
        empty = site.attach_file(page_id(site), "empty.md", b"")
        archive = site.attach_file(page_id(site), "logs.zip", b"PK")
        bench = start(most_mb=1)
        assert set(files(bench)) == {file.id}
        assert [each.id for each in bench.report.unreadable] == [large.id, empty.id]
        assert downloads(bench) == 1
        bench.most_mb = 2
        bench.run()
        assert set(files(bench)) == {file.id, large.id}
        assert downloads(bench) == 2
        assert archive.id not in files(bench)

    def test_other_languages_read_pictures_again(self, start: Start, file: Attached) -> None:
        bench = start()
        bench.reader = InlineReader(languages="eng+deu")
        bench.run()
        assert bench.reader.read_names == ["notes.md"]

    def test_a_file_that_does_not_come_is_kept_and_tried_again(
        self, start: Start, site: Site, file: Attached
    ) -> None:
        bench = start()
        site.upload_version(file, b"Newer.")
        bench.gateway.fault("^/file/", status=503)
        with pytest.raises(Unfinished, match="kept for retry"):
            bench.run()
        assert files(bench)[file.id].endswith("Restart the proxy.")
        bench.gateway.clear()
        bench.run()
        assert files(bench)[file.id].endswith("Newer.")
        assert bench.gateway.leaks() == []


class TestFirstNight:
    def test_the_first_night_without_files_says_how_many_there_are(
        self, make: Make, site: Site, file: Attached
    ) -> None:
        bench = make(site)
        assert "1 on these pages are not mirrored" in summary(bench.run())
        assert "not mirrored" not in summary(bench.run())

    def test_one_with_files_does_not(self, start: Start, file: Attached) -> None:
        assert "not mirrored" not in summary(start().report)
