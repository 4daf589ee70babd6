"""Which store is in force, and variables that are nearly ours."""

from __future__ import annotations

import pytest
from settings_samples import REQUIRED

from confluence_mirror.settings import Settings, is_container
from confluence_mirror.settings.loading import BY_NAME, VARIABLES
from confluence_mirror.settings.spelling import edit_distance, meant_by

VECTOR = {"VECTOR_API_BASE_URL": "http://vector-api:8000"}
LLAMA = {"LLAMA_BASE_URL": "http://llama-stack:8321"}
CHROMA = {"CHROMA_URL": "http://chroma:8000"}
PGVECTOR = {"PGVECTOR_URL": "postgresql://db/vectors"}


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({}, "embedded"),
        (VECTOR, "vector-api"),
        (LLAMA, "llama"),
        (CHROMA, "chroma"),
        (PGVECTOR, "pgvector"),
        (VECTOR | LLAMA, "vector-api"),
        (VECTOR | LLAMA | CHROMA | PGVECTOR, "vector-api"),
        (VECTOR | LLAMA | {"STORE": "llama"}, "llama"),
        (LLAMA | CHROMA | {"STORE": "chroma"}, "chroma"),
        (LLAMA | {"STORE": "embedded"}, "embedded"),
        (LLAMA | {"STORE_PATH": "store"}, "llama"),
        ({"STORE_PATH": "store"}, "embedded"),
    ],
)
def test_the_store_is_the_one_asked_for_else_the_vector_api_else_the_one_that_is_set(
    environ, kind, load
):
    assert load(**environ).store.kind == kind


def test_several_stores_without_a_word_which_are_refused(faults):
    (line,) = faults(**LLAMA, **CHROMA)
    assert line.startswith("STORE: more than one store is set (LLAMA_BASE_URL, CHROMA_URL)")
    assert line.endswith("e.g. STORE=llama")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("vector-api", "VECTOR_API_BASE_URL"),
        ("llama", "LLAMA_BASE_URL"),
        ("chroma", "CHROMA_URL"),
        ("pgvector", "PGVECTOR_URL"),
    ],
)
def test_a_store_that_is_asked_for_needs_its_address(kind, name, faults):
    assert faults(STORE=kind) == [f"{name}: is required with STORE={kind} and not set"]


def test_a_pod_does_not_write_to_its_own_disk_in_silence(faults, load):
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    lines = faults(in_container=True, **pod)
    assert len(lines) == 1
    assert lines[0].startswith("STORE: no store is set")
    for environ in ({"STORE": "embedded"}, {"STORE_PATH": "/app/store"}, LLAMA):
        assert load(in_container=True, **pod, **environ)


def test_a_container_that_is_no_pod_is_warned_once_of_a_store_of_its_own(folder):
    def warnings() -> list[str]:
        return Settings.load(REQUIRED, folder, in_container=True)[1]

    assert [line for line in warnings() if "ends with the container" in line]
    (folder / "data" / "store").mkdir(parents=True)
    assert warnings() == []


