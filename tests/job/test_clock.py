"""Clocks that are wrong, and watermarks that cannot be right: no edit is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, page
from tests.job.harness import Job, held
from tests.mirror.conftest import body


def exact(job: Job, make: Make) -> bool:
    fresh = make(f"fresh-{len(list(job.folder.parent.iterdir()))}")
    fresh.here()
    return held(job.store, "confluence", exact=False) == held(
        fresh.store, "confluence", exact=False
    )


@pytest.mark.parametrize("hours", [3, -3])
def test_a_gateway_whose_clock_is_hours_away_from_ours(
    gateway: SampleGateway, make: Make, hours: int
) -> None:
    gateway.site.age_all(hours=1000)
    gateway.site.clock.advance(hours=hours)
    job = make(RECONCILE_HOURS="24")
    job.here()
    gateway.site.edit(page(gateway.site, "Page 1"), body(6000))
    report = job.night()
    assert report["pages"]["changed"] == 1
    moment = datetime.fromisoformat(report["watermark"])
    assert abs(moment - gateway.site.clock.now()) < timedelta(minutes=5)
    assert exact(job, make)


def test_a_clock_that_jumps_back_leaves_a_watermark_in_the_future_which_reads_everything(
    gateway: SampleGateway, make: Make
) -> None:
    gateway.site.age_all(hours=1000)
    job = make(RECONCILE_HOURS="24")
    gateway.site.clock.advance(hours=48)
    job.here()
    gateway.site.clock.advance(hours=-48)
    assert abs(gateway.site.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    gateway.site.edit(page(gateway.site, "Page 1"), body(6001))
    gateway.site.trash(page(gateway.site, "Page 2"))
    report = job.night()
    assert report["reconciled"]
    assert exact(job, make)
    gateway.site.edit(page(gateway.site, "Page 1"), body(6002))
    report = job.night()
    assert not report["reconciled"]
    assert report["pages"]["changed"] == 1


def test_after_a_week_without_runs_the_window_reaches_back_to_the_last_one(
    gateway: SampleGateway, make: Make
) -> None:
    gateway.site.age_all(hours=1000)
    job = make(RECONCILE_HOURS="8760", SINCE_HOURS="1")
    job.here()
    gateway.site.edit(page(gateway.site, "Page 1"), body(6003))
    gateway.site.age(page(gateway.site, "Page 1"), hours=-1)
    gateway.site.clock.advance(hours=24 * 7)
    assert job.night()["pages"]["changed"] == 1
    assert exact(job, make)
