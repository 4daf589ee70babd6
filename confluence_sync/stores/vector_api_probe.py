"""What the underscore variant can do: by its own description, by ``Allow`` headers, and by a probe beside the
user's collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from confluence_sync.errors import StoreUnavailable
from confluence_sync.model import Chunk
from confluence_sync.stores.discover import UNDERSCORE, Discovered, EmbeddingModel, rows_of
from confluence_sync.stores.http import Api
from confluence_sync.stores.vector_api_wire import DOCUMENTS, Found, UnderscoreWire, hits_of

CANARY = "7e57ab1e-0000-4000-8000-000000000001"
"""Id of the one document that a probe writes, twice."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an underscore server was found to do."""

    replaces: bool
    deletes: bool
    lists: bool
    drops: bool
    notes: tuple[str, ...]
    """Sentences for the operator."""


def abilities(api: Api, wire: UnderscoreWire, found: Discovered, model: EmbeddingModel, probe: str) -> Abilities:
    """Find out. ``probe`` names the collection for the probe; empty: nothing is written, and append is assumed."""
    deletes = _offers(api, found, "DELETE", DOCUMENTS, DOCUMENTS)
    drops = _offers(api, found, "DELETE", UNDERSCORE + "/{}", f"{UNDERSCORE}/{quote(probe or 'probe', safe='')}")
    lists = _lists(api, wire, found)
    if not probe:
        note = "Whether this Vector API replaces by id was not tried in this run: assumed that it appends."
        return Abilities(False, bool(deletes), lists, bool(drops), (note,))
    if drops is False:
        note = "This Vector API cannot remove collections, so replacing was not tried: assumed that it appends."
        return Abilities(False, bool(deletes), lists, False, (note,))
    with _probe_collection(wire, model, probe) as usable:
        replaced, removed = _try(wire, probe, deletes) if usable else (False, None)
    notes = []
    if not usable:
        notes.append(f"Collection {probe} holds something else, so replacing was not tried: assumed that it appends.")
    elif not replaced:
        notes.append("This Vector API was seen to append a second copy of a document, or to hide it: it appends.")
    gone = _is_gone(wire, probe) if usable else True
    if not gone:
        notes.append(f"Collection {probe} could not be removed again: assumed that this Vector API appends.")
    return Abilities(replaced and gone, bool(deletes) if removed is None else removed, lists, gone, tuple(notes))


def _offers(api: Api, found: Discovered, method: str, template: str, path: str) -> bool | None:
    described = found.offers(method, template)
    if described is not None:
        return described
    allowed = api.send("OPTIONS", path).allow
    return None if allowed is None else method in allowed


def _lists(api: Api, wire: UnderscoreWire, found: Discovered) -> bool:
    described = found.offers("GET", DOCUMENTS)
    if described is not None:
        return described
    known = wire.collections()
    if not known:
        allowed = api.send("OPTIONS", DOCUMENTS).allow
        return "GET" in (allowed or ())
    answer = api.get(DOCUMENTS, {"collection_id": known[0].id, "limit": 1})
    return rows_of(answer, "documents", "chunks", "results", "data") is not None


@contextmanager
def _probe_collection(wire: UnderscoreWire, model: EmbeddingModel, probe: str) -> Iterator[bool]:
    """An empty collection, removed afterwards; False where its name is taken by something that is not ours."""
    present = any(probe in (collection.id, collection.name) for collection in wire.collections() or ())
    if present and any(hit.chunk_id != CANARY for hit in _ask(wire, probe)):
        yield False
        return
    if present:
        wire.drop(probe)
    answer = wire.create(probe, model)
    if not answer.ok and answer.status != 409:
        yield False
        return
    try:
        yield True
    finally:
        wire.drop(probe)


def _try(wire: UnderscoreWire, probe: str, deletes: bool | None) -> tuple[bool, bool | None]:
    """Write one id twice: is one row left, the second? Remove it: is it gone? (None: removing was not tried.)"""
    for text in ("A first writing, to be replaced", "A second writing, that replaces the first"):
        answer = wire.insert(probe, [_canary(text)], repeat=False)
        if not answer.ok:
            return False, None
    hits = _ask(wire, probe)
    replaced = len(hits) == 1 and hits[0].text.startswith("A second")
    if deletes is False:
        return replaced, None
    return replaced, wire.delete(probe, [CANARY]).ok and not _ask(wire, probe)


def _canary(text: str) -> Chunk:
    metadata = {"source": "confluence-sync-probe", "chunk_id": CANARY}
    return Chunk(CANARY, "0", text, metadata, "00000000")


def _ask(wire: UnderscoreWire, probe: str) -> Sequence[Found]:
    return hits_of(wire.ask(probe, "Which writing is there?", 5)) or ()


def _is_gone(wire: UnderscoreWire, probe: str) -> bool:
    try:
        known = wire.collections()
    except StoreUnavailable:
        return False
    if known is None:
        return not _ask(wire, probe)
    return all(probe not in (collection.id, collection.name) for collection in known)
