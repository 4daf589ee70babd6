"""Commands that only look: nothing is written anywhere, and what they say is what a run would do or
has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve, page
from tests.job.harness import Job
from tests.mirror.conftest import body

QUERIES = {"POST /v1/vector_io/query", "POST /v1/vector-io/query"}


def written(job: Job) -> tuple[dict[str, bytes], Any]:
    files = {
        str(path.relative_to(job.folder)): path.read_bytes()
        for path in sorted(job.folder.rglob("*"))
        if path.is_file() and path.name != "report.json"
    }
    return files, job.store.state.dump()["collections"]


def only_looked(
    job: Job, gateway: SampleGateway, *arguments: str, expect: int = 0, **changes: str
) -> dict[str, Any]:
    """The report of a run that must leave everything as it is."""
    job.folder.mkdir(exist_ok=True)
    before, asked, seen = written(job), Counter(job.store.state.requests), len(gateway.log)
    report = job.night(*arguments, expect=expect, **changes)
    assert written(job) == before
    new = {request for request, count in job.store.state.requests.items() if count > asked[request]}
    assert {request for request in new if not request.startswith(("GET ", "OPTIONS "))} <= QUERIES
    reading = {"POST /wiki/api/v2/users-bulk"}
    assert {entry.endpoint for entry in gateway.log[seen:] if entry.method != "GET"} <= reading
    return report


def planned(report: dict[str, Any]) -> dict[str, list[str]]:
    return {
        action: sorted(row["title"] for row in rows)
        for action, rows in report["plan"].items()
        if rows
    }


def change(gateway: SampleGateway) -> dict[str, list[str]]:
    site = gateway.site
    site.edit(page(site, "Page 1"), body(900))
    site.relabel(page(site, "Page 2"), ["new"])
    site.trash(page(site, "Page 3"))
    site.add("OPS", "Brand new", body(901))
    return {"add": ["Brand new"], "change": ["Page 1"], "move": ["Page 2"], "remove": ["Page 3"]}


@pytest.mark.parametrize("variant", ["underscore", "dash"])
def test_a_dry_run_shows_the_plan_and_writes_nothing(
    gateway: SampleGateway, make: Make, serve: Serve, variant: str
) -> None:
    job = make("job", serve(variant))
    first = only_looked(job, gateway, "--dry-run")
    assert len(planned(first)["add"]) == 9
    assert not job.store.state.collections
    assert not (job.folder / "manifest.db").exists()
    job.here()
    assert planned(only_looked(job, gateway, "--dry-run")) == {}
    expected = change(gateway)
    report = only_looked(job, gateway, "--dry-run")
    assert planned(report) == expected
    assert report["pages"]["added"] == 0


@pytest.mark.postgres
def test_a_dry_run_on_postgresql_makes_no_table_and_takes_no_lock(
    gateway: SampleGateway, make: Make, database: Callable[[], str]
) -> None:
    import psycopg

    url = database()
    job = make(STATE_URL=url)
    assert len(planned(only_looked(job, gateway, "--dry-run"))["add"]) == 9
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert found == (0,)
    job.here()
    expected = change(gateway)
    assert planned(only_looked(job, gateway, "--dry-run")) == expected


def test_without_a_manifest_a_dry_run_compares_with_the_rows_of_the_store(
    gateway: SampleGateway, make: Make
) -> None:
    job = make()
    job.here()
    expected = change(gateway)
    (job.folder / "manifest.db").unlink()
    plan = planned(only_looked(job, gateway, "--dry-run"))
    assert plan["add"] == expected["add"]
    assert plan["remove"] == expected["remove"]


def test_a_dry_run_shows_what_the_guard_would_refuse(gateway: SampleGateway, make: Make) -> None:
    job = make()
    job.here()
    for content in gateway.site.current():
        gateway.site.trash(content.id)
    report = only_looked(job, gateway, "--dry-run", expect=65)
    assert len(planned(report)["remove"]) == 9
    assert "ALLOW_MASS_DELETE" in report["problem"] + report["hint"]
    assert "was written" not in report["problem"]


def test_verify_ends_with_3_where_the_store_differs_and_repair_mends_it(
    gateway: SampleGateway, make: Make
) -> None:
    job = make()
    job.here()
    assert only_looked(job, gateway, "--verify")["exit_code"] == 0
    with job.store.state.lock:
        kept = job.store.state.collections["confluence"].rows
        gone = kept.pop()
        kept[0].text += " changed"
    report = only_looked(job, gateway, "--verify", expect=3)
    assert report["drift"]["missing"] == [gone.id]
    assert report["drift"]["different"] == [kept[0].id]
    job.here("--repair")
    job.here("--verify")


def test_verify_is_78_where_the_store_cannot_be_listed_and_74_before_the_first_run(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"))
    only_looked(job, gateway, "--verify", expect=74)
    job.here()
    report = only_looked(job, gateway, "--verify", expect=78)
    assert "cannot list" in report["problem"]


def test_full_reads_every_page_and_sends_only_what_differs(
    gateway: SampleGateway, make: Make
) -> None:
    gateway.site.age_all(hours=1000)
    job = make(RECONCILE_HOURS="24")
    job.here()
    gateway.clear()
    report = job.night("--full")
    assert report["chunks"]["sent"] == 0
    assert report["conversions"]["xml"] == 9
    gateway.site.content[page(gateway.site, "Page 1")].source = body(
        950
    )  # changed behind its version's back
    assert job.night("--full")["chunks"]["sent"] > 0


def test_an_hourly_run_looks_at_its_window_and_a_since_of_0_at_everything(
    gateway: SampleGateway, make: Make
) -> None:
    gateway.site.age_all(hours=1000)
    job = make(RECONCILE_HOURS="24")
    assert job.night()["reconciled"]
    gateway.site.trash(page(gateway.site, "Page 3"))
    report = job.night()
    assert (report["reconciled"], report["pages"]["removed"]) == (False, 0)
    report = job.night("--since-hours", "0")
    assert (report["reconciled"], report["pages"]["removed"], report["chunks"]["sent"]) == (
        True,
        1,
        0,
    )
    gateway.site.clock.advance(hours=23.5)
    assert job.night()["reconciled"]


def test_query_prints_title_link_and_score(gateway: SampleGateway, make: Make) -> None:
    job = make()
    gateway.site.add("OPS", "Zebra", "<h2>Stripes</h2><p>The zebra protocol is described here.</p>")
    said = job.here("--query", "zebra", expect=78).stderr
    assert "Run a sync first" in said
    job.here()
    first, link, *rest = job.here("--query", "zebra protocol").stdout.splitlines()
    assert first == "1. Zebra > Stripes  (1.00, both)"
    assert link.strip().startswith("https://")
    assert "described here" in "".join(rest)


def test_the_pointer_file_names_the_collection_and_the_state_folder_holds_no_leftovers(
    make: Make,
) -> None:
    job = make()
    job.here()
    assert Path(job.folder / "CURRENT_COLLECTION").read_text(encoding="utf-8") == "confluence\n"
    names = {path.name.partition(".db.")[0] for path in job.folder.iterdir()}
    assert names == {"CURRENT_COLLECTION", "manifest.db", "manifest"}


def test_a_plan_says_what_it_would_cost_and_how_long_the_last_run_took_for_as_much(
    gateway: SampleGateway, make: Make
) -> None:
    job = make()
    first = only_looked(job, gateway, "plan")["cost"]
    assert first == {
        "pages": 9,
        "chunks": 27,
        "tokens": 13_500,
        "requests": {"confluence": 1, "store": 1},
        "seconds": None,
        "rebuilds": False,
    }
    assert job.night()["cost"] == {}
    assert only_looked(job, gateway, "plan")["cost"]["pages"] == 0
    change(gateway)
    again = only_looked(job, gateway, "plan")["cost"]
    assert again.pop("seconds") is not None
    assert 0 < again.pop("tokens") < 13_500  # what the first run sent, not what may be in a chunk
    assert again == {
        "pages": 3,
        "chunks": 3,
        "requests": {"confluence": 1, "store": 1},
        "rebuilds": False,
    }


def test_a_plan_for_a_store_that_rotates_says_what_the_whole_new_collection_would_cost(
    gateway: SampleGateway, make: Make
) -> None:
    job = make(WRITE_MODE="rotate")
    job.here()
    assert not only_looked(job, gateway, "plan")["cost"]["rebuilds"]
    gateway.site.edit(page(gateway.site, "Page 1"), body(900))
    cost = only_looked(job, gateway, "plan")["cost"]
    assert (cost["rebuilds"], cost["pages"], cost["chunks"]) == (True, 9, 9)
    assert "a new collection is built from all pages · 9 pages" in job.here("plan").stderr
