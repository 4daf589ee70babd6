"""The repository's own documents lead somewhere, and its files say one thing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from confluence_mirror import __version__
from scripts.sabotage.breaks import SABOTAGES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"```.*?```|``.+?``|`[^`\n]+`", re.DOTALL)


def text(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_of_a_document_leads_to_a_file(document: Path) -> None:
    links = LINK.findall(CODE.sub("", text(document)))
    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [(page.parent / link).resolve() for link in LINK.findall(text(page))]
    assert {ROOT / each for each in DOCUMENTS} - reached == set()


def test_the_changelog_s_newest_version_is_the_program_s() -> None:
    versions = re.findall(r"^## v(\S+)", text("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == __version__


def test_the_hooks_run_what_make_lint_runs() -> None:
    (repository,) = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    hooks = {hook["entry"].removeprefix(".venv/bin/") for hook in repository["hooks"]}
    rule = text("Makefile").partition("\nlint:")[2].partition("\n\n")[0]
    linted = {line.removeprefix("\t$(BIN)/") for line in rule.splitlines()[1:]}
    assert repository["repo"] == "local"
    assert {hook.removesuffix(" --force-exclude") for hook in hooks} == {
        command.removesuffix(" .").removesuffix(" --check") for command in linted
    }


def test_every_sabotage_is_in_the_table_and_no_other_one_is() -> None:
    table = text("docs/contributing/reliability.md").partition("## Broken on purpose")[2]
    rows = re.findall(r"^\| (?!what was broken|---)([^|]+) \| \d+ \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(sabotage.name for sabotage in SABOTAGES)


def test_both_packages_are_in_the_contracts() -> None:
    contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    exhaustive = {each["containers"][0] for each in contracts if each.get("exhaustive")}
    assert exhaustive >= {"confluence_mirror", "confluence_sandbox", "confluence_mirror.stores"}
