"""Commands are words; the options that meant them before go on meaning them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from confluence_mirror.cli.arguments import Arguments, parse
from confluence_mirror.errors import WrongUsage
from confluence_mirror.model import Filter
from confluence_mirror.search import Question
from tests.job.conftest import Make
from tests.job.harness import ROOT


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], ["sync"]),
        (["--dry-run"], ["plan"]),
        (["--verify"], ["verify"]),
        (["--repair"], ["repair"]),
        (["--purge", "--yes"], ["purge", "--yes"]),
        (["--query", "a word"], ["query", "a word"]),
        (["--demo"], ["demo"]),
        (["--full", "--report", "x"], ["sync", "--full", "--report", "x"]),
    ],
)
def test_an_option_means_the_same_as_its_command(words: list[str], options: list[str]) -> None:
    assert parse(words) == parse(options)


def test_an_option_before_the_command_counts() -> None:
    assert parse(["--full", "plan", "--since-hours", "3"]) == Arguments(
        "plan", full=True, overrides={"SINCE_HOURS": "3"}
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "--verify"], "unrecognized arguments: --verify"),
        (["--verify", "plan"], "plan and --verify do not go together"),
        (["nonsense"], "nonsense is not a command"),
        (["query", " "], "query needs words to search for"),
        (["verify", "--full"], "unrecognized arguments: --full"),
        (["sync", "--page", "12x"], "--page needs the id of a page"),
        (["plan", "--page", "12"], "unrecognized arguments: --page 12"),
        (["query", "x", "--limit", "51"], "1 to 50, not 51"),
        (["query", "x", "--limit", "many"], "invalid int value: 'many'"),
        (["query", "-", "--max-tokens", "0"], "1 or more, not 0"),
        (
            ["query", "x", "--type", "page,blog"],
            "--type is page or blogpost or attachment or comment, not blog",
        ),
        (["query", "x", "--label", "a,,b"], "--label needs a name"),
        (["query", "x", "--modified-after", "last week"], "--modified-after is a day or a time"),
        (["query", "x", "--label", "caf\udce9"], "not UTF-8"),
        (["--limit", "3"], "--limit is an option of query"),
        (["--json", "plan"], "--json is an option of query"),
    ],
)
def test_commands_that_make_no_sense_are_wrong_usage(words: list[str], said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        parse(words)


@pytest.mark.parametrize("words", [["query", "x"], ["--query", "x"]])
def test_a_question_takes_its_options_from_the_command_line(words: list[str]) -> None:
    filters = ["--space", "OPS,HR", "--space", "~me", "--label", "a b", "--type", "blogpost"]
    found = parse([*words, "--limit", "7", "--max-tokens", "900", *filters]).question
    assert found == Question(
        "x", 7, 900, Filter(("OPS", "HR", "~me"), labels=("a b",), page_types=("blogpost",))
    )


@pytest.mark.parametrize(
    ("said", "utc"),
    [
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026-01-31T08:15", "2026-01-31T08:15:00Z"),
        ("2026-01-31T08:15:00Z", "2026-01-31T08:15:00Z"),
        ("2026-01-31T01:15:00.5+02:00", "2026-01-30T23:15:00Z"),
    ],
)
def test_a_day_or_a_time_is_meant_in_utc_unless_it_names_a_zone(said: str, utc: str) -> None:
    found = parse(["query", "x", "--modified-after", said]).question
    assert found is not None
    assert found.where.modified_since == utc


def test_reset_belongs_to_the_sync_of_ingest_conf_alone() -> None:
    assert parse(["--reset"], ingest=True).command == "reset"
    assert parse(["sync", "--reset"], ingest=True).command == "reset"
    for words in (["plan", "--reset"], ["check"]):
        with pytest.raises(WrongUsage):
            parse(words, ingest=True)


def test_the_commands_of_a_mirror_do_what_their_options_do(make: Make) -> None:
    job = make()
    assert "to add" in job.here("plan").stdout
    job.here("sync")
    assert "no drift" in job.here("verify").stdout
    assert "Page 3" in job.here("query", "Part 1 of 3").stdout
    job.here("repair")
    job.here("purge", "--yes")
    assert job.store.state.collections == {}


def test_a_sync_of_named_pages_leaves_the_others_as_they_are(make: Make) -> None:
    job = make()
    job.here()
    titles = {each.title: each.id for each in job.gateway.site.current("OPS")}
    for title in ("Page 1", "Page 2", "Page 3"):
        job.gateway.site.edit(titles[title], f"<p>{title} has other words now.</p>")
    named = ("--page", titles["Page 1"], "--page", titles["Page 3"])
    assert "2 changed" in job.here("sync", *named).stderr
    assert "1 changed" in job.here().stderr


def test_the_check_is_a_command(make: Make) -> None:
    said = make().here("check", "--json", SPACE_NAME="Operations").stdout
    assert '"ok": true' in said


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "confluence_mirror", "plan", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: python -m confluence_mirror plan" in done.stdout


def imported_for(program: str) -> set[str]:
    """The packages that a process has imported when it has run this."""
    told = "import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{told}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_version_is_told_before_anything_of_a_run_is_imported() -> None:
    found = imported_for(
        "from confluence_mirror.cli import commands\n"
        "try: commands.main(['--version'])\n"
        "except SystemExit: pass"
    )
    assert "dotenv" in found  # the settings' options are among the arguments
    assert found.isdisjoint({"bs4", "chromadb", "lxml", "requests", "sqlite3", "tiktoken"})


def test_an_answer_does_not_wait_for_what_converts_pages() -> None:
    found = imported_for("from confluence_mirror.cli import execution")
    assert {"requests", "sqlite3"} <= found
    assert found.isdisjoint({"bs4", "chromadb", "lxml", "tiktoken"})
