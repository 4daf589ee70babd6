"""The users' own client, in an environment with nothing of ours, reads what a sync stored. ``make
test-llama``.

What is run is the text of ``docs/read.md``.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, demo_site
from tests.job.harness import Job
from tests.llama.real import RealServer, servers
from tests.readers.snippets import snippets

pytestmark = pytest.mark.llama

READERS = dict(pair.split("=", 1) for pair in os.environ.get("READERS", "").split())
PAGE, TITLE = "1310813", "Runbook: Certificate renewal for *.lighthouse.example"
OLD = [each for each in servers() if each[0].startswith("0.2.")]
"""The servers that this client's own calls reach."""

if not OLD or "llama" not in READERS:
    pytest.skip(
        "needs a real server of 0.2 and the reader's environment: make test-llama",
        allow_module_level=True,
    )


@dataclass(frozen=True)
class Reader:
    """The client's environment, and the server that a sync of the sample site filled."""

    folder: Path
    server: RealServer

    def run(self, name: str) -> str:
        """What a program of the document prints."""
        language, text = snippets()[name]
        binaries = f"{READERS['llama']}/bin"
        command = (
            [f"{binaries}/python", "-I", "-c", text]
            if language == "python"
            else ["/bin/sh", "-c", text]
        )
        environ = {
            "PATH": f"{binaries}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LLAMA_BASE_URL": self.server.base_url,
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, name: str) -> list[list[str]]:
        """The columns of the lines that it printed."""
        return [line.split(" | ") for line in self.run(name).splitlines()]


@pytest.fixture(scope="module", params=OLD, ids="-".join)
def reader(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    with (
        RealServer(*request.param, folder / "server") as server,
        SampleGateway(demo_site()) as gateway,
    ):
        job = Job(folder / "job", gateway, env={"LLAMA_BASE_URL": server.base_url})
        job.run()
        # An edit leaves an end marker on faiss, which no reader may stumble over.
        page = gateway.site.current("PLAT")[0]
        gateway.site.edit(page.id, page.body + "<p>One line more.</p>")
        job.run()
        yield Reader(folder, server)


def test_the_environment_of_the_reader_holds_nothing_of_ours(reader: Reader) -> None:
    asked = [f"{READERS['llama']}/bin/python", "-I", "-c", "import confluence_mirror"]
    assert (
        b"No module named 'confluence_mirror'"
        in subprocess.run(asked, capture_output=True, check=False).stderr
    )


@pytest.mark.parametrize("name", ["llama-vector-stores", "llama-vector-dbs"])
def test_the_client_answers_a_question_with_text_and_metadata(reader: Reader, name: str) -> None:
    rows = reader.rows(name)
    assert len(rows) == 3
    # Which of them is first is the stand-in's: it embeds ids, too, which are others in every run.
    title, _, url, characters = next(row for row in rows if row[1] == PAGE)
    assert title == TITLE
    assert f"/spaces/PLAT/pages/{PAGE}/" in url
    assert all(int(row[3]) > 20 for row in rows), characters


def test_the_rag_tool_hands_an_agent_our_chunks_with_their_metadata(reader: Reader) -> None:
    told = reader.run("llama-rag-tool")
    results = re.split(r"Result \d+\n", told)
    (found,) = [each for each in results if f"'page_id': '{PAGE}'" in each]
    assert "Certificates are issued by the internal ACME service" in found
    assert f"/spaces/PLAT/pages/{PAGE}/" in found


def test_the_command_line_of_the_client_lists_the_store_with_its_name_and_provider(
    reader: Reader,
) -> None:
    table = reader.run("llama-shell")
    assert "vs_" in table
    assert reader.server.provider in table
    assert "confluence" in table
