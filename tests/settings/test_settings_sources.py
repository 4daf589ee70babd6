"""Environment, files, flags: who wins, and how a value is cleaned."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from settings_samples import REQUIRED

from confluence_mirror.settings import MissingSettings, Secret, Settings, WrongSettings
from confluence_mirror.settings.loading import BY_NAME, VARIABLES
from confluence_mirror.settings.sources import clean
from confluence_mirror.settings.variables import held


def test_without_anything_else_the_defaults_hold(load, folder):
    settings = load()
    assert (settings.scope.since_hours, settings.store.collection, settings.store.batch_size) == (
        24,
        "confluence",
        100,
    )
    assert (settings.chunks.tokens, settings.chunks.overlap, settings.chunks.tokenizer) == (
        1000,
        180,
        "cl100k_base",
    )
    assert settings.confluence.gateway_url == "https://api.atlassian.com"
    assert settings.state.folder == folder / "data"
    assert settings.store.path == folder / "data" / "store"
    assert settings.state.url.reveal() == f"sqlite:///{folder}/data/manifest.db"
    assert settings.scope.space_keys == settings.scope.labels == ()
    assert settings.scope.space_name is None


def test_flags_win_over_the_environment_and_that_over_the_files(folder):
    (folder / ".env").write_text("SINCE_HOURS=1\nBATCH_SIZE=1\nCONCURRENCY=1\nLOCK_WAIT=1\n")
    (folder / ".env.secrets").write_text("BATCH_SIZE=2\nCONCURRENCY=2\nLOCK_WAIT=2\n")
    environ = REQUIRED | {"CONCURRENCY": "3", "LOCK_WAIT": "3"}
    settings, _ = Settings.load(environ, folder, {"LOCK_WAIT": "4"}, in_container=False)
    assert (
        settings.scope.since_hours,
        settings.store.batch_size,
        settings.confluence.concurrency,
        settings.state.lock_wait,
    ) == (1, 2, 3, 4)


def test_defaults_of_another_program_give_way_to_everything(folder):
    (folder / ".env").write_text("SINCE_HOURS=1\n")
    settings, _ = Settings.load(
        REQUIRED,
        folder,
        defaults={"SINCE_HOURS": "0", "SPACE_NAME": "Known Issues"},
        in_container=False,
    )
    assert (settings.scope.since_hours, settings.scope.space_name) == (1, "Known Issues")


@pytest.mark.parametrize("empty", ["", "   ", '""', "''", '" "'])
def test_an_empty_variable_is_unset_and_hides_the_files_value(empty, folder):
    (folder / ".env").write_text("SPACE_NAME=Docs\nSINCE_HOURS=7\n")
    settings, _ = Settings.load(
        REQUIRED | {"SPACE_NAME": empty, "SINCE_HOURS": empty}, folder, in_container=False
    )
    assert (settings.scope.space_name, settings.scope.since_hours) == (None, 24)


def test_one_file_gives_the_same_settings_to_the_shell_to_podman_and_to_the_cluster(folder):
    text = "\n".join(
        [
            *(f"{name}={value}" for name, value in REQUIRED.items()),
            "# a comment",
            'SPACE_NAME="Known Issues"',
            "LABELS='runbook,known-issue'",
            "SINCE_HOURS=",
            "FILTER_SPACE_KEYS=DOCS,HR",
            "STATE_DIR=/app",
        ]
    )
    (folder / ".env").write_text(text + "\n")
    by_dotenv, _ = Settings.load({}, folder, in_container=False)
    shell = subprocess.run(
        ["sh", "-c", "set -a; . ./.env; env -0"],
        cwd=folder,
        env={"PATH": os.defpath},
        capture_output=True,
        check=True,
    )
    sourced = dict(pair.split("=", 1) for pair in shell.stdout.decode().split("\0") if pair)
    as_kubectl = dict(
        line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#")
    )
    assert as_kubectl["SPACE_NAME"] == '"Known Issues"'
    (folder / ".env").unlink()
    for environ in (sourced, as_kubectl):
        assert Settings.load(environ, folder, in_container=False)[0] == by_dotenv
    assert by_dotenv.scope.space_name == "Known Issues"


def test_a_file_from_windows_is_read(folder):
    lines = [f"{name}={value}" for name, value in REQUIRED.items()] + ["SPACE_NAME=Known Issues"]
    (folder / ".env").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    settings, warnings = Settings.load({}, folder, in_container=False)
    assert settings.scope.space_name == "Known Issues"
    assert warnings == []


def test_a_variable_that_stands_twice_in_a_file_is_named(folder):
    (folder / ".env").write_text("SINCE_HOURS=1\nSINCE_HOURS=2\n")
    settings, warnings = Settings.load(REQUIRED, folder, in_container=False)
    assert settings.scope.since_hours == 2
    assert warnings == [".env: SINCE_HOURS stands there twice; the last one counts"]


@given(
    st.text(max_size=20),
    st.sampled_from(["", '"', "'"]),
    st.sampled_from(["", " ", "\t", "\r", "\n"]),
)
@example(value='"', quote='"', blank="")
@example(value="'a'", quote='"', blank=" ")
def test_blanks_and_one_pair_of_quotes_are_taken_off_and_nothing_else(value, quote, blank):
    inner = value.strip()
    cleaned = clean(f"{blank}{quote}{blank}{value}{blank}{quote}{blank}")
    if quote:
        assert cleaned == inner
    elif len(inner) >= 2 and inner[0] == inner[-1] and inner[0] in "\"'":
        assert cleaned == inner[1:-1].strip()
    else:
        assert cleaned == inner


@given(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'\\"),
        min_size=1,
        max_size=30,
    )
)
def test_any_printable_token_arrives_as_it_is_or_is_called_a_placeholder(token):
    for written in (token, f'"{token}"', f"'{token}'", f" {token} "):
        try:
            settings, _ = Settings.load(
                REQUIRED | {"CONF_API_TOKEN": written}, _NOWHERE, in_container=False
            )
        except WrongSettings as error:
            assert "CONF_API_TOKEN: holds a placeholder" in str(error)  # noqa: PT017
        else:
            assert settings.confluence.api_token.reveal() == token


@given(
    st.dictionaries(st.sampled_from([v.name for v in VARIABLES]), st.text(max_size=30), max_size=8)
)
def test_any_text_in_any_variable_gives_settings_or_lines_that_name_variables(values):
    values = {name: text for name, text in values.items() if "\x00" not in text}
    try:
        settings, _ = Settings.load(REQUIRED | values, _NOWHERE, in_container=False)
    except WrongSettings as error:
        for line in str(error).splitlines()[1:]:
            assert line.strip().split(": ")[0] in _NAMES
    else:
        assert isinstance(settings, Settings)


_NAMES = {variable.name for variable in VARIABLES}
_NOWHERE = Path("/nonexistent")


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("DOCS", ("DOCS",)),
        ("DOCS, HR ,docs,,", ("DOCS", "HR")),
        ("~712020abc,DOCS", ("~712020abc", "DOCS")),
        (",", ()),
    ],
)
def test_space_keys_are_a_list_with_each_key_once(value, keys, load):
    assert load(FILTER_SPACE_KEYS=value).scope.space_keys == keys


def test_the_items_of_a_scope_are_a_list_with_each_item_once(load):
    found = load(SCOPE="Space: DOCS, tree:12,, page:7 ,space:docs,TREE:12").scope.items
    assert found == ("space:DOCS", "tree:12", "page:7")


def test_the_write_mode_of_earlier_versions_means_auto(load):
    assert load(WRITE_MODE="Upsert").store.write_mode == "auto"


def test_values_are_normalised(load):
    settings = load(
        CONF_CLOUD_ID="AAAAAAAA-2222-3333-4444-555555555555",
        CONF_GATEWAY_URL="http://127.0.0.1:8080/",
        VECTOR_API_BASE_URL="http://vector-api:8000/base/",
        LABELS="Runbook,known-issue",
        LOG_LEVEL="debug",
        STRICT="yes",
        CHUNK_TOKENS="AUTO",
    )
    assert settings.confluence.cloud_id.startswith("aaaaaaaa")
    assert settings.confluence.gateway_url == "http://127.0.0.1:8080"
    assert settings.store.vector_api.base_url == "http://vector-api:8000/base"
    assert settings.scope.labels == ("runbook", "known-issue")
    assert (settings.output.log_level, settings.run.strict, settings.chunks.tokens) == (
        "DEBUG",
        True,
        "auto",
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_a_gateway_on_loopback_needs_no_tls(host, load):
    assert (
        load(CONF_GATEWAY_URL=f"http://{host}:9000").confluence.gateway_url == f"http://{host}:9000"
    )


def test_relative_paths_start_at_the_folder(load, folder):
    (folder / "tokenizer.json").write_text("{}")
    settings = load(
        STATE_DIR="state",
        RUN_REPORT="out/report.json",
        STATE_URL="sqlite:///m.db",
        TOKENIZER="hf:tokenizer.json",
    )
    assert settings.state.folder == folder / "state"
    assert settings.store.path == folder / "state" / "store"
    assert settings.output.report == folder / "out/report.json"
    assert settings.state.url.reveal() == f"sqlite:///{folder}/m.db"
    assert settings.chunks.tokenizer == f"hf:{folder}/tokenizer.json"


def test_an_absolute_manifest_stays_where_it_is(load):
    assert load(STATE_URL="sqlite:////app/m.db").state.url.reveal() == "sqlite:////app/m.db"


def test_every_variable_is_a_field_of_one_group_of_the_settings(load):
    settings = load()
    assert [variable.name for variable, _ in held(settings)] == [v.name for v in VARIABLES]
    assert len(BY_NAME) == len(VARIABLES)


SECRETS = {
    "CONF_API_TOKEN": "canary-conf",
    "VECTOR_API_TOKEN": "canary-vector",
    "LLAMA_API_KEY": "canary-llama",
    "CHROMA_TOKEN": "canary-chroma",
    "EMBEDDING_API_KEY": "canary-embedding",
    "PGVECTOR_URL": "postgresql://u:canary%2Fpg@db/vectors",
    "STATE_URL": "postgresql://u:canary-state@db/state",
    "AWS_ACCESS_KEY_ID": "canary-key",
    "AWS_SECRET_ACCESS_KEY": "canary-secret",
}
BUCKET = {"DOCUMENT_STORE": "s3://bucket/a", "AWS_ENDPOINT_URL": "http://canary:9000/"}


class TestSecrets:
    def test_no_repr_or_text_of_the_settings_shows_one(self, load):
        settings = load(**SECRETS, **BUCKET, EMBEDDING_BASE_URL="http://ollama:11434/v1")
        for text in (
            repr(settings),
            str(settings),
            f"{settings}",
            f"{settings.confluence.api_token}",
            "%s" % settings,  # noqa: UP031
        ):
            assert "canary" not in text

    def test_all_of_them_are_known_to_the_mask(self, load):
        secrets = load(**SECRETS, **BUCKET, EMBEDDING_BASE_URL="http://ollama:11434/v1").secrets()
        assert {
            "canary-conf",
            "canary-vector",
            "canary-llama",
            "canary-chroma",
            "canary-embedding",
            "canary%2Fpg",
            "canary/pg",
            "canary-state",
            "canary-key",
            "canary-secret",
        } < set(secrets)
        basic = "Ym90QHNlcnZpY2VhY2NvdW50LmF0bGFzc2lhbi5jb206Y2FuYXJ5LWNvbmY="
        assert basic in secrets

    def test_a_url_without_a_password_is_no_secret(self, load):
        assert all("://" not in text for text in load(STATE_URL="postgresql://db/state").secrets())

    def test_the_table_marks_each_secret_field(self):
        marked = {variable.name for variable in VARIABLES if variable.secret}
        assert marked == set(SECRETS)

    def test_a_secret_is_compared_by_its_value(self):
        assert Secret("a") == Secret("a") != Secret("b")
        assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_a_place_for_documents_is_a_folder_or_a_bucket_with_a_prefix(load, folder):
    assert load(DOCUMENT_STORE="tree").documents.place == folder / "tree"
    keys = {name: SECRETS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    found = load(**keys, **BUCKET).documents
    assert (found.place.name, found.place.prefix) == ("bucket", "a")
    assert found.endpoint.reveal() == "http://canary:9000"
    assert load(**keys, DOCUMENT_STORE="s3://bucket//").documents.place.prefix == ""


def test_what_other_programs_are_told_of_aws_is_no_business_of_a_run_without_a_bucket(load, folder):
    others = {"AWS_REGION": "not a region", "AWS_ACCESS_KEY_ID": "two words"}
    assert load(**others, DOCUMENT_STORE="/srv/tree").documents.key_id is None
    with pytest.raises(MissingSettings):
        Settings.load({"AWS_REGION": "eu-central-1"}, folder, in_container=False)


def test_only_a_flag_allows_any_mass_removal_and_a_variable_one_very_set(folder, load):
    settings, _ = Settings.load(REQUIRED, folder, {"ALLOW_MASS_DELETE": "true"}, in_container=False)
    assert settings.run.allow_mass_delete == "true"
    assert load(ALLOW_MASS_DELETE="9F86D081884C").run.allow_mass_delete == "9f86d081884c"
    with pytest.raises(WrongSettings, match="ALLOW_MASS_DELETE: would allow every removal"):
        load(ALLOW_MASS_DELETE="true")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%40ss@db:5432/state?sslmode=verify-full",
        "postgres://db/state",
        "postgresql:///state?host=/run/postgresql",
        "postgresql://a:5432,b:5432/state?target_session_attrs=read-write",
    ],
)
def test_every_form_of_a_postgresql_url_is_taken(url, load):
    assert (
        load(STATE_URL=url).state.url.reveal()
        == load(PGVECTOR_URL=url).store.pgvector_url.reveal()
        == url
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"query: "', "query: "),
        ("'query: '", "query: "),
        ("query:", "query:"),
        ('""', ""),
        ("", ""),
        ('"Instruct: find it\\nQuery: "', "Instruct: find it\nQuery: "),
    ],
)
def test_a_prefix_arrives_with_its_blanks_and_an_empty_one_is_none(
    written: str, read: str, folder: Path
) -> None:
    settings, _ = Settings.load(
        REQUIRED | {"EMBEDDING_QUERY_PREFIX": written}, folder, in_container=False
    )
    assert settings.embedding.query_prefix == read
    assert settings.embedding.passage_prefix is None
    (folder / ".env").write_text(f"EMBEDDING_QUERY_PREFIX={written}\n")
    of_file, _ = Settings.load(REQUIRED, folder, in_container=False)
    assert of_file.embedding.query_prefix == read
    given, _ = Settings.load(
        REQUIRED | {"EMBEDDING_QUERY_PREFIX": "q: "}, folder, in_container=False
    )
    assert given.embedding.query_prefix == "q: "
