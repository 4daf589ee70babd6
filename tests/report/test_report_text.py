"""What a person and the kubelet read."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from report_samples import Clock, ended, nightly

from confluence_mirror.errors import Exit, PermissionRefused, SourceUnavailable, Unfinished
from confluence_mirror.mirror.events import DriftFound, PageNotWritten, PagePlanned
from confluence_mirror.runs import json_report, text
from confluence_mirror.runs.report import RunReport
from confluence_mirror.runs.text import scope
from confluence_mirror.wording import duration, size


def test_the_last_line_answers_the_operators_question():
    assert text.summary(ended()).splitlines()[-1] == (
        "mirrored 12,408 pages of DOCS, HR: 31 added · 112 changed · 4 removed · 2 failed, retried next run · "
        "1,204 chunks sent · 3m12s (exit 75)"
    )


def test_a_night_without_changes_says_so():
    report = RunReport(spaces=("DOCS",), clock=Clock(), listed=40, unchanged=40)
    report.end(Exit.OK)
    assert (
        text.summary(report).splitlines()[-1]
        == "mirrored 40 pages of DOCS: no change · 0 chunks sent · 0.0s"
    )


def test_quarantined_pages_are_not_said_to_be_retried():
    report = nightly()
    report.hear(PageNotWritten("7002", "Worse", "the store refuses a chunk", 3, True))
    report.end(Exit.UNFINISHED)
    assert "1 failed, retried next run · 1 quarantined · " in text.summary(report)


def test_a_run_that_was_stopped_is_not_said_to_have_mirrored():
    report = nightly()
    report.watermark = None
    report.end_with(
        Unfinished(
            "The time budget of 60 minutes is spent; what is done is kept.", hint="Run again."
        )
    )
    *_, problem, last = text.summary(report).splitlines()
    assert problem == "The time budget of 60 minutes is spent; what is done is kept. Run again."
    assert last.startswith("not finished after 12,408 pages of DOCS, HR: 31 added")
    assert last.endswith("(exit 75)")


def test_a_run_that_did_nothing_says_so():
    report = RunReport(clock=Clock())
    report.end_with(
        PermissionRefused("Confluence refused the credential.", hint="Check CONF_API_TOKEN.")
    )
    assert text.summary(report).splitlines() == [
        "Confluence refused the credential. Check CONF_API_TOKEN.",
        "permission refused: nothing was changed · 0.0s (exit 77)",
    ]


def test_a_dry_run_shows_its_plan_and_says_that_nothing_was_written():
    report = RunReport("dry-run", spaces=("DOCS",), clock=Clock())
    for number in range(60):
        report.hear(PagePlanned("add", f"{number}", f"Page {number}"))
    report.hear(PagePlanned("remove", "99", "Old", "trashed"))
    report.end(Exit.OK)
    lines = text.plan(report).splitlines()
    assert lines[0] == "60 pages to add:"
    assert lines[51] == "  … and 10 more"
    assert lines[52:] == ["1 page to remove:", "  99 Old (trashed)"]
    assert text.summary(report).endswith(
        "planned DOCS: 60 to add · 1 to remove · nothing was written · 0.0s"
    )


def test_a_verification_says_what_drifted_or_that_nothing_did():
    report = RunReport("verify", spaces=("DOCS",), clock=Clock())
    report.end(Exit.OK)
    assert text.summary(report).endswith("verified DOCS: no drift · 0.0s")
    report.hear(DriftFound("missing", "chunk-1"))
    report.hear(DriftFound("stray", "chunk-2"))
    report.end(Exit.DRIFT)
    assert text.summary(report).endswith("verified DOCS: 1 missing · 1 stray · 0.0s")


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        (0, "nothing to repair in 2 pages of DOCS · 0.0s"),
        (1, "repaired what differed in 2 pages of DOCS: no page changed · 0 chunks sent"),
        (2, "0 chunks sent · 2 chunks removed · 0.0s"),
    ],
)
def test_a_repair_says_what_it_removed_and_whether_there_was_anything(removed: int, said: str):
    report = RunReport("repair", spaces=("DOCS",), clock=Clock(), listed=2)
    report.chunks["removed"] = removed
    report.end(Exit.OK)
    last = text.summary(report).splitlines()[-1]
    assert said in last
    assert ("1 chunk removed" in last) == (removed == 1)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "purged collection docs: 0 chunks removed · 0.0s"),
        (1, "purged collection docs: 1 chunk removed of 1 page · 0.0s"),
        (2, "purged collection docs: 2 chunks removed of 2 pages · 0.0s"),
    ],
)
def test_a_purge_counts_pages_only_where_it_knows_of_some(count: int, said: str):
    report = RunReport("purge", clock=Clock(), collection="docs", removed=count)
    report.chunks["removed"] = count
    report.end(Exit.OK)
    assert text.summary(report).splitlines()[-1] == said


def test_the_summary_fits_a_screen_however_much_went_wrong():
    report = nightly()
    for number in range(500):
        report.hear(
            PageNotWritten(f"{number}", "A very long title " * 20, "reason " * 200, 1, False)
        )
        report.warn(f"warning {number}")
    report.end(Exit.UNFINISHED)
    lines = text.summary(report).splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) < 200
    assert "            … and 494 more failed pages, in the report" in lines


def test_a_pages_title_can_neither_forge_a_line_nor_reach_the_terminal():
    report = nightly()
    report.hear(
        PageNotWritten("1", "Title\n\x1b[31mmirrored 5 pages\ud800", "reason\r\nmore", 1, False)
    )
    report.end_with(SourceUnavailable("one\ntwo \x07"))
    failed = [line for line in text.summary(report).splitlines() if "Title" in line]
    assert failed == ["  failed    1 “Title [31mmirrored 5 pages ”: reason more (attempt 1)"]
    assert all(line.isprintable() and line.encode() for line in text.summary(report).split("\n"))


def test_a_warning_that_comes_again_is_told_once():
    report = RunReport()
    for _ in range(3):
        report.warn("the clocks are 7 minutes apart")
    assert report.warnings == ["the clocks are 7 minutes apart"]


def test_the_termination_message_has_the_outcome_and_what_to_do():
    outcome, advice = text.termination_message(ended()).splitlines()
    assert outcome.startswith("mirrored 12,408 pages of DOCS, HR")
    assert outcome.endswith("(exit 75) [collection vs_1]")
    assert advice == "Run again; what is done is kept."


@pytest.mark.parametrize("exit_code", list(Exit))
def test_every_exit_code_has_an_outcome_and_an_advice(exit_code):
    report = ended(exit_code)
    outcome, advice = text.termination_message(report).splitlines()
    assert outcome
    assert advice.endswith(".")
    assert json_report.to_json(report)["outcome"] not in ("", "running")


@example("障" * 6000, "害" * 6000, ["署" * 300] * 20)
@example("x" * 6000, "ü" * 6000, ["x" * 300] * 20)
@given(st.text(max_size=6000), st.text(max_size=6000), st.lists(st.text(max_size=300), max_size=20))
def test_the_termination_message_is_two_lines_of_at_most_4096_bytes(problem, hint, spaces):
    report = RunReport(spaces=tuple(spaces), clock=Clock())
    report.end_with(SourceUnavailable(problem, hint=hint))
    message = text.termination_message(report)
    assert len(message.encode()) <= 4096
    assert message.count("\n") == 2
    assert message.endswith("\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (9.94, "9.9s"),
        (42.4, "42s"),
        (59.6, "1m00s"),
        (192, "3m12s"),
        (3599.7, "1h00m"),
        (7530, "2h05m"),
    ],
)
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (5 * 10**12, "5000 GB"),
    ],
)
def test_sizes_are_short(count, text):
    assert size(count) == text


def test_a_long_scope_is_cut_and_a_narrowed_one_says_by_what():
    report = RunReport(spaces=tuple(f"S{number}" for number in range(12)))
    assert scope(report) == "S0, S1, S2, S3, S4, S5 and 6 more spaces"
    report.folder, report.labels = "123", ("runbook",)
    assert scope(report).endswith("more spaces below 123 labelled runbook")
