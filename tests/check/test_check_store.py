"""The store's side of the check."""

from __future__ import annotations

import sys

import pytest

from confluence_mirror.manifest import Database, Manifest
from confluence_mirror.runs import components
from confluence_mirror.stores.llama import fit as llama_fit
from confluence_mirror.stores.llama.fit import fit_of_client
from confluence_mirror.stores.vector_api.store import VectorApiStore
from tests.servers.llama_stack import LlamaStackServer
from tests.servers.memory_store import MemoryStore
from tests.servers.vector_api import VectorApiServer


@pytest.mark.parametrize("variant", ["dash", "underscore"])
def test_a_vector_api_is_named_by_its_variant_and_nothing_is_made_there(variant, run):
    with VectorApiServer(variant) as server:
        code, steps = run(VECTOR_API_BASE_URL=server.url)
        methods = {
            request.split()[0]
            for request in server.state.requests
            if not request.endswith("/query")
        }
    assert code == 0
    assert variant in steps["store"]["facts"]["is"]
    assert steps["collection"]["facts"] == {"exists": False}
    assert methods <= {"GET", "OPTIONS"}


def test_what_the_first_sync_finds_out_is_not_denied_before_it(run):
    with VectorApiServer("underscore") as server:
        _, steps = run(VECTOR_API_BASE_URL=server.url)
    said = " ".join(steps["store"]["lines"])
    assert "it removes, lists" in said
    assert "replaces by id is found out by the first sync" in said
    assert "does not replace" not in said


def test_what_runs_have_found_out_of_a_store_is_told(run, tmp_path):
    with VectorApiServer("underscore") as server:
        manifest = Manifest(Database(f"sqlite:///{tmp_path}/manifest.db"))
        store = VectorApiStore(server.url)
        store.connect()
        store.learn_capabilities(manifest, tries=True)
        _, steps = run(VECTOR_API_BASE_URL=server.url, STATE_DIR=str(tmp_path))
    assert "it replaces, removes, lists" in steps["store"]["lines"]


def test_a_collection_that_is_there_is_counted(run, monkeypatch):
    store = MemoryStore()
    store.connect()
    store.create_collection("confluence")
    monkeypatch.setattr(components, "make_store", lambda *_, **__: store)
    with VectorApiServer("underscore") as server:
        _, steps = run(VECTOR_API_BASE_URL=server.url)
    assert steps["collection"]["facts"]["exists"] is True
    assert steps["collection"]["said"].endswith(", 0 chunks")


def test_an_address_where_no_vector_api_is_ends_with_78_though_confluence_is_well(run):
    with LlamaStackServer() as server:
        code, steps = run(VECTOR_API_BASE_URL=f"{server.base_url}/nothing/here")
    assert code == 78
    assert steps["store"]["state"] == "failed"
    assert steps["page"]["state"] == "ok"


def test_a_store_that_refuses_the_credential_ends_with_77(run):
    with LlamaStackServer(api_key="right") as server:
        code, steps = run(LLAMA_BASE_URL=server.base_url, LLAMA_API_KEY="wrong-key")
    assert code == 77
    assert steps["store"]["state"] == "failed"


def test_the_store_is_asked_even_where_confluence_does_not_answer_well(run):
    with VectorApiServer("underscore") as server:
        code, steps = run(CONF_API_TOKEN="another-token", VECTOR_API_BASE_URL=server.url)
    assert code == 77
    assert steps["store"]["state"] == "ok"


def test_an_embedded_store_that_is_not_there_yet_is_not_made(run, tmp_path, monkeypatch):
    class Embedder:
        model_id, dimension = "all-MiniLM-L6-v2", 384

        def __call__(self, texts):
            return [[0.0] * 384 for _ in texts]

        def close(self) -> None:
            pass

    monkeypatch.setattr(components, "make_embedder", lambda *_: Embedder())
    _, steps = run(STORE="embedded")
    assert steps["embedder"]["said"] == "all-MiniLM-L6-v2, 384 dimensions, embedded by us"
    assert "made by the first sync" in steps["store"]["said"]
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_does_not_run_here_ends_with_78_before_the_store_is_asked(run):
    code, steps = run(STORE="embedded", EMBEDDING_MODEL_ID="no-such-model")
    assert code == 78
    assert steps["embedder"]["state"] == "failed"
    assert steps["store"]["state"] == "skipped"


@pytest.mark.parametrize(
    ("wanted", "code", "state"), [("all-MiniLM-L6-v2", 0, "ok"), ("no-such-model", 78, "failed")]
)
def test_a_model_that_the_store_does_not_have_is_told_with_those_that_it_has(
    wanted, code, state, run, monkeypatch
):
    monkeypatch.setattr(components, "make_store", lambda *_, **__: MemoryStore())
    with LlamaStackServer() as server:
        ended, steps = run(LLAMA_BASE_URL=server.base_url, EMBEDDING_MODEL_ID=wanted)
    assert ended == code
    assert steps["model"]["state"] == state
    assert (
        "sentence-transformers/all-MiniLM-L6-v2" in steps["model"]["said"] + steps["model"]["next"]
    )


