"""The check that needs curl and jq alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, Site

SCRIPT = Path(__file__).parents[2] / "check_api_access_to_space.sh"

pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq") and shutil.which("bash")),
    reason="needs bash, curl and jq",
)


@pytest.fixture
def script(environ: dict[str, str]) -> Callable[..., tuple[int, str]]:
    """Exit code and output."""

    def script(**changes: str | None) -> tuple[int, str]:
        given = environ | {"SPACE_NAME": "Known Issues", "PATH": os.environ["PATH"]} | changes
        settings = {name: value for name, value in given.items() if value is not None}
        done = subprocess.run(
            ["bash", str(SCRIPT)], env=settings, capture_output=True, encoding="utf-8"
        )
        assert done.stderr == ""
        assert environ["CONF_API_TOKEN"] not in done.stdout
        return done.returncode, done.stdout

    return script


def test_a_visible_space_is_told_with_key_id_and_number_of_pages(script, site):
    code, text = script()
    assert code == 0
    number = site.space("KI").id
    assert text.splitlines() == [
        "✓ the gateway answers, the site exists, the credential is accepted",
        "✓ the token has the scopes that every sync needs",
        f"✓ Known Issues is visible: key KI, id {number}, 12 pages",
    ]


def test_pages_are_counted_over_all_the_pages_of_the_list(script, site):
    for number in range(600):
        site.add("DOCS", f"Page {number}", "<p>x</p>")
    code, text = script(SPACE_NAME='"Documents"')
    assert code == 0
    assert text.endswith("600 pages\n")


def test_each_missing_scope_is_named(script, gateway):
    gateway.switches.scopes -= {"search:confluence", "read:embed:confluence"}
    code, text = script()
    assert code == 77
    assert "✗ the token lacks search:confluence: finding what changed" in text
    assert "! the token lacks read:embed:confluence" in text
    assert "key KI" in text


def test_an_unknown_space_is_answered_with_those_that_are_visible(script):
    code, text = script(SPACE_NAME="Nowhere")
    assert code == 77
    assert "no visible space is named Nowhere. Visible: Known Issues (KI); Documents (DOCS)" in text


def test_the_space_of_users_is_looked_for_where_none_is_named(script):
    assert "Known Issues is visible" in script(SPACE_NAME="")[1]


def test_a_space_is_found_by_its_key_or_its_alias(script, site):
    site.space("DOCS").alias = "PAPERS"
    for key in ("docs", "papers,KI"):
        assert "Documents is visible: key DOCS" in script(SPACE_NAME="", FILTER_SPACE_KEYS=key)[1]
    code, text = script(SPACE_NAME="", FILTER_SPACE_KEYS="NONE")
    assert (code, "no visible space has the key NONE" in text) == (77, True)


def test_the_first_space_of_a_scope_is_looked_for(script):
    assert "Documents is visible" in script(SPACE_NAME="", SCOPE="tree:12, Space:docs,space:KI")[1]
    assert "names no space" in script(SPACE_NAME="", SCOPE="tree:12,page:7")[1]


def test_ten_visible_spaces_are_named_and_the_others_counted(script, site):
    for number in range(12):
        site.add_space(f"S{number}", f"Space {number}")
    assert script(SPACE_NAME="Nowhere")[1].count("; ") == 9
    assert "and 4 more" in script(SPACE_NAME="Nowhere")[1]


def test_settings_come_from_the_files_of_the_folder_and_the_environment_wins(
    script, environ, tmp_path
):
    (tmp_path / ".env").write_text(
        f"# mine\nCONF_CLOUD_ID={environ['CONF_CLOUD_ID']}\r\n"
        f'CONF_USER = "{environ["CONF_USER"]}"\nCONF_API_TOKEN=old\nSPACE_NAME="Documents"\n'
    )
    (tmp_path / ".env.secrets").write_text(f"export CONF_API_TOKEN='{environ['CONF_API_TOKEN']}'\n")
    named = dict.fromkeys(("CONF_CLOUD_ID", "CONF_USER", "CONF_API_TOKEN", "SPACE_NAME"))
    assert "Documents is visible" in script(**named)[1]
    assert "Known Issues is visible" in script(**named | {"SPACE_NAME": "Known Issues"})[1]


def test_an_ambiguous_name_is_answered_with_the_keys(script, site):
    site.add_space("KI2", "Known Issues")
    code, text = script()
    assert code == 78
    assert "FILTER_SPACE_KEYS: KI KI2" in text


def test_a_name_in_another_case_is_found_and_quotes_in_a_name_are_only_a_name(script, site):
    site.add_space("ODD", 'a"b$(id)\\c')
    assert script(SPACE_NAME="known issues")[0] == 0
    assert "key ODD" in script(SPACE_NAME='a"b$(id)\\c')[1]


def test_a_bad_credential_is_told_from_another_site(script):
    code, text = script(CONF_API_TOKEN="another-token")
    assert (code, "the credential is refused (404)" in text) == (77, True)
    code, text = script(CONF_CLOUD_ID="11111111-2222-3333-4444-555555555555")
    assert (code, "the gateway does not know this site" in text) == (77, True)


def test_a_proxy_that_answers_html_is_named(script, gateway):
    gateway.fault("/spaces", html=True)
    code, text = script()
    assert code == 69
    assert "not with JSON" in text


def test_the_token_may_come_from_a_file_and_may_hold_what_shells_and_curl_treat_specially(
    site: Site, script, tmp_path
):
    token = "a\"b\\c$d`e'f"
    with SampleGateway(site, token=token) as gateway:
        (tmp_path / "token").write_text(token + "\n")
        code, text = script(
            CONF_GATEWAY_URL=gateway.url,
            CONF_API_TOKEN="",
            CONF_API_TOKEN_FILE=str(tmp_path / "token"),
        )
    assert code == 0
    assert token not in text


def test_the_token_is_on_no_command_line(script, environ, tmp_path):
    real = shutil.which("curl")
    (tmp_path / "bin").mkdir()
    spy = tmp_path / "bin" / "curl"
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>"{tmp_path}/arguments"\nexec {real} "$@"\n')
    spy.chmod(0o755)
    assert script(PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")[0] == 0
    seen = (tmp_path / "arguments").read_text()
    assert environ["CONF_GATEWAY_URL"] in seen
    assert environ["CONF_API_TOKEN"] not in seen


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONF_CLOUD_ID", ""),
        ("CONF_USER", ""),
        ("CONF_API_TOKEN", ""),
        ("CONF_CLOUD_ID", "site"),
        ("CONF_GATEWAY_URL", "http://api.atlassian.com"),
        ("CONF_GATEWAY_URL", "https://user@host"),
        ("CONF_API_TOKEN", "two words"),
    ],
)
def test_wrong_settings_end_with_78_before_any_request(name, value, script, gateway):
    code, text = script(**{name: value})
    assert code == 78
    assert name in text
    assert gateway.log == []


def test_a_gateway_that_is_down_ends_with_69(script):
    code, text = script(CONF_GATEWAY_URL="http://127.0.0.1:9")
    assert code == 69
    assert "does not answer" in text
