"""What every command and the commonest mistakes print is what ``outputs/`` holds.

``UPDATE_GOLDEN=1 python -m pytest -n 0 tests/golden`` writes the files anew: read their difference as
prose before you commit it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import two_spaces
from tests.job.harness import Job
from tests.servers.vector_api import VectorApiServer

OUTPUTS = Path(__file__).parent / "outputs"
PLACE = {"SPACE_NAME": "Operations"}
NOBODY = "http://127.0.0.1:1"

COMMANDS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("purge-nothing", ("purge", "--yes"), 0),
    ("plan-first", ("plan",), 0),
    ("sync-first", ("sync",), 0),
    ("sync-again", ("sync",), 0),
    ("sync-json", ("sync", "--log-format", "json"), 0),
    ("plan-nothing", ("plan",), 0),
    ("verify", ("verify",), 0),
    ("query", ("query", "ingress certificate", "--limit", "1"), 0),
    ("query-nothing", ("query", "ingress", "--label", "no-such-label"), 0),
    ("query-json", ("query", "ingress certificate", "--limit", "1", "--json"), 0),
    ("sync-page", ("sync", "--page", "{page}"), 0),
    ("repair-nothing", ("repair",), 0),
    ("purge-unconfirmed", ("purge",), 64),
    ("purge", ("purge", "--yes"), 0),
)
"""In this order, on one mirror: a name, the arguments, the exit code."""

MISTAKES: dict[str, tuple[tuple[str, ...], int, dict[str, str]]] = {
    "no-settings": (
        (),
        78,
        dict.fromkeys(
            (
                "CONF_GATEWAY_URL",
                "CONF_CLOUD_ID",
                "CONF_USER",
                "CONF_API_TOKEN",
                "STATE_DIR",
                "VECTOR_API_BASE_URL",
                "LOCK_WAIT",
                "SPACE_NAME",
            ),
            "",
        ),
    ),
    "no-token": ((), 78, {"CONF_API_TOKEN": ""}),
    "cloud-id-is-a-name": ((), 78, {"CONF_CLOUD_ID": "mysite"}),
    "placeholder-left": ((), 78, {"CONF_USER": "${CONF_USER}"}),
    "misspelt-variable": ((), 78, {"SPACE_NAMES": "Operations"}),
    "not-a-number": ((), 78, {"SINCE_HOURS": "a day"}),
    "two-stores": (
        (),
        78,
        {"VECTOR_API_BASE_URL": "", "LLAMA_BASE_URL": NOBODY, "CHROMA_URL": NOBODY},
    ),
    "no-store-in-a-pod": (
        (),
        78,
        {"VECTOR_API_BASE_URL": "", "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
    ),
    "store-without-address": ((), 78, {"STORE": "pgvector"}),
    "unknown-command": (("mirror",), 64, {}),
    "unknown-option": (("--dryrun",), 64, {}),
    "two-commands": (("--dry-run", "--purge"), 64, {}),
    "query-without-words": (("query", " "), 64, {}),
    "page-is-a-title": (("sync", "--page", "Home"), 64, {}),
    "json-unknown-option": (("--dryrun", "--log-format", "json"), 64, {}),
    "wrong-token": ((), 77, {"CONF_API_TOKEN": "another-token-of-nobody"}),
    "unknown-site": ((), 77, {"CONF_CLOUD_ID": "11111111-2222-3333-4444-555555555555"}),
    "unknown-space": ((), 77, {"SPACE_NAME": "Opera"}),
    "store-away": ((), 69, {"VECTOR_API_BASE_URL": NOBODY, "REQUEST_TIMEOUT": "1"}),
    "query-before-sync": (("query", "ingress"), 78, {}),
    "verify-before-sync": (("verify",), 74, {}),
    "json-wrong-settings": ((), 78, {"LOG_FORMAT": "json", "SINCE_HOURS": "a day"}),
}


@pytest.fixture(autouse=True)
def as_a_user_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["sync.py"])


@pytest.fixture(scope="module")
def gateway() -> Iterator[SampleGateway]:
    with SampleGateway(two_spaces()) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def store() -> Iterator[VectorApiServer]:
    with VectorApiServer("underscore") as server:
        yield server


def stable(text: str, job: Job) -> str:
    """The same text without times, ports, paths and identifiers of this run."""
    page_ids = {each.id: f"10{n:02}" for n, each in enumerate(job.gateway.site.content.values())}
    for found, name in page_ids.items():
        text = re.sub(rf"\b{found}\b", name, text)
    text = text.replace(str(job.folder), "STATE").replace(str(Path.cwd()), "HERE")
    for pattern, name in (
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d{4}-\d\d-\d\d \d\d:\d\d", "TIME"),
        (r"\d+ s apart", "0 s apart"),
        (r"/blog/\d{4}/\d\d/\d\d/", "/blog/DAY/"),
        (r"127\.0\.0\.1:(?!1\b)\d+", "127.0.0.1:PORT"),
        (r"\d+\.\d+s\b|\b\d+m\d\ds\b|(?<= )\d+s\b", "0.0s"),
        (r"\d+(?:\.\d+)? (?:kB|MB|B) read", "N kB read"),
        (r"\d+ to Confluence", "N to Confluence"),
        (r'"seconds": [\d.]+', '"seconds": 0'),
        (r'"took_ms": \d+', '"took_ms": 0'),
        (r"\d+(?:\.\d+)? per second", "N per second"),
        (r'"score": [\d.]+|\(\d\.\d\d, ', lambda found: re.sub(r"[\d.]+", "0.5", found[0])),
        (r'"[0-9a-f]{32,64}"', '"HASH"'),
        (r"vs_[0-9a-f]+", "vs_ID"),
    ):
        text = re.sub(pattern, name, text)  # type: ignore[arg-type]
    return text


def compare(name: str, done: subprocess.CompletedProcess[str], job: Job, shown: str) -> None:
    streams = (("", done.stdout), ("--- standard error\n", done.stderr))
    said = "".join(f"{head}{text.rstrip()}\n" for head, text in streams if text)
    said = stable(f"$ {shown}\n{said}--- exit {done.returncode}\n", job)
    path = OUTPUTS / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        OUTPUTS.mkdir(exist_ok=True)
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")


def test_what_the_commands_print(
    gateway: SampleGateway, store: VectorApiServer, tmp_path: Path
) -> None:
    job = Job(tmp_path / "job", gateway, store.url, {**PLACE, "COLUMNS": "100"})
    page = next(each.id for each in gateway.site.content.values() if each.title == "Page 1")
    for name, arguments, code in COMMANDS:
        given = tuple(each.format(page=page) for each in arguments)
        done = job.here(*given, expect=code)
        compare(name, done, job, f"sync.py {' '.join(arguments)}")


@pytest.mark.parametrize("name", MISTAKES)
def test_what_a_mistake_prints(
    gateway: SampleGateway, store: VectorApiServer, tmp_path: Path, name: str
) -> None:
    arguments, code, changes = MISTAKES[name]
    job = Job(tmp_path / "job", gateway, store.url, PLACE)
    done = job.here(*arguments, expect=code, **changes)
    settings = " ".join(f"{key}={value}" for key, value in changes.items() if value)
    compare(name, done, job, f"{settings} sync.py {' '.join(arguments)}".strip())


def test_what_the_check_prints(
    gateway: SampleGateway, store: VectorApiServer, tmp_path: Path
) -> None:
    job = Job(tmp_path / "job", gateway, store.url, PLACE)
    compare("check", job.here("check"), job, "sync.py check")
    compare("check-other-space", job.here("check", expect=77, SPACE_NAME=""), job, "sync.py check")


def test_each_file_is_of_a_case() -> None:
    names = {name for name, _, _ in COMMANDS} | MISTAKES.keys()
    assert {path.stem for path in OUTPUTS.glob("*.txt")} == names | {"check", "check-other-space"}
