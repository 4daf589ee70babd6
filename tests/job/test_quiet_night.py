"""A night in which nothing changed: what it asks, and what it does not write or import."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from confluence_mirror.manifest import Database
from confluence_sandbox import SampleGateway
from tests.job.conftest import Make
from tests.job.harness import ROOT, Job
from tests.job.places import embeds
from tests.servers.embedding import EmbeddingServer

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER")
WHERE_THERE_IS_NONE = ("IF NOT EXISTS", "ON CONFLICT DO NOTHING")
FOR_WORK = {"bs4", "lxml", "markdownify", "tiktoken", "tokenizers", "numpy", "onnxruntime"}
"""What converts, cuts and embeds."""
OF_OTHERS = {"chromadb", "psycopg", "pypdf", "prometheus_client", "mcp", "obstore"}
"""What belongs to stores and parts that are not set."""


def stored_versions(url: str) -> dict[str, list[tuple[str, ...]]]:
    """Every row of every table, by where it lies and which transaction wrote it."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        return {
            table: connection.execute(
                f'SELECT ctid::text, xmin::text, xmax::text FROM "{table}" ORDER BY 1'
            ).fetchall()
            for (table,) in tables
        }


def test_a_quiet_night_asks_no_embedder_changes_no_row_and_writes_when_it_was_alone(
    gateway: SampleGateway,
    database: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = database()
    asked: list[int] = []
    written: list[str] = []
    with EmbeddingServer(**{"bge-m3": 16}) as model:
        model.before = asked.append
        job = Job(tmp_path, gateway, env=embeds(model) | {"PGVECTOR_URL": url})
        job.here()
        before, honest = stored_versions(url), Database.run
        asked.clear()
        gateway.log.clear()

        def run(manifest: Database, statement: str, *values: object) -> object:
            words = " ".join(statement.split())
            if words.startswith(WRITES) and not any(each in words for each in WHERE_THERE_IS_NONE):
                written.append(words)
            return honest(manifest, statement, *values)  # type: ignore[arg-type]

        monkeypatch.setattr(Database, "run", run)
        report = job.night()
    assert report["pages"]["unchanged"] == 9
    assert asked == []
    assert stored_versions(url) == before
    assert {entry.method for entry in gateway.log} == {"GET"}
    assert not [entry for entry in gateway.log if "body-format" in entry.query]
    assert written
    assert {each.split()[:2] == ["UPDATE", "cs_generation"] for each in written} == {True}


def test_a_quiet_night_imports_nothing_that_reads_cuts_or_embeds(make: Make) -> None:
    job = make()
    job.here()
    watched = (
        "import json, sys; from confluence_mirror.cli.commands import main; code = main([]);"
        " print(json.dumps([code, sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", watched],
        cwd=ROOT,
        env=job.environ(),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    code, modules = json.loads(done.stdout)
    packages = {name.partition(".")[0] for name in modules}
    assert code == 0
    assert packages & (FOR_WORK | OF_OTHERS) == set()
    ours = {name.removeprefix("confluence_mirror.") for name in modules}
    assert (
        ours
        & {
            "markdown.conversion",
            "chunking.chunker",
            "search.searcher",
            "stores.llama.store",
            "mcp_server",
            "service",
        }
        == set()
    )
