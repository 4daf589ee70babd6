"""Every setting wrong in turn: one line that names it, and all lines at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from settings_samples import REQUIRED

from confluence_mirror.errors import Exit
from confluence_mirror.settings import MissingSettings, Settings, WrongSettings
from confluence_mirror.settings.loading import VARIABLES
from tests.servers.sockets import CERTIFICATE

WRONG = [
    ("CONF_CLOUD_ID", "mysite.atlassian.net"),
    ("CONF_CLOUD_ID", "11111111222233334444555555555555"),
    ("CONF_USER", "bot"),
    ("CONF_USER", "bot@example.com:token"),
    ("CONF_API_TOKEN", "two words"),
    ("CONF_API_TOKEN", "line\r\nX-Header: injected"),
    ("CONF_API_TOKEN", "Schlüssel"),
    ("CONF_GATEWAY_URL", "http://api.atlassian.com"),
    ("CONF_GATEWAY_URL", "https://api.atlassian.com/ex/confluence"),
    ("CONF_GATEWAY_URL", "https://mysite.atlassian.net"),
    ("CONF_GATEWAY_URL", "https://bot:secret@api.atlassian.com"),
    ("CONF_GATEWAY_URL", "api.atlassian.com"),
    ("CONF_GATEWAY_URL", "https://api.atlassian.com:99999"),
    ("CONF_GATEWAY_URL", "https://"),
    ("BODY_FORMAT", "view"),
    ("CONCURRENCY", "0"),
    ("CONCURRENCY", "65"),
    ("CONCURRENCY", "four"),
    ("REQUEST_TIMEOUT", "0"),
    ("REQUEST_TIMEOUT", "nan"),
    ("SPACE_NAME", "Known\nIssues"),
    ("FILTER_SPACE_KEYS", "Known Issues"),
    ("FILTER_SPACE_KEYS", 'DOCS,H"R'),
    ("FILTER_FOLDER_ID", "https://mysite.atlassian.net/wiki/spaces/DOCS/folder/12"),
    ("LABELS", "known issue"),
    ("SCOPE", "DOCS"),
    ("SCOPE", "space:DOCS,folder:12"),
    ("SCOPE", "tree:https://mysite.atlassian.net/wiki/spaces/DOCS/folder/12"),
    ("SCOPE", "page:"),
    ("SCOPE", " , "),
    ("EXCLUDE_LABELS", "not ready"),
    ("EXCLUDE_TREES", "DOCS"),
    ("SHARD", "3"),
    ("SHARD", "3/3"),
    ("SHARD", "0/0"),
    ("SHARD", "/3"),
    ("SINCE_HOURS", "-1"),
    ("SINCE_HOURS", "24h"),
    ("SINCE_HOURS", "1_000"),
    ("SINCE_HOURS", "٣"),
    ("RECONCILE_HOURS", "daily"),
    ("STORE", "qdrant"),
    ("VECTOR_API_BASE_URL", "vector-api:8000"),
    ("VECTOR_API_BASE_URL", "https://user:secret@vector-api"),
    ("VECTOR_API_BASE_URL", "http://vector-api/?x=1"),
    ("VECTOR_API_TOKEN", "a b"),
    ("VECTOR_API_VARIANT", "minus"),
    ("LLAMA_BASE_URL", "ftp://llama"),
    ("LLAMA_API_KEY", "a\tb"),
    ("VECTOR_DB_ID", "known issues"),
    ("CHROMA_URL", "http:///path"),
    ("CHROMA_TOKEN", "a b"),
    ("CHROMA_TENANT", "a\x00b"),
    ("CHROMA_DATABASE", "a\nb"),
    ("PGVECTOR_URL", "mysql://db/vectors"),
    ("STORE_PATH", "a\nb"),
    ("COLLECTION_ID", "../x"),
    ("COLLECTION_ID", "x"),
    ("BATCH_SIZE", "0"),
    ("BATCH_SIZE", "1.5"),
    ("WRITE_MODE", "replace"),
    ("KEEP_COLLECTIONS", "0"),
    ("EMBEDDING_MODEL_ID", "a\nb"),
    ("EMBEDDING_MODEL_PATH", "/no/such/folder"),
    ("EMBEDDING_BASE_URL", "ollama:11434"),
    ("EMBEDDING_API_KEY", "a b"),
    ("EMBEDDING_API_KEY", "key-without-a-server"),
    ("EMBEDDING_CONCURRENCY", "0"),
    ("EMBEDDING_BATCH", "many"),
    ("EMBEDDING_TIMEOUT", "0"),
    ("EMBEDDING_PATIENCE", "-1"),
    ("EMBEDDING_API_STYLE", "grpc"),
    ("EMBEDDING_API_VERSION", "a\nb"),
    ("EMBEDDING_HEADERS", "X-Team"),
    ("EMBEDDING_HEADERS", "X-Team=line%0Abreak"),
    ("EMBEDDING_HEADERS_FILE", "/no/such/file"),
    ("EMBEDDING_QUERY_PREFIX", "query:\x07"),
    ("EMBEDDING_PASSAGE_PREFIX", "passage:\t"),
    ("CHUNK_TOKENS", "15"),
    ("CHUNK_TOKENS", "8193"),
    ("CHUNK_TOKENS", "automatic"),
    ("CHUNK_OVERLAP", "1000"),
    ("CHUNK_OVERLAP", "-1"),
    ("TOKENIZER", "gpt-4"),
    ("TOKENIZER", "hf:/no/such/tokenizer.json"),
    ("STATE_DIR", "a\nb"),
    ("STATE_URL", "mysql://db/state"),
    ("STATE_URL", "sqlite://"),
    ("STATE_URL", "sqlite:///"),
    ("STATE_URL", "postgresql://me:pass/word@db/state"),
    ("LOCK_WAIT", "a minute"),
    ("MAX_DELETE_RATIO", "20%"),
    ("MAX_DELETE_RATIO", "1.1"),
    ("ALLOW_MASS_DELETE", "true"),
    ("STRICT", "maybe"),
    ("LABEL_METADATA", "some"),
    ("ATTACHMENTS", "some"),
    ("ATTACHMENT_MAX_MB", "0"),
    ("OCR_LANGUAGES", "eng, deu"),
    ("COMMENTS", "none"),
    ("ACCESS", "some"),
    ("TEXT_INDEX", "perhaps"),
    ("RUN_BUDGET_MINUTES", "1h"),
    ("TEST_LIMIT", "251"),
    ("RUN_REPORT", "/"),
    ("PROGRESS_FILE", "~no-such-user/progress.json"),
    ("LOG_FORMAT", "xml"),
    ("LOG_LEVEL", "verbose"),
    ("METRICS_FILE", "/tmp"),
    ("PUSHGATEWAY_URL", "pushgateway:9091"),
    ("CA_BUNDLE", "/"),
    ("CONF_API_TOKEN_FILE", "/no/such/file"),
    ("DOCUMENT_STORE", "gs://bucket"),
    ("DOCUMENT_STORE", "s3://Bucket"),
    ("DOCUMENT_STORE", "s3://bucket/a//b"),
    ("DOCUMENT_STORE", "s3://bucket/../b"),
    ("DOCUMENT_STORE", "s3://bucket/" + "x" * 201),
    ("AWS_ACCESS_KEY_ID", "two words"),
    ("AWS_ACCESS_KEY_ID", ""),
    ("AWS_SECRET_ACCESS_KEY", "a b"),
    ("AWS_REGION", "eu central"),
    ("AWS_ENDPOINT_URL", "minio:9000"),
    ("AWS_ENDPOINT_URL", "https://user:secret@minio"),
]
BUCKET = {
    "DOCUMENT_STORE": "s3://bucket",
    "AWS_ACCESS_KEY_ID": "AKIA0000000000000000",
    "AWS_SECRET_ACCESS_KEY": "0/secret+0",
}


def beside(name: str) -> dict[str, str]:
    """What must be set for a variable to be ours."""
    if name == "CONF_API_TOKEN_FILE":
        return {"CONF_API_TOKEN": ""}
    return BUCKET if name.startswith("AWS_") else {}


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_gives_one_line_that_names_it(name, value, faults):
    lines = faults(**beside(name) | {name: value})
    assert len(lines) == 1
    assert re.match(rf"{name}: [a-z]", lines[0])


@pytest.mark.parametrize("name", ["SPACE_NAME", "FILTER_SPACE_KEYS", "FILTER_FOLDER_ID"])
def test_a_scope_is_not_named_in_two_ways(name, faults):
    (line,) = faults(SCOPE="space:DOCS", **{name: "1234567"})
    assert line.startswith(f"SCOPE: is set beside {name}")


def test_every_variable_is_wrong_somewhere_in_this_list():
    assert {name for name, _ in WRONG} == {variable.name for variable in VARIABLES}


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.name)
def test_a_fault_never_repeats_the_value_which_may_be_a_token_in_the_wrong_place(variable, faults):
    for value in ("canary\x01", "canary://canary:canary@canary"):
        try:
            lines = faults(**beside(variable.name) | {variable.name: value})
        except pytest.fail.Exception:
            continue  # any text is right for this one
        assert "canary" not in "".join(lines)


def test_all_faults_are_told_in_one_go(faults):
    lines = faults(SINCE_HOURS="x", LOG_FORMAT="y", STATE_URL="z", STORE="w", CONF_CLOUD_ID="v")
    assert [line.split(":")[0] for line in lines] == [
        "CONF_CLOUD_ID",
        "SINCE_HOURS",
        "STORE",
        "STATE_URL",
        "LOG_FORMAT",
    ]


def test_a_fault_shows_a_value_that_would_be_right(faults):
    assert faults(LOG_FORMAT="xml") == [
        "LOG_FORMAT: is not one of text, json, e.g. LOG_FORMAT=text"
    ]


@pytest.mark.parametrize(
    "variable", [v for v in VARIABLES if v.example or v.default], ids=lambda v: v.name
)
def test_the_value_that_a_fault_shows_is_right(variable):
    shown = (variable.example or variable.default).strip('"')
    if "…" not in shown:
        variable.parse(shown)


@pytest.mark.parametrize(
    "value",
    [
        "${CONF_USER}",
        "<your-token>",
        "your-value-here",
        "changeme",
        "REPLACE_ME",
        "$CONF_USER",
        "$(CONF_USER)",
        "...",
        "{{ value }}",
        "xxxx",
    ],
)
@pytest.mark.parametrize(
    "name", ["CONF_API_TOKEN", "SPACE_NAME", "COLLECTION_ID", "STATE_DIR", "LLAMA_BASE_URL"]
)
def test_a_placeholder_that_was_left_is_refused(name, value, faults):
    lines = faults(**{name: value})
    assert lines[0].startswith(f"{name}: holds a placeholder that was not filled in")


def test_a_name_that_envsubst_left_inside_a_value_is_refused(faults):
    assert faults(VECTOR_API_BASE_URL="http://${HOST}:8000")[0].startswith(
        "VECTOR_API_BASE_URL: holds a placeholder"
    )


@pytest.mark.parametrize("missing", list(REQUIRED))
def test_a_missing_credential_is_named(missing, faults):
    lines = faults(**{missing: ""})
    assert len(lines) == 1
    assert lines[0].startswith(f"{missing}: is required and not set")


def test_what_another_program_requires_is_named(folder):
    with pytest.raises(WrongSettings, match="LLAMA_BASE_URL: is required and not set"):
        Settings.load(REQUIRED, folder, required=("LLAMA_BASE_URL",), in_container=False)


def test_a_variable_with_two_faults_is_named_once(folder):
    with pytest.raises(WrongSettings) as refused:
        Settings.load(
            REQUIRED, folder, {"STORE": "llama"}, required=("LLAMA_BASE_URL",), in_container=False
        )
    assert str(refused.value).count("LLAMA_BASE_URL: ") == 1


def test_without_any_setting_the_next_steps_are_told(folder):
    for environ in ({}, {"PATH": "/bin", "HOME": "/root", "SPACE_NAME": "", "CONF_USER": '""'}):
        with pytest.raises(MissingSettings) as refused:
            Settings.load(environ, folder, in_container=True)
        text = str(refused.value)
        assert "make demo" in text
        assert ".env.example" in text
        assert all(name in text for name in REQUIRED)
        assert len(text.splitlines()) <= 6


def test_wrong_settings_end_with_78(folder):
    for environ in ({}, {"SINCE_HOURS": "x"}):
        with pytest.raises(WrongSettings) as refused:
            Settings.load(environ, folder)
        assert refused.value.exit == Exit.SETTINGS == 78


def test_overlap_must_be_less_than_the_chunk(faults):
    assert faults(CHUNK_TOKENS="100") == [
        "CHUNK_OVERLAP: must be less than CHUNK_TOKENS, which is 100, e.g. CHUNK_OVERLAP=18"
    ]


def test_a_chunk_that_llama_stack_does_not_take_is_refused(faults, load):
    assert faults(LLAMA_BASE_URL="http://llama:8321", CHUNK_TOKENS="4000")[0].startswith(
        "CHUNK_TOKENS: is more than"
    )
    assert load(CHUNK_TOKENS="4000").chunks.tokens == 4000


def test_local_model_and_embedding_server_exclude_each_other(faults, folder):
    lines = faults(EMBEDDING_MODEL_PATH=str(folder), EMBEDDING_BASE_URL="http://ollama:11434/v1")
    assert lines[0].startswith("EMBEDDING_MODEL_PATH: is set beside EMBEDDING_BASE_URL")


def test_a_folder_in_the_place_of_a_file_is_refused_and_the_other_way_round(faults, folder):
    (folder / "file").write_text("")
    assert faults(RUN_REPORT=str(folder))[0].startswith("RUN_REPORT: is a folder")
    assert faults(STATE_DIR=str(folder / "file"))[0].startswith("STATE_DIR: is a file")


class TestTheTokensFile:
    def test_it_holds_the_token(self, load, folder):
        (folder / "token").write_text("ATSTT-from-file\n")
        settings = load(CONF_API_TOKEN="", CONF_API_TOKEN_FILE=str(folder / "token"))
        assert settings.confluence.api_token.reveal() == "ATSTT-from-file"
        assert settings.confluence.api_token_file == folder / "token"

    @pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"\xff\xfe"])
    def test_one_without_a_token_is_refused(self, content, faults, folder):
        (folder / "token").write_bytes(content)
        lines = faults(CONF_API_TOKEN="", CONF_API_TOKEN_FILE=str(folder / "token"))
        assert len(lines) == 1
        assert lines[0].startswith("CONF_API_TOKEN_FILE: ")

    def test_it_is_not_set_beside_the_token(self, faults, folder):
        (folder / "token").write_text("ATSTT-from-file")
        lines = faults(CONF_API_TOKEN_FILE=str(folder / "token"))
        assert lines == [
            "CONF_API_TOKEN_FILE: is set beside CONF_API_TOKEN: one of the two is enough"
        ]


class TestThePrivateCa:
    NAMES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CA_BUNDLE")

    def test_its_file_is_taken_from_our_variable_or_from_those_that_other_programs_know(
        self, load, folder
    ):
        assert load().net.ca_bundle is None
        paths = {}
        for name in self.NAMES:  # each wins over those before it
            (folder / name).write_bytes(CERTIFICATE.read_bytes())
            paths[name] = str(folder / name)
            assert load(**paths).net.ca_bundle == folder / name

    @pytest.mark.parametrize("name", NAMES)
    def test_one_that_is_broken_is_told_by_the_variable_that_names_it(self, name, faults, folder):
        (folder / "ca.pem").write_text(
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
        )
        assert faults(**{name: str(folder / "ca.pem")})[0].startswith(
            f"{name}: holds a certificate that is broken"
        )

    @pytest.mark.parametrize("content", [None, "", "\n"])
    def test_one_that_the_cluster_did_not_mount_leaves_the_systems_trust_and_says_so(
        self, content, folder
    ):
        if content is not None:
            (folder / "ca.pem").write_text(content)
        settings, warnings = Settings.load(
            REQUIRED | {"CA_BUNDLE": str(folder / "ca.pem")}, folder, in_container=False
        )
        assert settings.net.ca_bundle is None
        assert len(warnings) == 1
        assert warnings[0].startswith("CA_BUNDLE: the file is missing or empty")

    def test_a_file_that_is_no_pem_is_refused(self, faults, folder):
        (folder / "ca.pem").write_text("<html>")
        assert faults(CA_BUNDLE=str(folder / "ca.pem"))[0].startswith(
            "CA_BUNDLE: is not a PEM file"
        )


def test_a_settings_file_that_cannot_be_read_is_named(folder, faults):
    (folder / ".env").write_bytes(b"SPACE_NAME=\xff\xfe\n")
    (folder / ".env.secrets").mkdir()
    assert faults() == [".env: is not UTF-8 text", ".env.secrets: cannot be read (Is a directory)"]


def test_a_line_that_cannot_be_read_is_named_by_its_number(folder, faults):
    (folder / ".env").write_text("SINCE_HOURS=1\n# note\nSPACE_NAME='Known Issues\n")
    lines = faults()
    assert len(lines) == 1
    assert re.match(r"\.env: line [34] cannot be read, e\.g\. NAME=value", lines[0])


def test_a_wrong_secret_in_a_file_is_not_repeated_either(faults, folder: Path):
    (folder / ".env.secrets").write_text("VECTOR_API_TOKEN=canary one\n")
    assert "canary" not in "".join(faults())
