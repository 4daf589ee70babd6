"""The control routes, and the gateway as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from sample_client import V2, Client

from confluence_sandbox import SampleGateway, Site
from confluence_sandbox.__main__ import chosen_site, main


@pytest.fixture
def control(client: Client) -> Any:
    def run(verb: str, **values: Any) -> Any:
        prefix, client.prefix = client.prefix, ""
        reply = client.post(f"/control/{verb}", values)
        client.prefix = prefix
        return reply.json if reply.status == 200 else reply.status

    return run


def test_pages_are_made_and_changed_from_outside(control: Any, site: Site) -> None:
    page = control(
        "add",
        space="OPS",
        title="Page",
        body="<p>a</p>",
        labels=["x"],
        created_at="2026-01-01T00:00:00Z",
    )
    assert control("edit", id=page["id"], body="<p>b</p>")["number"] == 2
    control("relabel", id=page["id"], labels=["y"])
    content = site.get(page["id"])
    assert (content.body, content.labels, content.created_at.year) == (
        "<p>b</p>",
        (("global", "y"),),
        2026,
    )
    assert [each["id"] for each in control("pages", spaces=["OPS"])] == [page["id"]]
    for verb, status in (("trash", "trashed"), ("restore", "current"), ("archive", "archived")):
        control(verb, id=page["id"])
        assert content.status == status


def test_spaces_clock_index_and_switches_are_set_from_outside(
    control: Any, site: Site, client: Client
) -> None:
    control("add_space", key="DEV", name="Development")
    control("rename_space", key="dev", name="Other")
    assert site.space("DEV").name == "Other"
    assert control("clock", advance_hours=2)["now"] == "2026-03-10T14:00:00.000Z"
    assert control("clock", set="2026-01-01T00:00:00Z")["now"] == "2026-01-01T00:00:00.000Z"
    control("index", lag_seconds=60)
    control("add", space="DEV", title="Late")
    assert client.found("space = DEV") == []
    control("switch", caps={"v2": 1}, scopes=["read:space:confluence"])
    assert len(client.get(f"{V2}/spaces", limit=50).results) == 1
    assert client.get(f"{V2}/pages").status == 401


def test_faults_are_planted_and_cleared_from_outside(control: Any, client: Client) -> None:
    control("fault", path="/spaces$", status=503)
    assert client.get(f"{V2}/spaces").status == 503
    assert control("counts") == {"GET /wiki/api/v2/spaces": 1}
    assert control("log")[0]["status"] == 503
    control("clear")
    assert client.get(f"{V2}/spaces").status == 200


@pytest.mark.parametrize(
    ("verb", "values"),
    [
        ("nothing", {}),
        ("edit", {"id": "99"}),
        ("edit", {}),
        ("add", {"space": "OPS"}),
        ("switch", {"colour": 1}),
    ],
)
def test_a_command_that_does_not_fit_is_refused(
    verb: str, values: dict[str, Any], control: Any
) -> None:
    assert control(verb, **values) == 400


@pytest.mark.parametrize(("name", "pages"), [("empty", 0), ("generated:7", 7)])
def test_a_site_is_chosen_by_name(name: str, pages: int) -> None:
    assert len(chosen_site(name).current()) == pages


@pytest.mark.parametrize("name", ["", "generated", "generated:x", "other"])
def test_an_unknown_site_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no such site"):
        chosen_site(name)


def test_a_port_that_is_taken_is_one_line(
    gateway: SampleGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = str(urlsplit(gateway.url).port)
    with pytest.raises(SystemExit, match="74"):
        main(["--site", "empty", "--port", taken])
    said = capsys.readouterr().err
    assert said.startswith(f"Cannot listen on 127.0.0.1, port {taken}: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("given", ["--seeds", "--site=other"])
def test_wrong_usage_is_one_line_in_the_format_of_the_log(
    given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="64"):
        main([given])
    assert capsys.readouterr().err.startswith("python -m confluence_sandbox: ")
    monkeypatch.setenv("LOG_FORMAT", "json")
    with pytest.raises(SystemExit, match="64"):
        main([given])
    assert json.loads(capsys.readouterr().err)["exit_code"] == 64


@pytest.mark.parametrize(("output", "code"), [("| true", 0), (">/dev/full", 74)])
def test_an_address_that_cannot_be_told_ends_the_process(output: str, code: int) -> None:
    script = (
        f'"$0" -m confluence_sandbox --site empty --with-parent {output}; exit "${{PIPESTATUS[0]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, sys.executable],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (code, 1 if code else 0), done.stderr


def test_the_process_says_where_it_listens_and_ends_with_its_parent() -> None:
    command = [
        sys.executable,
        "-m",
        "confluence_sandbox",
        "--site",
        "generated:3",
        "--with-parent",
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = SimpleNamespace(**json.loads(process.stdout.readline()))
        client = Client(ready)  # type: ignore[arg-type]
        assert len(client.listed("/pages")) == 3
        client.connection.close()
        process.stdin.close()
        assert process.wait(10) == 0
