"""Mirrors that earlier versions made, carried on by this one: their state folder and their embedded
store, as they lay there."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from confluence_sandbox import SampleGateway
from tests.job import earlier
from tests.job.harness import Job
from tests.job.places import embeds
from tests.servers.embedding import EmbeddingServer

pytestmark = pytest.mark.chroma

BEFORE_THE_RENAME = "d982ad5"
"""The last version that was called confluence-sync. Its converter and chunker are the present ones:
where either gets a new revision, this archive migrates as the older one does."""
REVISION_1 = "b441a70"
"""The last version before the manifest's revision 2, with an older converter and chunker."""

Contents = dict[str, tuple[str, dict[str, Any], list[float]]]


@pytest.fixture
def gateway() -> Iterator[SampleGateway]:
    with SampleGateway(earlier.site()) as gateway:
        yield gateway


@pytest.fixture
def job(gateway: SampleGateway, tmp_path: Path) -> Iterator[Job]:
    """With the settings of the earlier runs, and nothing in its folder."""
    with EmbeddingServer(**earlier.MODEL) as model:
        yield Job(tmp_path / "job", gateway, env=earlier.SETTINGS | embeds(model))


def stored(job: Job) -> Contents:
    """Read by Chroma's own client, as any other tool would."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(
        job.folder / "store", settings=Settings(anonymized_telemetry=False)
    )
    (collection,) = client.list_collections()
    rows = collection.get(include=["documents", "metadatas", "embeddings"])
    found = {
        chunk_id: (text, dict(metadata), [round(float(each), 4) for each in vector])
        for chunk_id, text, metadata, vector in zip(
            rows["ids"], rows["documents"], rows["metadatas"], rows["embeddings"], strict=True
        )
    }
    client.close()
    del collection, client
    gc.collect()
    return found


def test_a_mirror_from_before_the_rename_is_embedded_anew_once_under_the_same_ids(
    job: Job, tmp_path: Path
) -> None:
    earlier.unpack(BEFORE_THE_RENAME, job.folder)
    before = stored(job)
    fresh = Job(tmp_path / "fresh", job.gateway, env=job.env)
    fresh.here()
    job.here("--dry-run", expect=78)
    report = job.night()
    after = stored(job)
    assert report["embeddings"] == report["chunks"]["sent"] == len(after)
    assert after == stored(fresh)
    assert {each: row[:2] for each, row in after.items()} == {
        each: row[:2] for each, row in before.items()
    }
    again = job.night()
    assert (again["pages"]["unchanged"], again["embeddings"]) == (4, 0)
    job.here("--verify")


def test_a_mirror_of_revision_1_is_exact_after_one_run(job: Job, tmp_path: Path) -> None:
    earlier.unpack(REVISION_1, job.folder)
    before = stored(job)
    fresh = Job(tmp_path / "fresh", job.gateway, env=job.env)
    fresh.here()
    job.here("--dry-run", expect=78)
    report = job.night()
    after = stored(job)
    assert after == stored(fresh)
    assert set(after) & set(before)
    assert report["embeddings"] == len(after)
    again = job.night()
    assert (again["pages"]["unchanged"], again["embeddings"]) == (4, 0)
    job.here("--verify")
