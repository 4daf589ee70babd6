from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.check import main
from confluence_sandbox import SampleGateway, Site

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def site() -> Site:
    site = Site()
    site.add_space("KI", "Known Issues")
    for number in range(12):
        site.add("KI", f"Issue {number}", "<p>A body.</p><ac:structured-macro ac:name='toc'/>")
    site.add_space("DOCS", "Documents")
    return site


@pytest.fixture
def gateway(site: Site) -> Iterator[SampleGateway]:
    with SampleGateway(site) as gateway:
        yield gateway


@pytest.fixture
def environ(
    gateway: SampleGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Settings for the sample site, started in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return {
        "CONF_CLOUD_ID": gateway.cloud_id,
        "CONF_USER": gateway.user,
        "CONF_API_TOKEN": gateway.token,
        "CONF_GATEWAY_URL": gateway.url,
    }


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("confluence_mirror")
    before = (root.handlers[:], root.level, own.level)
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])


@pytest.fixture
def say(environ: dict[str, str], logging_as_it_was: None) -> Callable[..., tuple[int, str]]:
    """The check as a person sees it: exit code and text."""

    def say(**changes: str) -> tuple[int, str]:
        stream = io.StringIO()
        return main([], environ | changes, stream), stream.getvalue()

    return say


@pytest.fixture
def run(environ: dict[str, str], logging_as_it_was: None) -> Run:
    """The check as a machine sees it: exit code and steps by name."""

    def run(**changes: str) -> tuple[int, dict[str, Any]]:
        stream = io.StringIO()
        code = main(["--json"], environ | changes, stream)
        answer = json.loads(stream.getvalue())
        assert answer["exit_code"] == code
        assert answer["ok"] == (code == 0)
        return code, {step["name"]: step for step in answer["steps"]}

    return run
