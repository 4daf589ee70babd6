"""``query``: what a person is shown, what a program reads, and questions one after the other."""

from __future__ import annotations

import io
import json
import shlex
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from confluence_mirror.cli.arguments import parse
from confluence_sandbox import SampleGateway, Site
from tests.job.harness import Job
from tests.job.test_terminal import at_a_terminal
from tests.readers.snippets import snippets
from tests.servers.vector_api import VectorApiServer

FIELDS = [
    "title",
    "heading",
    "url",
    "text",
    "score",
    "why",
    "page_id",
    "page_type",
    "space_key",
    "modified_at",
]
SETTINGS = (
    "<h2>Limits</h2><table><tbody>"
    "<tr><th>setting</th><th>value</th></tr>"
    "<tr><td>max_connections</td><td>20</td></tr>"
    "<tr><td>idle_timeout</td><td>30 seconds</td></tr>"
    "</tbody></table>"
)
RESTART = "<p>Nobody needs to know this. {} Drain the node, then restart the ingress.</p>".format(
    " ".join(f"Sentence {number} is of no avail." for number in range(40))
)


def site() -> Site:
    made = Site()
    made.add_space("OPS", "Operations")
    made.add_space("HR", "People")
    made.add("OPS", "Database", SETTINGS, labels=["runbook"])
    made.add("OPS", "Ingress", RESTART)
    made.add("OPS", "News of the ingress", "<p>The ingress was replaced.</p>", type="blogpost")
    made.add("HR", "Café 休暇", "<p>休暇の申請はここで行います。</p>")
    return made


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A mirror that is only asked."""
    with SampleGateway(site()) as gateway, VectorApiServer("underscore") as server:
        job = Job(tmp_path_factory.mktemp("query") / "job", gateway, server.url, server=server)
        job.here()
        yield job


def asked(job: Job, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(job.here("query", *arguments, "--json").stdout)
    return found


def titles(job: Job, *arguments: str) -> list[str]:
    return [each["title"] for each in asked(job, *arguments)["results"]]


def test_a_person_sees_place_score_link_and_the_row_with_its_header(job: Job) -> None:
    shown = job.here("query", "idle_timeout").stdout
    first, link, *passage = shown.split("\n\n")[0].splitlines()
    assert first.startswith("1. Database > Limits  (")
    assert first.endswith((", both)", ", lexical)", ", dense)"))
    assert link.startswith("   https://")
    assert link.endswith("#Limits")
    assert passage == ["   | setting | value |", "   | idle_timeout | 30 seconds |"]
    assert "\x1b" not in shown


def test_a_long_text_is_shown_where_it_matches_and_whole_if_that_is_wanted(job: Job) -> None:
    shown = job.here("query", "drain the node then restart", "--limit", "1").stdout
    assert "Drain the node, then restart" in shown
    assert "Nobody needs to know" not in shown
    full = job.here("--query", "drain the node then restart", "--limit", "1", "--full").stdout
    assert "Nobody needs to know" in full


def test_words_of_the_question_are_bold_at_a_terminal_unless_colour_is_unwanted(job: Job) -> None:
    arguments = ("query", "idle timeout", "--limit", "1")
    _, shown = at_a_terminal(job, job.main, *arguments)
    assert "\x1b[1midle_timeout\x1b[22m" in shown
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        _, shown = at_a_terminal(job, job.main, *arguments, **plain)
        assert "\x1b" not in shown
        assert "idle_timeout" in shown


def test_json_is_one_object_with_the_fields_of_the_search_route(job: Job) -> None:
    said = job.here("query", "休暇 Café", "--json", LOG_LEVEL="DEBUG").stdout
    assert len(said.splitlines()) == 1
    answer = json.loads(said)
    assert list(answer) == ["query", "results", "took_ms"]
    assert answer["query"] == "休暇 Café"
    best = answer["results"][0]
    assert list(best) == FIELDS
    assert (best["title"], best["space_key"], best["page_type"]) == ("Café 休暇", "HR", "page")
    assert "休暇の申請" in best["text"]


def test_options_choose_pages_and_how_much_of_them(job: Job) -> None:
    assert set(titles(job, "ingress", "--space", "HR")) == {"Café 休暇"}
    assert set(titles(job, "ingress", "--label", "runbook,other")) == {"Database"}
    assert set(titles(job, "ingress", "--type", "blogpost")) == {"News of the ingress"}
    assert titles(job, "ingress", "--modified-after", "2999-01-01") == []
    assert len(titles(job, "ingress", "--modified-after", "2000-01-01T00:00:00+02:00")) == 4
    assert len(titles(job, "ingress", "--limit", "2")) == 2
    assert job.here("query", "ingress", "--space", "NONE").stdout == "nothing found\n"
    few = asked(job, "drain the node then restart", "--max-tokens", "40")["results"]
    assert sum(len(each["text"].split()) for each in few) <= 40


def test_the_questions_of_the_documents_are_understood() -> None:
    _, text = snippets()["query-shell"]
    for line in text.splitlines():
        arguments = shlex.split(line.partition("<")[0], comments=True)
        assert arguments[:3] == ["python", "sync.py", "query"]
        assert parse(arguments[2:]).question is not None


def lines(job: Job, given: bytes, expect: int = 0, **changes: str) -> list[dict[str, Any]]:
    """Answers to lines of the standard input."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
        said = job.here("query", "-", "--limit", "1", expect=expect, **changes).stdout
    return [json.loads(line) for line in said.splitlines()]


def test_each_line_of_standard_input_is_answered_by_a_line_and_no_line_ends_it(job: Job) -> None:
    long = b"word " * 20_000
    given = (
        b"max_connections\n\n\xff\xfe\n" + long + b"\n caf\xc3\xa9\r\ndrain the node then restart"
    )
    found = lines(job, given)
    assert [each["query"][:20].rstrip() for each in found] == [
        "max_connections",
        "",
        "\ufffd\ufffd",
        "word word word word",
        " café",
        "drain the node then",
    ]
    assert [bool(each.get("error")) for each in found] == [False, True, True, True, False, False]
    assert found[0]["results"][0]["title"] == "Database"
    assert found[-1]["results"][0]["title"] == "Ingress"
    assert "UTF-8" in found[2]["error"]


def test_without_a_collection_the_first_line_says_why_and_ends_it(job: Job) -> None:
    found = lines(job, b"one\ntwo\n", expect=78, COLLECTION_ID="another")
    assert [each["query"] for each in found] == ["one"]
    assert "Run a sync first" in found[0]["error"]


def test_control_c_ends_the_wait_for_the_next_line(job: Job) -> None:
    process = waiting(job)
    with process:
        answer = ask(process, "max_connections")
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)  # before its input ends, which would end it, too
        rest, said = process.communicate()
    assert answer["results"][0]["title"] == "Database"
    assert (process.returncode, rest, said) == (130, "", "Stopped by SIGINT.\n")


def test_a_reader_that_goes_away_ends_it_without_a_word(job: Job) -> None:
    with waiting(job) as process:
        ask(process, "max_connections")
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate("ingress\n", timeout=20)
    assert (process.returncode, said) == (0, "")


def waiting(job: Job) -> subprocess.Popen[str]:
    return subprocess.Popen(
        job.command("query", "-"),
        cwd=job.folder,
        env=job.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(process: subprocess.Popen[str], question: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{question}\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found
