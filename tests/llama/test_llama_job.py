"""A whole run into the small Llama Stack, as a user sets it: which collection, how large its
chunks, what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from confluence_mirror.chunking import load_tokenizer
from confluence_mirror.settings import Settings
from confluence_mirror.stores.llama import MAX_TEXT_TOKENS, names
from confluence_sandbox import SampleGateway, Site
from tests.job.harness import Job
from tests.llama.common import held
from tests.mirror.conftest import small_site
from tests.servers.llama_stack import Fault, LlamaStackServer

Make = Callable[..., Job]
WORDS = (
    "Infrastructure",
    "responsibility",
    "documentation",
    "requirements",
    "international",
    "administration",
)

pytestmark = pytest.mark.usefixtures("over_plain_http")


@pytest.fixture
def site() -> Site:
    return small_site(6)


@pytest.fixture
def server() -> Iterator[LlamaStackServer]:
    with LlamaStackServer("0.7.3") as running:
        yield running


@pytest.fixture
def make(site: Site, server: LlamaStackServer, tmp_path: Path) -> Iterator[Make]:
    with SampleGateway(site) as gateway:

        def build(name: str = "LLAMA_BASE_URL", **env: str) -> Job:
            return Job(tmp_path / "job", gateway, env={name: server.base_url} | env)

        yield build


def prose(site: Site) -> None:
    """A page of long English words, of which many have one token each."""
    sentence = " ".join(WORDS) + " of everybody."
    site.add("OPS", "Prose", "".join(f"<p>Number {n}. {sentence * 12}</p>" for n in range(60)))


# A Vector API's address that is a Llama Stack's


def test_a_llama_stack_behind_the_vector_apis_address_is_used_as_one_and_said_so(
    make: Make, server: LlamaStackServer
) -> None:
    job = make("VECTOR_API_BASE_URL")
    said = job.here().stderr
    assert "VECTOR_API_BASE_URL is a Llama Stack with files: it is used as one" in said
    assert "store: llama at" in said
    assert [store.name for store in server.state.stores.values()] == ["confluence"]
    assert "no drift" in job.here("--verify").stdout
    assert len(held(server)) == 6
    assert "no change" in job.here().stderr


def test_there_the_vector_db_names_the_collection_as_on_llama_stack(
    make: Make, server: LlamaStackServer
) -> None:
    job = make("VECTOR_API_BASE_URL", VECTOR_DB_ID="conf-known-issues", COLLECTION_ID="docs")
    assert "collection conf-known-issues" in job.here().stderr
    assert [store.name for store in server.state.stores.values()] == ["conf-known-issues"]
    for question in ("--query", "number"), ("--verify",):
        job.here(*question)
    job.here(VECTOR_DB_ID="")
    assert [store.name for store in server.state.stores.values()] == ["conf-known-issues", "docs"]


def test_there_the_variant_that_is_set_still_wins(make: Make) -> None:
    said = make("VECTOR_API_BASE_URL", VECTOR_API_VARIANT="underscore").here(expect=78).stderr
    assert "no sign of the underscore variant" in said


def test_the_key_of_the_vector_api_is_the_one_that_is_sent_there(
    make: Make, server: LlamaStackServer
) -> None:
    server.api_key = "right-key"
    make("VECTOR_API_BASE_URL", VECTOR_API_TOKEN="right-key").here()
    said = make("VECTOR_API_BASE_URL", VECTOR_API_TOKEN="wrong-key").here(expect=77)
    assert "wrong-key" not in said.stdout + said.stderr


@pytest.mark.parametrize(
    ("name", "key"),
    [("LLAMA_BASE_URL", "LLAMA_API_KEY"), ("VECTOR_API_BASE_URL", "VECTOR_API_TOKEN")],
)
def test_what_is_wrong_later_is_told_by_the_variable_that_was_set(
    make: Make, server: LlamaStackServer, name: str, key: str
) -> None:
    server.faults.append(Fault("POST", "/vector_stores$", "answer", 403, '{"detail":"read only"}'))
    assert f"Check {key}." in make(name).here(expect=77).stderr
    server.faults.append(
        Fault("POST", "/vector_stores$", "answer", 200, "<html>login</html>", 1, "text/html")
    )
    assert f"Set {name} to" in make(name).here(expect=78).stderr


@pytest.mark.parametrize("ending", ["/v1", "/v1/openai/v1", "/"])
def test_an_address_may_end_as_the_clients_of_openai_want_it(
    make: Make, server: LlamaStackServer, ending: str
) -> None:
    make(LLAMA_BASE_URL=server.base_url + ending).here()
    assert len(held(server)) == 6


# A manifest that is lost


@pytest.fixture
def old(make: Make) -> Iterator[tuple[Job, LlamaStackServer]]:
    """A mirror on a server whose restarts kill every store, and a manifest that is lost."""
    with LlamaStackServer("0.2.23", "sqlite-vec") as server:
        job = make(LLAMA_BASE_URL=server.base_url)
        job.here()
        (job.folder / "manifest.db").unlink()
        yield job, server


def test_a_store_that_was_adopted_and_then_killed_by_a_restart_is_made_anew(
    old: tuple[Job, LlamaStackServer],
) -> None:
    job, server = old
    assert job.night()["chunks"]["sent"] == 0
    server.restart()
    job.here()
    assert len(held(server)) == 6
    assert len(server.state.stores) == 1
    assert len(server.state.files) == 6


def test_a_store_that_was_killed_by_a_restart_before_it_could_be_adopted_is_made_anew(
    old: tuple[Job, LlamaStackServer],
) -> None:
    job, server = old
    (dead,) = server.state.stores
    server.restart()
    assert "6 to add" in job.here("--dry-run").stderr
    assert list(server.state.stores) == [dead]
    job.here()
    assert len(held(server)) == 6
    assert dead not in server.state.stores
    assert len(server.state.files) == 6


@pytest.mark.parametrize("remembered", [True, False])
def test_a_store_that_was_killed_before_anything_was_in_it_is_made_anew(
    make: Make, site: Site, remembered: bool
) -> None:
    pages = [page.id for page in site.current("OPS")]
    for page_id in pages:
        site.trash(page_id)
    with LlamaStackServer("0.2.23", "sqlite-vec") as server:
        job = make(LLAMA_BASE_URL=server.base_url)
        job.here()
        assert held(server) == []
        server.restart()
        if not remembered:
            (job.folder / "manifest.db").unlink()
        site.add("OPS", "The first page", "<p>Something at last.</p>")
        job.here()
        assert len(held(server)) == 1
        assert len(server.state.stores) == 1


def test_an_empty_store_keeps_its_id_where_restarts_do_no_harm(
    make: Make, site: Site, server: LlamaStackServer
) -> None:
    for page in site.current("OPS"):
        site.trash(page.id)
    job = make()
    job.here()
    (made,) = server.state.stores
    server.restart()
    job.here()
    assert list(server.state.stores) == [made]


def test_a_store_that_somebody_else_made_is_never_dropped(
    old: tuple[Job, LlamaStackServer],
) -> None:
    job, server = old
    (dead,) = server.state.stores.values()
    del dead.metadata["owner"]
    server.restart()
    assert "delete the store" in job.here(expect=69).stderr
    assert list(server.state.stores) == [dead.id]


@pytest.mark.parametrize("version", ["0.2.23", "0.7.3", "1.5.0"])
def test_uploads_that_a_dead_run_left_go_though_no_manifest_tells_of_them(
    make: Make, version: str
) -> None:
    with LlamaStackServer(version) as server:
        job = make(LLAMA_BASE_URL=server.base_url)
        job.here()
        (store_id,) = server.state.stores
        gone = names.FileName(
            job.gateway.cloud_id, "99", "00000000-0000-4000-8000-000000000099", "00000000"
        )
        orphan = server.state.upload(names.file_name(store_id, gone), "of a page that is deleted")
        foreign = names.file_name(
            "vs_other", replace(gone, site_id="22222222-3333-4444-8555-666666666666")
        )
        others = [server.state.upload(name, "theirs") for name in ("theirs.md", foreign)]
        (job.folder / "manifest.db").unlink()
        job.here("--dry-run")
        assert orphan.id in server.state.files
        assert job.night()["chunks"]["sent"] == 0
        assert orphan.id not in server.state.files
        assert {other.id for other in others} <= set(server.state.files)
        assert len(server.state.files) == 6 + len(others)
        assert len(held(server)) == 6


# How large a chunk may be


@pytest.mark.parametrize("name", ["LLAMA_BASE_URL", "VECTOR_API_BASE_URL"])
def test_chunks_that_the_server_would_cut_are_refused_at_the_start(
    make: Make, server: LlamaStackServer, name: str
) -> None:
    job = make(name, CHUNK_TOKENS=str(MAX_TEXT_TOKENS + 1))
    done = job.here(expect=78)
    said = done.stdout + done.stderr
    assert "CHUNK_TOKENS" in said
    assert f"the {MAX_TEXT_TOKENS} that " in said
    assert server.state.stores == {}
    assert not (job.folder / "manifest.db").exists()


@pytest.mark.parametrize("name", ["LLAMA_BASE_URL", "VECTOR_API_BASE_URL"])
@pytest.mark.parametrize("tokens", ["auto", str(MAX_TEXT_TOKENS)])
def test_a_page_of_prose_is_mirrored_in_the_largest_chunks_that_there_are(
    make: Make, site: Site, server: LlamaStackServer, name: str, tokens: str
) -> None:
    """With bge-m3, which sees 8,192 tokens, ``auto`` would be more than the server keeps in one
    piece."""
    server.models["ollama/bge-m3"] = 1024
    prose(site)
    job = make(name, CHUNK_TOKENS=tokens, EMBEDDING_MODEL_ID="bge-m3")
    job.here()
    job.here("--verify")
    longest = max(held(server), key=len)
    assert (
        MAX_TEXT_TOKENS // 2
        < load_tokenizer("cl100k_base").count_tokens(longest)
        <= MAX_TEXT_TOKENS
    )
    assert len(longest) > 12_000


def test_the_settings_allow_as_much_as_the_store_keeps_in_one_piece(tmp_path: Path) -> None:
    given = {
        "CONF_CLOUD_ID": "11111111-2222-3333-4444-555555555555",
        "CONF_USER": "a@b.example",
        "CONF_API_TOKEN": "t",
    }
    given |= {"LLAMA_BASE_URL": "http://llama", "CHUNK_TOKENS": str(MAX_TEXT_TOKENS)}
    assert Settings.load(given, tmp_path, in_container=False)[0].chunks.tokens == MAX_TEXT_TOKENS
