"""PID 1 of the image: which program runs, with which arguments, and what it is given."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from confluence_mirror.cli.arguments import parser
from scripts.container import entrypoint
from tests.cluster.files import ROOT

TELLS = """
import os, sys
print(sys.argv, os.environ.get("CA_BUNDLE", ""), oct(os.umask(0)))
"""
STARTS = """
import sys
from pathlib import Path
from scripts.container import entrypoint
entrypoint.CODE, entrypoint.BUNDLE = Path(sys.argv[1]), Path(sys.argv[2])
entrypoint.main(sys.argv[3:])
"""


def started(
    code: Path,
    *arguments: str,
    bundle: Path = Path("/nowhere"),
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The entry point with ``code`` in the place of the image's own."""
    quiet = {
        name: value
        for name, value in os.environ.items()
        if name not in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    }
    command = [sys.executable, "-c", STARTS, str(code), str(bundle), *arguments]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**quiet, **(environ or {})},
    )


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name in ("sync.py", "ingest_conf.py", "test_confluence.py"):
        (tmp_path / name).write_text(TELLS, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "program", "rest"),
    [
        ([], "sync.py", []),
        (["--dry-run", "--report", "r.json"], "sync.py", ["--dry-run", "--report", "r.json"]),
        (["sync.py", "--verify"], "sync.py", ["--verify"]),
        (["ingest_conf.py", "--reset"], "ingest_conf.py", ["--reset"]),
        (["test_confluence.py"], "test_confluence.py", []),
        (["sync", "--full"], "sync.py", ["sync", "--full"]),
        (["mcp"], "sync.py", ["mcp"]),
    ],
)
def test_a_program_is_run_by_name_and_options_go_to_it(
    code: Path, given: list[str], program: str, rest: list[str]
) -> None:
    assert started(code, *given).stdout.startswith(str([str(code / program), *rest]))


def test_anything_else_is_a_command_in_the_same_process(code: Path) -> None:
    done = started(code, sys.executable, "-c", "import sys; sys.exit(7)")
    assert done.returncode == 7


def test_a_word_that_is_nothing_of_the_image_is_wrong_usage_in_the_format_of_the_log(
    code: Path,
) -> None:
    done = started(code, "ingest.py")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (64, "", 1)
    assert "'ingest.py' is no option" in done.stderr
    line = json.loads(started(code, "ingest.py", environ={"LOG_FORMAT": "json"}).stderr)
    assert (line["level"], line["exit_code"]) == ("error", 64)


def test_every_command_of_the_program_is_one_of_the_image(code: Path) -> None:
    shown = re.search(r"^commands:\n.*?\n((?: {4}\S.*\n| {8,}.*\n)+)", parser().format_help(), re.M)
    assert shown
    assert frozenset(re.findall(r"^ {4}(\w+)", shown[1], re.M)) == entrypoint.COMMANDS


def test_python_finds_the_programs_from_the_working_directory_and_a_file_there_wins(
    code: Path, tmp_path: Path
) -> None:
    recipe = (ROOT / "scripts/container/python").read_text(encoding="utf-8")
    mine = tmp_path / "python"
    mine.write_text(
        recipe.replace("/opt/confluence-sync", str(code)).replace(
            "/opt/venv/bin/python", sys.executable
        ),
        encoding="utf-8",
    )
    mine.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()

    def run(*arguments: str) -> str:
        return subprocess.run(
            [mine, *arguments], cwd=work, check=True, capture_output=True, text=True
        ).stdout

    for name in ("sync.py", "ingest_conf.py", "test_confluence.py"):
        assert str([str(code / name), "--dry-run"]) in run(name, "--dry-run")
    assert run("-c", "print(7)") == "7\n"
    (work / "sync.py").write_text("print('mine')", encoding="utf-8")
    assert run("sync.py") == "mine\n"


def test_files_that_a_program_makes_are_open_to_its_group(code: Path) -> None:
    assert started(code).stdout.endswith("0o2\n")


def test_a_mounted_bundle_is_trusted_unless_the_user_names_another(
    code: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    assert str(bundle) not in started(code, bundle=bundle).stdout
    bundle.write_text("PEM", encoding="utf-8")
    assert str(bundle) in started(code, bundle=bundle).stdout
    for name in ("CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        assert str(bundle) not in started(code, bundle=bundle, environ={name: "/mine.pem"}).stdout


@pytest.mark.parametrize(("number", "code_"), [(15, 143), (2, 130)])
def test_a_signal_before_the_program_is_ready_for_it_ends_as_one(
    code: Path, number: int, code_: int
) -> None:
    (code / "sync.py").write_text(
        f"import os; os.kill(os.getpid(), {number}); print('went on')", encoding="utf-8"
    )
    done = started(code)
    assert (done.returncode, done.stdout) == (code_, "")
