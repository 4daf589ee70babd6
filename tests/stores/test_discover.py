"""What answers at a URL: told apart by harmless requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests
import responses

from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings
from confluence_mirror.stores.discover import EmbeddingModel, discover, resolve_model, same_model

BASE = "http://stack.test:8321"
EMPTY_LIST: Mapping[str, Any] = {"object": "list", "data": [], "has_more": False}


def serve(answers: Mapping[str, Any]) -> None:
    """These GETs answer 200 (or the status that stands for a body), everything else 404."""
    for path, body in answers.items():
        status, payload = (body, {"detail": "no"}) if isinstance(body, int) else (200, body)
        responses.get(BASE + path, json=payload, status=status)
    for path in (
        "/v1/version",
        "/v1/vector_stores",
        "/v1/files",
        "/v1/openai/v1/vector_stores",
        "/v1/openai/v1/files",
        "/v1/vector-dbs",
        "/v1/vector_io/collections",
        "/openapi.json",
        "/v1/models",
        "/v1/providers",
    ):
        if path not in answers:
            responses.get(BASE + path, json={"detail": "Not Found"}, status=404)


OLD_STACK = {
    "/v1/version": {"version": "0.2.23"},
    "/v1/openai/v1/vector_stores": EMPTY_LIST,
    "/v1/openai/v1/files": EMPTY_LIST,
    "/v1/vector-dbs": {"data": []},
    "/v1/models": {
        "data": [
            {
                "identifier": "sentence-transformers/all-MiniLM-L6-v2",
                "model_type": "embedding",
                "metadata": {"embedding_dimension": 384.0},
            },
            {"identifier": "llama", "model_type": "llm", "metadata": {}},
        ]
    },
    "/v1/providers": {
        "data": [
            {"api": "vector_io", "provider_id": "faiss"},
            {"api": "files", "provider_id": "localfs"},
        ]
    },
}
NEW_STACK = {
    "/v1/version": {"version": "0.7.3"},
    "/v1/vector_stores": EMPTY_LIST,
    "/v1/files": EMPTY_LIST,
    "/v1/models": {
        "data": [
            {
                "id": "vllm/bge-m3",
                "custom_metadata": {"model_type": "embedding", "embedding_dimension": "1024"},
            }
        ]
    },
}


@responses.activate
@pytest.mark.parametrize(
    ("answers", "family", "prefix"),
    [
        (OLD_STACK, "llama-stack", "/v1/openai/v1"),
        (NEW_STACK, "llama-stack", "/v1"),
        ({**NEW_STACK, "/v1/version": {"version": "1.5.0"}}, "ogx", "/v1"),
        ({"/v1/version": {"version": "0.2.12"}, "/v1/vector-dbs": {"data": []}}, "dash", ""),
        ({"/v1/vector-dbs": {"data": []}}, "dash", ""),
        ({"/v1/vector_io/collections": {"collections": []}}, "underscore", ""),
        ({"/v1/vector_io/collections": []}, "underscore", ""),
    ],
)
def test_each_family_is_told_by_what_it_answers(answers, family: str, prefix: str):
    serve(answers)
    found = discover(BASE)
    assert (found.family, found.prefix) == (family, prefix)


@responses.activate
def test_models_and_providers_are_read_in_the_old_form_and_in_the_new_one():
    serve(OLD_STACK)
    old = discover(BASE)
    assert old.models == (EmbeddingModel("sentence-transformers/all-MiniLM-L6-v2", 384),)
    assert old.providers == ("faiss",)
    responses.reset()
    serve(NEW_STACK)
    assert discover(BASE).models == (EmbeddingModel("vllm/bge-m3", 1024),)


@responses.activate
def test_a_variant_that_is_set_wins_over_a_llama_stack_found_there():
    serve(OLD_STACK)
    assert discover(BASE, variant="dash").family == "dash"


@responses.activate
def test_a_description_stands_in_for_a_list_that_is_not_there():
    serve(
        {
            "/openapi.json": {
                "paths": {"/v1/vector_io/collections": {"post": {}}, "/v1/vector_io/documents": {}}
            }
        }
    )
    found = discover(BASE)
    assert found.family == "underscore"
    assert found.offers("DELETE", "/v1/vector_io/documents") is False


@responses.activate
def test_a_path_that_says_that_it_takes_posts_is_a_sign_of_its_variant():
    responses.get(f"{BASE}/v1/vector-dbs", status=405, headers={"Allow": "POST"})
    serve({})
    assert discover(BASE).family == "dash"


@responses.activate
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_ends_the_asking(status: int):
    serve({"/v1/version": status})
    with pytest.raises(PermissionRefused, match=str(status)):
        discover(BASE, "token")
    assert len(responses.calls) == 1


@responses.activate
def test_a_client_version_that_a_proxy_adds_is_told():
    responses.get(
        f"{BASE}/v1/version",
        status=426,
        json={"error": {"message": "Client version 9 is not compatible"}},
    )
    with pytest.raises(WrongSettings, match="Client version 9 is not compatible"):
        discover(BASE)


@responses.activate
def test_a_server_that_fails_is_not_taken_for_a_wrong_url():
    serve({"/v1/vector-dbs": 500})
    with pytest.raises(StoreUnavailable, match="500"):
        discover(BASE, sleep=lambda _seconds: None)


DECIDES = ("/v1/version", "/v1/openai/v1/vector_stores", "/v1/openai/v1/files")


@responses.activate
@pytest.mark.parametrize("path", DECIDES)
@pytest.mark.parametrize("status", [500, 507])
def test_a_llama_stack_in_a_bad_moment_is_not_taken_for_a_vector_api(path: str, status: int):
    for _ in range(3):
        responses.get(BASE + path, json={"detail": "Internal server error"}, status=status)
    serve(OLD_STACK)
    assert discover(BASE, sleep=lambda _seconds: None).family == "llama-stack"


@responses.activate
@pytest.mark.parametrize("path", DECIDES)
def test_a_llama_stack_that_goes_on_failing_is_not_taken_for_a_vector_api(path: str):
    serve({**OLD_STACK, path: 500})
    with pytest.raises(StoreUnavailable, match=f"GET {path}: 500"):
        discover(BASE, sleep=lambda _seconds: None)


@responses.activate
def test_a_description_that_fails_is_no_description():
    serve({**OLD_STACK, "/openapi.json": 500})
    found = discover(BASE, sleep=lambda _seconds: None)
    assert (found.family, found.description) == ("llama-stack", "")


@responses.activate
def test_a_redirect_is_not_followed():
    responses.get(f"{BASE}/v1/version", status=302, headers={"Location": "https://login.test/"})
    with pytest.raises(WrongSettings, match="redirects"):
        discover(BASE, "token")
    assert len(responses.calls) == 1


@responses.activate
def test_a_certificate_that_is_not_trusted_names_the_setting():
    failure = requests.exceptions.SSLError("certificate verify failed: CERTIFICATE_VERIFY_FAILED")
    responses.get(f"{BASE}/v1/version", body=failure)
    with pytest.raises(StoreUnavailable, match="CA_BUNDLE"):
        discover(BASE)


@pytest.mark.parametrize("url", ["", "vectors.example", "ftp://vectors.example", "http://"])
def test_what_is_no_url_is_told(url: str):
    with pytest.raises(WrongSettings, match="URL"):
        discover(url)


@responses.activate
def test_a_base_url_with_the_routes_own_prefix_is_understood():
    serve({"/v1/vector-dbs": {"data": []}})
    assert discover(f"{BASE}/v1/").family == "dash"


def test_a_model_is_found_by_its_own_name_or_by_the_end_of_it():
    known = [
        EmbeddingModel("sentence-transformers/all-MiniLM-L6-v2", 384),
        EmbeddingModel("ollama/bge-m3", 1024),
    ]
    assert resolve_model(known, "all-MiniLM-L6-v2") == known[0]
    assert resolve_model(known, "ollama/bge-m3") == known[1]
    assert resolve_model(known, "MiniLM-L6-v2") is None
    assert resolve_model([*known, EmbeddingModel("vllm/bge-m3", 1024)], "bge-m3") is None
    assert same_model("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
    assert not same_model("L6-v2", "all-MiniLM-L6-v2")
