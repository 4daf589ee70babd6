"""Full disks, on file systems of a few hundred kilobytes: 74, what is stored is kept, and one more
run is exact."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from confluence_sandbox import SampleGateway
from tests.job.harness import ROOT, Job
from tests.mirror.conftest import small_site
from tests.servers.embedding import EmbeddingServer
from tests.servers.vector_api import VectorApiServer

Mount: TypeAlias = Callable[[str], Path]


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        # CI runs as root, where it can be done.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"no small disk can be mounted: {done.stderr.strip()}"
        )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a disk of a size, empty."""
    with ExitStack() as stack:

        def make(size: str) -> Path:
            place = tmp_path / "disk"
            place.mkdir()
            mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
            stack.callback(subprocess.run, ["umount", str(place)], check=True)
            return place

        yield make


@pytest.mark.chroma
@pytest.mark.parametrize("size", ["300k", "900k"], ids=["at once", "in the middle"])
def test_a_full_disk_under_the_embedded_store_is_74_and_nothing_stored_is_embedded_again(
    tmp_path: Path, disk: Mount, size: str
) -> None:
    place = disk(size)
    with SampleGateway(small_site(40)) as gateway, EmbeddingServer(tiny=64) as model:
        env = {
            "STORE": "embedded",
            "STORE_PATH": str(place / "store"),
            "EMBEDDING_BASE_URL": model.url,
            "EMBEDDING_MODEL_ID": "tiny",
            "CHUNK_TOKENS": "100",
            "CHUNK_OVERLAP": "10",
            "BATCH_SIZE": "10",
        }
        job = Job(tmp_path / "job", gateway, env=env)
        stored = 0
        for _ in range(2):
            report = job.night(expect=74)
            assert "is full" in report["problem"]
            stored += report["chunks"]["sent"]
        mount("-o", "remount,size=100m", str(place))
        report = job.night()
        assert report["embeddings"] == report["chunks"]["sent"] == 120 - stored
        job.here("--verify")


LISTING = """
import sys
from contextlib import closing
from confluence_mirror.errors import StateUnusable
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.model import PageRef, Version

row = dict(type="page", status="current", space_id="1", parent_id=None, parent_type="", author_id="", created_at="")
refs = (PageRef(id=str(n), title="x" * 200, version=Version(1, ""), webui="", **row) for n in range(40_000))
with closing(Listing(None)) as listing:
    try:
        listing.add(refs)
    except StateUnusable as error:
        sys.exit(f"{int(error.exit)} {error}")
"""


@pytest.mark.parametrize("variable", ["TMPDIR", "SQLITE_TMPDIR"])
def test_a_full_temporary_folder_is_74_and_says_how_to_name_another(
    disk: Mount, variable: str
) -> None:
    environ = {"PYTHONPATH": str(ROOT), variable: str(disk("400k"))}
    done = subprocess.run(
        [sys.executable, "-c", LISTING],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr.startswith(
        "74 The list of pages does not fit into the temporary folder (database or disk is full)"
    )
    assert "set TMPDIR" in done.stderr


def test_a_full_disk_under_the_documents_is_74_and_the_next_run_writes_the_rest(
    tmp_path: Path, disk: Mount
) -> None:
    place = disk("100k")
    with SampleGateway(small_site(40)) as gateway, VectorApiServer("underscore") as store:
        env = {"DOCUMENT_STORE": str(place / "tree"), "BATCH_SIZE": "10"}
        job = Job(tmp_path / "job", gateway, store.url, env, store)
        report = job.night(expect=74)
        assert "No space left" in report["problem"]
        written = {path: path.stat().st_mtime_ns for path in place.rglob("*.md")}
        assert written
        assert not list(place.rglob("*unfinished*"))
        mount("-o", "remount,ro", str(place))
        asked = len(gateway.log)
        assert "cannot be written" in job.night(expect=74)["problem"]
        assert len(gateway.log) == asked
        mount("-o", "remount,rw,size=10m", str(place))
        job.night(expect=0)
        assert len(list(place.rglob("page_content.md"))) == 40
        kept = [path for path, moment in written.items() if path.stat().st_mtime_ns == moment]
        assert len(kept) >= len(written) - 10