@pytest.mark.parametrize(
    "environ", [{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {"container": "podman"}]
)
def test_a_container_is_known_by_its_environment(environ):
    assert is_container(environ)


def test_a_wrong_address_is_one_fault_and_not_also_a_missing_store(faults):
    lines = faults(
        in_container=True, KUBERNETES_SERVICE_HOST="10.0.0.1", LLAMA_BASE_URL="llama:8321"
    )
    assert [line.split(":")[0] for line in lines] == ["LLAMA_BASE_URL"]


def test_the_collection_is_the_vector_db_on_llama_stack_and_nowhere_else(load):
    named = {"COLLECTION_ID": "docs", "VECTOR_DB_ID": "conf-known-issues"}
    assert load(**LLAMA, **named).store.collection == "conf-known-issues"
    assert load(**LLAMA, COLLECTION_ID="docs").store.collection == "docs"
    assert load(**VECTOR, **named).store.collection == "docs"


def test_a_name_that_chroma_refuses_is_refused_before_the_first_request(faults, load):
    assert faults(**CHROMA, COLLECTION_ID="ab")[0].startswith(
        "COLLECTION_ID: is not a name that Chroma accepts"
    )
    assert load(**VECTOR, COLLECTION_ID="ab").store.collection == "ab"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LABEL", "LABELS"),
        ("labels", "LABELS"),
        ("SPACENAME", "SPACE_NAME"),
        ("SPACE_NMAE", "SPACE_NAME"),
        ("SPACE_KEYS", "FILTER_SPACE_KEYS"),
        ("FILTER_SPACE_KEY", "FILTER_SPACE_KEYS"),
        ("FILTER_FOLDERID", "FILTER_FOLDER_ID"),
        ("VECTOR_API_URL", "VECTOR_API_BASE_URL"),
        ("VECTOR-API-BASE-URL", "VECTOR_API_BASE_URL"),
        ("STATE_DRI", "STATE_DIR"),
        ("COLLECTION_NAME", "COLLECTION_ID"),
    ],
)
def test_a_near_miss_of_what_sets_scope_store_or_state_is_refused(name, meant, faults):
    assert faults(**{name: "x"}) == [f"{name}: is not a known variable; did you mean {meant}?"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("SINCE_HOUR", "SINCE_HOURS"), ("BATCHSIZE", "BATCH_SIZE"), ("LOGLEVEL", "LOG_LEVEL")],
)
def test_a_near_miss_of_another_variable_is_a_warning(name, meant, folder):
    _, warnings = Settings.load(REQUIRED | {name: "x"}, folder, in_container=False)
    assert warnings == [f"{name}: is not a known variable; did you mean {meant}?"]


def test_a_near_miss_in_a_file_is_found_too_and_one_without_a_value_is_not_worth_a_word(
    folder, faults, load
):
    (folder / ".env").write_text("LABEL=runbook\n")
    assert faults()[0].startswith("LABEL: ")
    assert load(LABEL="").scope.labels == ()


# What shells, pods, CI systems and neighbours set.
OF_OTHERS = """
    PATH HOME USER SHELL LANG TERM PWD OLDPWD SHLVL LOGNAME HOSTNAME TZ EDITOR PAGER DISPLAY MAIL PS1 _ LC_ALL TMPDIR
    HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy REQUESTS_CA_BUNDLE SSL_CERT_FILE CURL_CA_BUNDLE
    KUBERNETES_SERVICE_HOST KUBERNETES_PORT_443_TCP_ADDR LLAMA_STACK_PORT LLAMA_STACK_SERVICE_HOST CHROMA_PORT
    CHROMA_SERVICE_HOST VECTOR_API_PORT VECTOR_API_SERVICE_HOST PGVECTOR_PORT STORE_PORT STORE_SERVICE_PORT container
    OLLAMA_BASE_URL OLLAMA_API_KEY OLLAMA_HOST OPENAI_API_KEY OPENAI_BASE_URL DATABASE_URL AWS_REGION AWS_CA_BUNDLE
    API_TOKEN BASE_URL TIKTOKEN_CACHE_DIR HF_HUB_OFFLINE PYTHONPATH PYTHONUNBUFFERED VIRTUAL_ENV PIP_INDEX_URL
    NOTEBOOK_ARGS JUPYTER_PORT CI GITHUB_TOKEN GITHUB_ACTIONS GITLAB_CI BUILD_ID JOB_NAME WORKSPACE STAGE STATE SCOPE
""".split()  # noqa: SIM905 - a list of one name a line would be a page long


@pytest.mark.parametrize("name", OF_OTHERS)
def test_variables_of_others_are_left_alone(name):
    assert meant_by(name, BY_NAME) is None


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.name)
def test_our_own_variables_are_never_taken_for_one_another(variable):
    assert meant_by(variable.name, BY_NAME) is None
    assert not {name for other in VARIABLES for name in other.mistaken} & {variable.name}


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [
        ("LABELS", "LABELS", 0),
        ("LABELS", "LABEL", 1),
        ("STORE", "STROE", 1),
        ("ABCD", "WXYZ", 3),
        ("", "AB", 2),
    ],
)
def test_edits_are_counted_up_to_the_limit(one, other, edits):
    assert edit_distance(one, other, 2) == edits
    assert edit_distance(other, one, 2) == edits
