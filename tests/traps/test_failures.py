"""One page's failure: recorded, tried again, at last given up, and no harm to anything else
(invariant 6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.errors import Unfinished
from confluence_mirror.mirror import documents
from confluence_mirror.mirror.window import PlanSettings
from tests.mirror.conftest import body
from tests.mirror.harness import Bench, content
from tests.mirror.test_nights import page, pages_in
from tests.servers.memory_store import MemoryStore

Make = Callable[..., Bench]
WINDOW = PlanSettings(since_hours=1, reconcile_hours=500)


def spoil(bench: Bench, at: str) -> None:
    """From now on the answers hold no body of this page."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        return {
            **answer,
            "results": [
                {**row, "body": {}} if row["id"] == at else row for row in answer["results"]
            ],
        }

    bench.gateway.fault("/pages$", query="body-format", change=change)


def nights(bench: Bench, count: int, **changes: Any) -> list[str]:
    """How each of so many runs ended."""
    ends = []
    for _ in range(count):
        try:
            bench.run(**changes)
            ends.append("well")
        except Unfinished:
            ends.append("failed")
    return ends


def test_a_page_that_fails_keeps_its_last_good_chunks_and_the_others_are_written(
    make: Make,
) -> None:
    bench = make()
    bench.run()
    before = content(bench.store)
    at = page(bench.site, "Page 4")
    bench.site.edit(at, body(71))
    bench.site.edit(page(bench.site, "Page 5"), body(72))
    spoil(bench, at)
    assert nights(bench, 1) == ["failed"]
    after = content(bench.store)
    assert {key: row for key, row in before.items() if row[1]["page_id"] == at} == {
        key: row for key, row in after.items() if row[1]["page_id"] == at
    }
    assert bench.report.changed == 1


def test_a_page_that_failed_is_tried_again_whatever_the_window_says(
    make: Make, tmp_path: Path
) -> None:
    bench = make(settings=WINDOW)
    bench.site.age_all(hours=1000)
    bench.run()
    at = page(bench.site, "Page 4")
    bench.site.edit(at, body(71))
    spoil(bench, at)
    assert nights(bench, 1) == ["failed"]
    bench.gateway.clear()
    bench.site.age_all(hours=100)  # outside every window from now on
    bench.run()
    assert not bench.report.reconciled
    assert "Part 1 of 71" in " ".join(text for text, _ in content(bench.store).values())


def test_a_page_that_fails_three_times_is_given_up_until_it_changes(
    make: Make, tmp_path: Path
) -> None:
    bench = make()
    at = page(bench.site, "Page 4")
    spoil(bench, at)
    assert nights(bench, 4) == ["failed", "failed", "well", "well"]
    assert [failure.quarantined for failure in bench.report.failures.values()] == [True]
    assert nights(bench, 1, strict=True) == ["failed"]
    bench.gateway.clear()
    assert nights(bench, 1) == ["well"]
    assert "Page 4" not in pages_in(bench)
    bench.site.edit(at, body(71))
    bench.run()
    assert content(bench.store) == content(bench.fresh(tmp_path / "fresh"))


def test_what_lies_in_the_network_never_gives_a_page_up(make: Make) -> None:
    bench = make()
    at = page(bench.site, "Page 4")
    bench.gateway.fault("/pages$", query=rf"body-format.*{at}|{at}.*body-format", cut="before")
    assert nights(bench, 5) == ["failed"] * 5
    bench.gateway.clear()
    assert nights(bench, 1) == ["well"]
    assert "Page 4" in pages_in(bench)


def test_a_chunk_that_the_store_never_takes_is_its_pages_failure_and_leaves_nothing_half(
    make: Make,
) -> None:
    store = MemoryStore(refuses=lambda text: "poison" if "poison" in text else "")
    bench = make(store=store)
    at = page(bench.site, "Page 4")
    bench.run()
    before = content(store)
    bench.site.edit(at, body(71) + "<h2>Last</h2><p>" + "poison and more of it " * 60 + "</p>")
    assert nights(bench, 1) == ["failed"]
    assert content(store) == before
    assert not bench.verify()


def test_a_body_beyond_all_measure_is_its_pages_failure(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make()
    monkeypatch.setattr(documents, "MAX_BODY_CHARS", 5_000)
    bench.site.edit(page(bench.site, "Page 4"), "<p>" + "word " * 2_000 + "</p>")
    assert nights(bench, 1) == ["failed"]
    assert "the limit is" in next(iter(bench.report.failures.values())).reason
    assert len(pages_in(bench)) == 11
