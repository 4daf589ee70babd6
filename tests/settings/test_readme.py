"""The README repeats the settings, the exit codes and the flags: it must not say anything else than
the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from confluence_mirror.cli.arguments import parser
from confluence_mirror.confluence.checks import missing_scopes
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.errors import Exit
from confluence_mirror.settings import BY_NAME, documents
from confluence_sandbox import SampleGateway, Site

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_is_the_one_that_the_code_makes(readme):
    table = re.search(r"<!-- settings -->\n(.*)<!-- /settings -->", readme, re.DOTALL)
    assert table, "the README needs the markers <!-- settings --> and <!-- /settings -->"
    assert table[1].strip() == documents.markdown().strip()


def test_every_exit_code_has_a_row_and_no_other_code_has_one(readme):
    rows = re.findall(r"^\| *`?(\d+(?:, \d+)*)`? *\|", readme, re.MULTILINE)
    codes = sorted(int(code) for row in rows for code in row.split(", "))
    assert codes == sorted(int(code) for code in Exit)


def test_every_flag_of_the_job_is_named(readme):
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", parser("sync.py").format_help())) - {
        "--help",
        "--version",
    }
    assert len(flags) >= 10
    assert {flag for flag in flags if flag not in readme} == set()


def test_the_twelve_settings_that_matter_first_are_twelve_and_stand_first(readme):
    names = re.findall(r"^\| `([A-Z_]+)` \|", readme, re.MULTILINE)
    assert tuple(names[:12]) == documents.FIRST
    assert sorted(names) == sorted(BY_NAME)


def test_the_scopes_of_the_table_are_those_that_the_check_asks_for(readme):
    with SampleGateway(Site()) as sandbox:
        sandbox.switches.scopes = set()
        gateway = Gateway(sandbox.url, sandbox.cloud_id, sandbox.user, sandbox.token)
        asked = missing_scopes(gateway, trees=True, readers=True, comments=True, files=True)
    table = re.search(r"<!-- scopes -->\n(.*)<!-- /scopes -->", readme, re.DOTALL)
    assert table
    rows = re.findall(r"^\| `(.+?)` \| (?:`(.+?)`)? ?\| .+ \| (.+) \|$", table[1], re.MULTILINE)
    shown = {(scope, other, not need.startswith("optional")) for scope, other, need in rows}
    assert shown == {(each.scope, each.granular, each.required) for each in asked}
