"""Programs that others wrote read the stores that a sync of the sample site filled.

Each runs with the Python of an environment that ``scripts/readers/run.py`` made (``READERS``:
name=path …); what it runs is the text of ``docs/read.md``, in a folder where ``data`` is the job's
state.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from confluence_mirror.embedding import local_embedder
from confluence_sandbox import SampleGateway, demo_site
from tests.readers.snippets import ROOT, snippets
from tests.servers.postgres import postgres

READERS = dict(pair.split("=", 1) for pair in os.environ.get("READERS", "").split())
pytestmark = pytest.mark.skipif(
    not READERS, reason="needs the readers' environments: make test-readers"
)

PAGE, TITLE = "1310813", "Runbook: Certificate renewal for *.lighthouse.example"
LOOKUP = "What is KEEL_READ_ONLY for?"
LOOKED_UP = ("Failover to region north-2", "1310816")
URL = f"https://lighthouse-sample.atlassian.net/wiki/spaces/PLAT/pages/{PAGE}/"


@dataclass(frozen=True)
class Filled:
    """A folder as a job leaves it, and the database that another run of the same job filled."""

    folder: Path
    environ: dict[str, str]

    def sync(self, *arguments: str, store: str) -> str:
        """Our command, as a user calls it."""
        command = [sys.executable, str(ROOT / "sync.py"), *arguments]
        environ = {**self.environ, "STORE": store, "STATE_URL": f"sqlite:///data/{store}.db"}
        done = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, reader: str, *names: str) -> list[list[str]]:
        """A program of the document, and what goes on where it ends, with the reader's Python; the
        columns of the lines that the last one printed: three."""
        program = "\n".join(snippets()[name][1] for name in names)
        command = [f"{READERS[reader]}/bin/python", "-c", program]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert len(lines) == 3 * len(names)
        return [line.split(" | ") for line in lines[-3:]]

    def select(self, name: str) -> list[tuple[object, ...]]:
        """A statement of the document."""
        with psycopg.connect(self.environ["PGVECTOR_URL"]) as connection:
            return connection.execute(snippets()[name][1].encode()).fetchall()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("job")
    with SampleGateway(demo_site()) as gateway, postgres() as server:
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "CONF_GATEWAY_URL": gateway.url,
            "CONF_CLOUD_ID": gateway.cloud_id,
            "CONF_USER": gateway.user,
            "CONF_API_TOKEN": gateway.token,
            "PGVECTOR_URL": server.fresh(),
            "STORE_PATH": "data/store",
        }
        made = Filled(folder, environ)
        made.sync(store="embedded")
        made.sync(store="pgvector")
        yield made


def assert_answers(rows: list[list[str]]) -> None:
    """The page is the first answer, and is named by its metadata."""
    assert len(rows) == 3
    title, page_id, url = rows[0]
    assert (title, page_id) == (TITLE, PAGE)
    assert url.startswith(URL)


def test_langchain_answers_from_the_embedded_store(filled: Filled) -> None:
    assert_answers(filled.run("langchain", "langchain-chroma"))


@pytest.mark.parametrize("program", ["llamaindex-chroma", "llamaindex-pgvector"])
def test_llamaindex_answers_from_the_embedded_store_and_from_the_pgvector_table(
    filled: Filled, program: str
) -> None:
    assert_answers(filled.run("llamaindex", program))


def nearest_pages(filled: Filled) -> list[str]:
    """The page of each chunk, the nearest to the lookup first, by vectors alone."""
    with psycopg.connect(filled.environ["PGVECTOR_URL"]) as connection:
        rows = connection.execute(
            "SELECT metadata_->>'page_id' FROM data_confluence ORDER BY embedding <=> %s::vector",
            [str(local_embedder()([LOOKUP])[0])],
        ).fetchall()
    return [page_id for (page_id,) in rows]


@pytest.mark.parametrize(
    ("reader", "programs"),
    [
        ("langchain", ["langchain-chroma", "langchain-hybrid"]),
        ("langchain", ["langchain-pgvector-hybrid"]),
        ("llamaindex", ["llamaindex-chroma", "llamaindex-hybrid"]),
        ("llamaindex", ["llamaindex-pgvector", "llamaindex-hybrid"]),
    ],
    ids=["langchain-chroma", "langchain-pgvector", "llamaindex-chroma", "llamaindex-pgvector"],
)
def test_words_and_vectors_fused_find_what_vectors_alone_miss(
    filled: Filled, reader: str, programs: list[str]
) -> None:
    nearest = nearest_pages(filled)
    assert LOOKED_UP[1] not in nearest[:10]
    rows = filled.run(reader, *programs)
    assert tuple(rows[0][:2]) == LOOKED_UP
    assert nearest[0] in [page_id for _, page_id, _ in rows]


def test_plain_sql_answers_a_question(filled: Filled) -> None:
    environ = {**filled.environ}
    done = subprocess.run(
        [sys.executable, "-c", snippets()["sql-question"][1]],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert_answers([line.split(" | ") for line in done.stdout.splitlines()])


def test_plain_sql_lists_the_pages_of_a_label(filled: Filled) -> None:
    rows = filled.select("sql-pages")
    assert PAGE in [page_id for _, page_id, _, _ in rows]
    assert all(str(url).startswith("https://") for _, _, url, _ in rows)


def test_plain_sql_finds_what_is_near_to_a_page(filled: Filled) -> None:
    rows = filled.select("sql-near")
    assert len(rows) == 5
    assert PAGE not in [page_id for _, page_id, _, _ in rows]
    distances = [distance for *_, distance in rows]
    assert distances == sorted(distances)


@pytest.mark.parametrize("store", ["embedded", "pgvector"])
def test_what_was_read_is_still_the_mirror(filled: Filled, store: str) -> None:
    assert "no drift" in filled.sync("--verify", store=store)
