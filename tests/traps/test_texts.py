"""What people are told to type is safe to type."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"],
    "confluence-sync",
}
NAME = "|".join(name.replace("-", "[-_]") for name in sorted(NAMES))
FROM_AN_INDEX = re.compile(
    rf"\b(?:pip3?|pipx|uvx?|conda|poetry|pdm)\b[^\n]{{0,80}}?(?<![\w./@-])(?:{NAME})(?![\w/.-])|\b(?:{NAME})(?:\[\w|==|>=|~=)"
)
"""An installer with our name as a requirement, and the name with an extra or a version."""


def tracked() -> list[Path]:
    """Every text file that the repository holds."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_text_installs_this_program_from_an_index_where_its_name_is_somebody_elses() -> None:
    told = {}
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "ignore")
        if found := [match.group() for match in FROM_AN_INDEX.finditer(text)]:
            told[str(path.relative_to(ROOT))] = found
    assert told == {}


@pytest.mark.parametrize(
    "words",
    [
        "pip install 'NAME[chroma]'",
        "`pip install NAME`",
        "uv tool install NAME",
        "NAME==0.1.0",
        "pipx run NAME --demo",
    ],
)
def test_such_a_text_is_recognised(words: str) -> None:
    assert all(FROM_AN_INDEX.search(words.replace("NAME", name)) for name in NAMES)
    assert not FROM_AN_INDEX.search(
        "pip install -r /opt/confluence-sync/requirements.txt; pip install '.[chroma]'"
    )
