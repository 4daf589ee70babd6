"""What goes wrong is answered in one line, with the code that a scheduler needs, and nothing is
lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from confluence_mirror.mirror import workers
from confluence_sandbox import SampleGateway
from confluence_sandbox.switches import SCOPES
from tests.job.conftest import Make, page
from tests.job.harness import Job, held, told
from tests.mirror.conftest import body

NOBODY = "http://127.0.0.1:1"


def problem(job: Job, expect: int, *arguments: str, **changes: str) -> str:
    """The one line that says what went wrong."""
    done = job.here(*arguments, expect=expect, **changes)
    lines = [line for line in told(done).splitlines() if line and not line.startswith("  ")]
    assert len(lines) == 2, done.stderr  # what happened, and the outcome
    return lines[0]


def test_no_settings_at_all_say_what_is_missing_and_where_to_look(make: Make) -> None:
    names = (
        "CONF_CLOUD_ID",
        "CONF_USER",
        "CONF_API_TOKEN",
        "CONF_GATEWAY_URL",
        "STATE_DIR",
        "LOCK_WAIT",
    )
    job = make()
    job.store_url = ""
    process = job.run(expect=78, **dict.fromkeys(names, ""))
    assert len(process.stderr.splitlines()) <= 8
    for words in ("CONF_CLOUD_ID", "CONF_USER", "CONF_API_TOKEN", ".env.example", "make demo"):
        assert words in process.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nonsense"], "--nonsense"),
        (["--dry-run", "--verify"], "--dry-run and --verify do not go together"),
        (["--log-format", "xml"], "--log-format"),
        (["one", "two"], "one is not a command"),
        (["verify", "two"], "unrecognized arguments: two"),
    ],
)
def test_a_wrong_command_line_is_64(make: Make, arguments: list[str], words: str) -> None:
    process = make().here(*arguments, expect=64)
    assert words in process.stderr
    assert len(process.stderr.splitlines()) == 1


def test_wrong_settings_are_all_named_at_once(make: Make) -> None:
    said = (
        make()
        .here(
            "--since-hours",
            "soon",
            expect=78,
            BATCH_SIZE="0",
            CONF_API_TOKEN="${TOKEN}",
            FILTER_SPACE_KEY="A",
        )
        .stderr
    )
    assert all(
        name in said
        for name in ("SINCE_HOURS", "BATCH_SIZE", "CONF_API_TOKEN", "FILTER_SPACE_KEYS")
    )


def test_a_container_without_a_store_is_told_so(make: Make) -> None:
    said = make().here(expect=78, VECTOR_API_BASE_URL="", KUBERNETES_SERVICE_HOST="10.0.0.1").stderr
    assert "STORE" in said


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"CONF_CLOUD_ID": "22222222-3333-4444-8555-666666666666"}, 77, "CONF_CLOUD_ID"),
        ({"CONF_API_TOKEN": "another-token"}, 77, "CONF_API_TOKEN"),
        ({"SPACE_NAME": "Operation"}, 77, "'Operations' (OPS)"),
        ({"FILTER_SPACE_KEYS": "OPS,HRM"}, 77, "'People' (HR)"),
        ({"FILTER_FOLDER_ID": "999999"}, 77, "FILTER_FOLDER_ID"),
        ({"SPACE_NAME": "Twins"}, 78, "TWA, TWB"),
        ({"VECTOR_API_BASE_URL": NOBODY}, 69, "127.0.0.1:1"),
        ({"EMBEDDING_MODEL_ID": "no-such-model"}, 78, "EMBEDDING_MODEL_ID"),
    ],
)
def test_a_wrong_value_is_one_line(
    gateway: SampleGateway,
    make: Make,
    changes: dict[str, str],
    code: int,
    words: str,
) -> None:
    gateway.site.add_space("TWA", "Twins")
    gateway.site.add_space("TWB", "Twins")
    job = make()
    assert words in problem(job, code, **changes)
    assert (
        not job.store.state.collections.get("confluence")
        or not job.store.state.collections["confluence"].rows
    )


def test_a_missing_scope_of_the_token_is_named(gateway: SampleGateway, make: Make) -> None:
    gateway.switches.scopes = set(SCOPES) - {"read:page:confluence"}
    assert "read:page:confluence" in problem(make(), 77)


@pytest.mark.parametrize("switch", ["html", "down"])
def test_a_store_that_answers_nonsense_or_nothing_loses_nothing(make: Make, switch: str) -> None:
    job = make()
    job.here()
    before = held(job.store, "confluence")
    job.store.switches.change(**{switch: True})
    problem(job, 78 if switch == "html" else 69)
    job.store.switches.change(**{switch: False})
    assert held(job.store, "confluence") == before
    assert job.night()["chunks"]["sent"] == 0


BODIES: dict[str, str] = {
    "empty": "",
    "blank": "   ",
    "broken": "<p>Open <b>and <table><tr><td>never closed <![CDATA[ & &nope; </p></ul>",
    "huge": "<p>" + "operator restarts ingress. " * 190_000 + "</p>",
    "half-a-character": "<p>Before \ud800 after</p>",
    "special-token": "<p>Write <code>&lt;|endoftext|&gt;</code> or &lt;|endoftext|&gt; here</p>",
    "nul": "<p>Nothing \x00 here</p>",
    "bomb": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><p>&b;</p>',
}


def with_an_odd_title(answer: Any) -> Any:
    """The sample site holds sound titles only; a real one may send anything that JSON can say."""
    for row in answer["results"]:
        if row["title"] == "Odd title":
            row["title"] = "Odd \ud83d half and \x00 none <|endoftext|>"
    return answer


@pytest.mark.long
def test_odd_bodies_and_titles_are_stored_and_do_not_stop_the_run(
    gateway: SampleGateway, make: Make
) -> None:
    for name, odd in BODIES.items():
        gateway.site.add("OPS", f"Odd {name}", odd)
    gateway.site.add("OPS", "Odd title", body(9))
    gateway.fault(path="/pages$", change=with_an_odd_title)
    job = make()
    report = job.night()
    assert report["pages"]["failed"] == 0, report["failed"]
    titles = {str(metadata["title"]) for _, metadata in held(job.store, "confluence").values()}
    assert {
        "Odd broken",
        "Odd huge",
        "Odd \ufffd half and \ufffd none <|endoftext|>",
        "Odd half-a-character",
        "Odd special-token",
        "Odd nul",
    } <= titles
    assert job.night()["chunks"]["sent"] == 0
    job.here("--verify")


def code(text: str) -> str:
    return (
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA['
        f"{text}]]></ac:plain-text-body></ac:structured-macro>"
    )


HOSTILE: dict[str, str] = {
    "dots": "<p>a" + "." * 100_000 + "x</p>",
    "blanks": code("x" + " " * 1_000_000 + "y"),
    "deep": '<ac:adf-extension><ac:adf-node type="panel"><ac:adf-content>' * 3_000
    + "deep"
    + "</ac:adf-content></ac:adf-node></ac:adf-extension>" * 3_000,
    "wide": "<table><tr>" + "<td>x</td>" * 10_000 + "</tr></table>",
}


@pytest.mark.long
def test_a_page_that_takes_too_long_costs_itself_and_hostile_ones_nothing(
    gateway: SampleGateway, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PAGE_SECONDS", 2)
    for name, hostile in HOSTILE.items():
        gateway.site.add("OPS", f"Odd {name}", hostile)
    gateway.site.add("OPS", "Endless", "<p>" + "word and " * 2_000_000 + "</p>")
    job = make(BATCH_SIZE="500")
    report = job.night(expect=75)
    assert [(failure["title"], failure["reason"]) for failure in report["failed"]] == [
        ("Endless", "cannot be converted: converting it takes more than 2 seconds of CPU time")
    ]
    titles = {str(metadata["title"]) for _, metadata in held(job.store, "confluence").values()}
    assert {f"Odd {name}" for name in HOSTILE} <= titles
    assert report["pages"]["added"] == 9 + len(HOSTILE)


@pytest.mark.long
def test_the_time_budget_ends_a_run_that_waits_for_a_page(
    gateway: SampleGateway, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        workers, "_BEGIN", "import time; time.sleep(600)"
    )  # a page that is never done
    gateway.site.add("OPS", "Endless", "<p>word</p>" * workers.LONG_BODY)
    assert "time budget" in problem(make(), 75, RUN_BUDGET_MINUTES="0.05")


def test_a_poisoned_chunk_is_its_pages_failure_alone(gateway: SampleGateway, make: Make) -> None:
    job = make()
    gateway.site.add("OPS", "Poisoned", "<p>The word arsenic is in here.</p>")
    job.store.switches.poison = "arsenic"
    report = job.night(expect=75)
    assert [failure["title"] for failure in report["failed"]] == ["Poisoned"]
    assert report["pages"]["added"] == 9
    job.night(expect=75)
    report = job.night()
    assert report["failed"][0]["quarantined"]
    assert job.night(STRICT="true", expect=75)["pages"]["quarantined"] == 1
    job.store.switches.poison = ""
    gateway.site.edit(page(gateway.site, "Poisoned"), "<p>Nothing in here.</p>")
    assert job.night()["pages"]["failed"] == 0


@pytest.mark.parametrize(
    "content",
    [b"no database at all " * 100, b"SQLite format 3\x00" + b"\xff" * 4000],
    ids=["text", "torn"],
)
def test_a_corrupt_manifest_is_74_and_moved_away_the_store_is_the_way_back(
    make: Make, content: bytes
) -> None:
    job = make()
    job.here()
    before = held(job.store, "confluence")
    manifest = job.folder / "manifest.db"
    manifest.write_bytes(content)
    for arguments in ((), ("--dry-run",), ("--verify",)):
        assert "moved away" in problem(job, 74, *arguments)
    assert manifest.read_bytes() == content
    manifest.rename(job.folder / "broken.db")
    assert job.night()["chunks"]["sent"] == 0
    assert held(job.store, "confluence") == before


def test_a_file_of_another_program_is_no_manifest(make: Make) -> None:
    job = make()
    job.folder.mkdir()
    other = sqlite3.connect(job.folder / "manifest.db")
    other.execute("CREATE TABLE cs_meta (something INTEGER)")
    other.commit()
    other.close()
    problem(job, 74)


def under_a_file(job: Job) -> dict[str, str]:
    (job.folder / "file").write_text("in the way")
    return {"STATE_DIR": str(job.folder / "file" / "state")}


def in_proc(job: Job) -> dict[str, str]:
    return {"STATE_DIR": "/proc/state"}


@pytest.mark.parametrize("place", [under_a_file, in_proc])
def test_a_state_folder_that_cannot_be_written_is_74(
    make: Make, place: Callable[[Job], dict[str, str]]
) -> None:
    job = make()
    job.folder.mkdir()
    problem(job, 74, **place(job))
    assert "confluence" not in job.store.state.collections


@pytest.mark.long
def test_a_disk_that_fills_up_in_the_middle_is_74_and_the_next_run_finishes(
    gateway: SampleGateway, make: Make
) -> None:
    for number in range(60):
        gateway.site.add("OPS", f"More {number}", body(3000 + number))
    job = make(BATCH_SIZE="5")
    job.folder.mkdir()
    # The kernel refuses files beyond this size, as a full disk would.
    process = job.run_limited(file_size=64 * 1024)
    assert process.returncode == 74, process.stderr
    assert "Traceback" not in process.stderr
    assert "manifest" in process.stderr
    report = job.night()
    assert report["pages"]["failed"] == 0
    job.here("--verify")
    fresh = make("fresh")
    fresh.here()
    assert held(job.store, "confluence", exact=False) == held(
        fresh.store, "confluence", exact=False
    )


def test_a_report_that_cannot_be_written_is_74_though_the_mirror_is_whole(make: Make) -> None:
    job = make()
    job.here("--report", "/proc/none/report.json", expect=74)
    assert job.night()["chunks"]["sent"] == 0


def test_a_spent_time_budget_is_75_with_what_was_done_committed(
    gateway: SampleGateway, make: Make
) -> None:
    for number in range(40):
        gateway.site.add("OPS", f"More {number}", body(3100 + number))
    job = make(BATCH_SIZE="5", CONCURRENCY="1", RUN_BUDGET_MINUTES="0.02")
    gateway.fault(path="/pages$", query="body-format", delay=1.5)
    job.here(expect=75)
    gateway.faults.clear()
    assert job.night(RUN_BUDGET_MINUTES="0")["pages"]["failed"] == 0
    job.here("--verify")


def test_every_line_of_a_json_log_is_json_and_the_last_one_says_how_it_ended(make: Make) -> None:
    process = make().run("--log-format", "json")
    lines = [json.loads(line) for line in process.stderr.splitlines()]
    assert lines
    assert all({"ts", "level", "event"} <= set(line) for line in lines)
    assert process.stdout == ""
    assert lines[-1]["event"].startswith("mirrored 9 pages")
    assert (lines[-1]["exit_code"], lines[-1]["pages"]["added"]) == (0, 9)


def test_a_summary_fits_a_screen(make: Make) -> None:
    done = make().here()
    assert (done.stdout, 3 <= len(told(done).splitlines()) <= 30) == ("", True)