class TestTheInstalledClient:
    def test_that_fits_is_ticked(self, monkeypatch):
        monkeypatch.setattr(llama_fit, "installed", lambda _: "0.2.23")
        with LlamaStackServer("0.2.23", api_key="key-1") as server:
            fit = fit_of_client(f"{server.base_url}/v1/", "0.2.23", api_key="key-1")
        assert (fit.state, fit.said) == ("ok", "llama-stack-client 0.2.23 fits server 0.2.23")

    def test_that_the_server_refuses_is_explained_in_one_line_with_the_pin(self, monkeypatch):
        monkeypatch.setattr(llama_fit, "installed", lambda _: "0.7.3")
        with LlamaStackServer("0.2.23") as server:
            fit = fit_of_client(server.base_url, "0.2.23")
        assert fit.state == "warning"
        assert "llama-stack-client 0.7.3 is refused by server 0.2.23 (HTTP 426)" in fit.said
        assert "\n" not in fit.said
        assert fit.next.endswith("pip install llama-stack-client==0.2.23")

    def test_that_is_not_there_is_no_fault(self, monkeypatch):
        monkeypatch.setattr(llama_fit, "installed", lambda _: "")
        assert fit_of_client("http://127.0.0.1:9", "0.2.23").state == "note"

    def test_of_ogx_is_another_package_and_the_one_of_llama_stack_is_not_judged_there(
        self, monkeypatch
    ):
        versions = {"llama-stack-client": "0.2.23"}
        monkeypatch.setattr(llama_fit, "installed", lambda package: versions.get(package, ""))
        with LlamaStackServer("1.5.0") as server:
            without = fit_of_client(server.base_url, "1.5.0", ogx=True)
            versions["ogx-client"] = "1.5.2"
            right = fit_of_client(server.base_url, "1.5.0", ogx=True)
            versions["ogx-client"] = "1.4.1"
            wrong = fit_of_client(server.base_url, "1.5.0", ogx=True)
        assert (without.state, without.said) == ("note", "ogx-client is not installed here")
        assert without.next.endswith("pip install ogx-client==1.5.0")
        assert right.state == "ok"
        assert (wrong.state, "HTTP 426" in wrong.said) == ("warning", True)
        assert wrong.next.endswith("pip install ogx-client==1.5.0")

    def test_of_which_a_server_that_went_away_says_nothing(self, monkeypatch):
        monkeypatch.setattr(llama_fit, "installed", lambda _: "0.2.23")
        assert fit_of_client("http://127.0.0.1:9", "0.2.23").state == "note"

    def test_that_is_missing_is_named_where_the_store_cannot_do_without(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "llama_stack_client", None)
        monkeypatch.setattr(llama_fit, "installed", lambda _: "")
        with LlamaStackServer("0.7.3") as server:
            code, steps = run(LLAMA_BASE_URL=server.base_url)
        assert code == 78
        assert "[llama]" in steps["store"]["next"]
        assert (steps["collection"]["state"], steps["model"]["state"]) == ("skipped", "skipped")
        assert steps["client"]["said"] == "llama-stack-client is not installed here"
        assert steps["client"]["next"].endswith("pip install llama-stack-client==0.7.3")

    def test_is_part_of_the_check_on_llama_stack(self, run, monkeypatch):
        monkeypatch.setattr(llama_fit, "installed", lambda _: "0.7.3")
        monkeypatch.setattr(components, "make_store", lambda *_, **__: MemoryStore())
        with LlamaStackServer("0.2.23") as server:
            code, steps = run(LLAMA_BASE_URL=server.base_url)
        assert code == 0
        assert steps["client"]["state"] == "warning"
        assert steps["store"]["facts"]["is"].startswith("Llama Stack 0.2.23")


@pytest.mark.parametrize(("tokens", "told"), [("1000", True), ("200", False), ("auto", False)])
def test_chunks_that_the_stores_model_does_not_see_whole_are_told(tokens, told, run):
    with VectorApiServer("underscore") as server:
        code, steps = run(VECTOR_API_BASE_URL=server.url, CHUNK_TOKENS=tokens, CHUNK_OVERLAP="20")
    assert code == 0
    assert ("chunks" in steps) == told
    if told:
        assert "sees 256 tokens" in steps["chunks"]["said"]
        assert "CHUNK_TOKENS=auto (here 192)" in steps["chunks"]["next"]


def test_a_sqlite_without_fts5_is_a_note_where_a_text_index_is_wanted(run, monkeypatch):
    monkeypatch.setattr("confluence_mirror.check.can_index", lambda _: False)
    code, steps = run()
    assert (code, steps["text index"]["state"]) == (0, "note")
    assert "text index" not in run(TEXT_INDEX="false")[1]
    assert "text index" not in run(STATE_URL="postgresql://db.example/state")[1]
