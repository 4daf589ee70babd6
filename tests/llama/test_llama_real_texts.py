"""What a real server answers is what was written: every text whole, every attribute. ``make
test-llama``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from confluence_mirror.chunking import ChunkSettings, load_tokenizer
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.stores.base import Capabilities
from confluence_mirror.stores.llama import MAX_TEXT_TOKENS, names
from confluence_sandbox import SampleGateway, demo_site
from tests.job.harness import Job
from tests.llama.common import chunk
from tests.llama.contract_home import as_stored
from tests.llama.real import RealServer, servers
from tests.mirror.harness import Bench
from tests.servers.memory_store import MemoryStore

pytestmark = pytest.mark.llama

if not servers():
    pytest.skip("no real server is named in LLAMA_STACK_SERVERS", allow_module_level=True)

KINDS = {
    "English": "Infrastructure responsibility documentation requirements international administration ",
    "Chinese": "证书续期失败时请按以下步骤手动操作。",
    "Russian": "Сертификат не продлился, и тогда его продлевают вручную. ",
    "code": "if (a[i] != 0x1F) { return &table[n++]; }\n",
    "emoji": "👩‍👩‍👧‍👦🇩🇪 ",
}


@pytest.fixture(scope="module", params=servers(), ids="-".join)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealServer]:
    with RealServer(*request.param, tmp_path_factory.mktemp("server") / "state") as running:
        yield running


def hits(server: RealServer, store_id: str, text: str) -> list[tuple[dict[str, Any], str]]:
    """What the server's own search answers for a text: attributes, and text without our first
    line."""
    body = {"query": f"{text} and more", "max_num_results": 50}
    answer = requests.post(
        f"{server.prefix}/vector_stores/{store_id}/search", json=body, timeout=60
    ).json()
    return [
        (hit["attributes"], names.chunk_text("".join(part["text"] for part in hit["content"])))
        for hit in answer["data"]
    ]


def kept(server: RealServer, text: str) -> str:
    return as_stored(text, ogx=not re.match(r"0\.", server.version))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_as_long_as_may_be_is_kept_in_one_piece(server: RealServer, kind: str) -> None:
    """With the longest address that a page can have: a title of 255 letters, each of them
    escaped."""
    count = load_tokenizer("cl100k_base").count_tokens
    text = KINDS[kind]
    while count(text) < MAX_TEXT_TOKENS:
        text += KINDS[kind]
    while count(text) > MAX_TEXT_TOKENS:
        text = text[:-1]
    url = f"https://acme.atlassian.net/wiki/spaces/OPS/pages/100/{'%D0%9F' * 255}"
    store = server.store()
    store.connect()
    collection = store.find_collection("long") or store.create_collection("long")
    one = chunk(list(KINDS).index(kind), text.strip(), url=url)
    assert store.write_chunks(collection, [one], {}).rejected == {}
    found = [
        text
        for attributes, text in hits(server, collection.id, one.text)
        if one.id in attributes["filename"]
    ]
    assert [len(text) for text in found] == [len(kept(server, one.text))]
    assert found == [kept(server, one.text)]
    store.close()


def test_after_a_run_every_text_and_every_attribute_is_what_the_site_says(
    server: RealServer, tmp_path: Path
) -> None:
    with SampleGateway(demo_site()) as gateway:
        scope = {"SPACE_NAME": "Lighthouse Platform", "LLAMA_BASE_URL": server.base_url}
        Job(tmp_path / "job", gateway, env=scope).run()
        core = MemoryStore(
            Capabilities(replaces=True, deletes=True, lists=True, core_metadata=True)
        )
        wanted = ScopeSpec(space_name="Lighthouse Platform")
        Bench(gateway, tmp_path, core, wanted, chunks=ChunkSettings()).run()
    (shelf,) = core.shelves.values()
    store = server.store()
    store.connect()
    collection = store.find_collection("confluence")
    assert collection is not None
    found, expected = {}, {}
    for row in shelf.rows:
        answered = [
            hit
            for hit in hits(server, collection.id, row.text)
            if row.chunk_id in hit[0].get("filename", "")
        ]
        found[row.chunk_id] = [
            (names.hit_metadata(collection.id, given), text) for given, text in answered
        ]
        metadata = {
            key: names._short(value) for key, value in row.metadata.items() if key in names.CORE
        }
        expected[row.chunk_id] = [({"chunk_id": row.chunk_id, **metadata}, kept(server, row.text))]
    assert found == expected
    assert len(expected) > 50
    store.close()
