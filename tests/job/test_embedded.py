"""150 pages with real embeddings in the embedded store: after a day of changes, exactly what a new
store would hold."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from confluence_sandbox import SampleGateway, generated_site
from tests.job.harness import Job

pytestmark = pytest.mark.chroma
PAGES = 150


@pytest.fixture
def gateway() -> Iterator[SampleGateway]:
    with SampleGateway(generated_site(PAGES, median=250, largest=1_500)) as gateway:
        yield gateway


def stored(folder: Path) -> dict[str, tuple[str, dict[str, Any], list[float]]]:
    """Read by Chroma's own client, as any other tool would."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(
        folder / "store", settings=Settings(anonymized_telemetry=False)
    )
    collection = client.get_collection("confluence", embedding_function=None)
    rows = collection.get(include=["documents", "metadatas", "embeddings"])
    found = {
        chunk_id: (text, dict(metadata), [round(float(each), 4) for each in vector[:8]])
        for chunk_id, text, metadata, vector in zip(
            rows["ids"], rows["documents"], rows["metadatas"], rows["embeddings"], strict=True
        )
    }
    client.close()
    del collection, client
    gc.collect()
    return found


def a_day(gateway: SampleGateway) -> None:
    """Three each: edits, moves, trashed, new pages; and two come back."""
    chance, site = random.Random(3), gateway.site
    home = site.space("GEN").homepage
    leaves = [p for p in site.current() if p.type == "page" and p.parent_id not in (None, home)]
    leaves = [p for p in leaves if not site.children(p.id)]
    back = [
        p for p in site.content.values() if p.status in ("trashed", "archived") and p.type == "page"
    ][:2]
    chance.shuffle(leaves)
    for each in leaves[:3]:
        site.edit(each.id, each.body + "<p>Added today.</p>")
    for each in leaves[3:6]:
        site.move(each.id, parent=home)
    for each in leaves[6:9]:
        site.trash(each.id)
    for each in back:
        (site.restore if each.status == "trashed" else site.unarchive)(each.id)
    for number in range(3):
        site.add("GEN", f"New today {number}", f"<p>Written today, number {number}.</p>")


@pytest.mark.long
def test_the_embedded_store_is_exactly_right_after_a_day_of_changes(
    gateway: SampleGateway, tmp_path: Path
) -> None:
    job = Job(tmp_path / "job", gateway, env={"STORE": "embedded"})
    first = job.report()
    assert first["pages"]["added"] == PAGES
    a_day(gateway)
    second = job.report()
    assert {kind: second["pages"][kind] for kind in ("added", "changed", "moved", "removed")} == {
        "added": 5,
        "changed": 3,
        "moved": 3,
        "removed": 3,
    }
    assert second["embeddings"] < 40
    third = job.report()
    assert (third["chunks"]["sent"], third["embeddings"]) == (0, 0)
    job.run("--verify")
    Job(tmp_path / "scratch", gateway, env={"STORE": "embedded"}).run()
    assert stored(job.folder) == stored(tmp_path / "scratch")
