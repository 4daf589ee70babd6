"""Which commands of the documents ``make test-docs`` types, and what its stand-ins refuse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.documents import run
from scripts.documents.blocks import DOCUMENTS, Block, shell_blocks
from scripts.documents.settings_files import read_env_file

BLOCKS = [block for name in DOCUMENTS for block in shell_blocks(name)]
KEYS = {run.key_of(block) for block in BLOCKS}


def test_every_block_of_a_table_is_in_its_document() -> None:
    named = {*run.LEFT_OUT, *run.PUT_BACK, *run.BEFORE}
    assert named - KEYS == set()
    assert set(run.FILLED_IN) <= set(DOCUMENTS)


def test_few_blocks_are_left_out_and_each_has_a_reason() -> None:
    assert len(run.LEFT_OUT) <= len(BLOCKS) / 10
    assert all(run.LEFT_OUT.values())


@pytest.mark.parametrize("document", ["README.md", "docs/deploy.md"])
def test_a_document_for_users_has_no_commands_outside_of_a_fence(document: str) -> None:
    text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
    commands = ("    oc ", "    podman ", "    python ", "    make ", "    kubectl ")
    fenced = "".join(block.text for block in shell_blocks(document))
    assert [line for line in text.splitlines() if line.startswith(commands)] == []
    assert "oc apply" in fenced or "python sync.py" in fenced


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: f"{b.document}: {b.first_line}")
def test_a_block_is_what_a_shell_understands(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=block.text, text=True, capture_output=True, check=False
    )
    assert done.stderr == ""


def test_an_env_file_is_read_as_podman_and_oc_read_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('# a comment\n\nSPACE_NAME="Known Issues"\nA=b=c\n', encoding="utf-8")
    assert read_env_file(str(file)) == {"SPACE_NAME": '"Known Issues"', "A": "b=c"}
    file.write_text("export A=1\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="not a valid name"):
        read_env_file(str(file))
