"""The documents say what the code does: the table of variables is kept in one place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from settings_samples import REQUIRED

from confluence_mirror.cli.arguments import parse, parser
from confluence_mirror.settings import Settings, documents
from confluence_mirror.settings.loading import VARIABLES

ROOT = Path(__file__).parents[2]


def test_the_example_file_is_the_one_that_the_table_makes():
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == documents.env_example()


@pytest.mark.parametrize(
    ("flag", "text"), [("--env-example", documents.env_example), ("--markdown", documents.markdown)]
)
def test_both_documents_can_be_printed(flag, text):
    printed = subprocess.run(
        [sys.executable, "-m", "confluence_mirror.settings", flag],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert printed.stdout == text()


def test_each_variable_stands_once_in_each_document():
    for name in (variable.name for variable in VARIABLES):
        assert len(re.findall(rf"^#?{name}=", documents.env_example(), re.MULTILINE)) == 1
        assert len(re.findall(rf"^\| `{name}` \|", documents.markdown(), re.MULTILINE)) == 1


def test_the_example_file_holds_only_lines_that_shells_podman_and_kubectl_read_alike():
    for line in documents.env_example().splitlines():
        assert re.fullmatch(r"|#.*|[A-Z_]+=(\S*|\"[^\"$`\\]*\")", line), line


def test_a_copy_of_the_example_changes_nothing(folder):
    (folder / ".env").write_text(documents.env_example(), encoding="utf-8")
    with_copy = Settings.load(REQUIRED, folder, in_container=False)
    (folder / ".env").unlink()
    # The copy's empty lines are hidden by the environment, and are unset where they are not.
    assert with_copy == Settings.load(REQUIRED, folder, in_container=False)


def test_the_defaults_that_the_example_shows_are_those_of_the_code(folder):
    uncommented = re.sub(r"^#(?=[A-Z_]+=)", "", documents.env_example(), flags=re.MULTILINE)
    defaults = {variable.name for variable in VARIABLES if variable.default}
    kept = [line for line in uncommented.splitlines() if line.split("=")[0] in defaults]
    assert len(kept) == len(defaults)
    (folder / ".env").write_text("\n".join(kept))
    set_all = Settings.load(REQUIRED, folder, in_container=False)
    (folder / ".env").unlink()
    assert set_all == Settings.load(REQUIRED, folder, in_container=False)


def test_the_help_of_the_command_says_what_each_variable_with_an_option_means():
    text = " ".join(parser("sync.py").format_help().split())
    options = [variable for variable in VARIABLES if variable.option]
    assert {variable.option for variable in options} == {
        "--since-hours",
        "--allow-mass-delete",
        "--report",
        "--log-format",
    }
    for variable in options:
        assert (variable.option_kind.get("help", variable.plain_meaning)) in text


def test_an_option_wins_over_the_environment(folder):
    chosen = parse(["--since-hours", "7", "--allow-mass-delete"], "sync.py")
    settings, _ = Settings.load(
        REQUIRED | {"SINCE_HOURS": "1"}, folder, chosen.overrides, in_container=False
    )
    assert (settings.scope.since_hours, settings.run.allow_mass_delete) == (7, "true")
