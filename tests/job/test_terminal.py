"""What came from outside commands no terminal: a hostile site, looked at from one."""

from __future__ import annotations

import os
import re
import threading
import tty
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import pytest

from confluence_mirror import check, terminal
from confluence_mirror.notebook.views import Bars, SideBySide, Table
from confluence_sandbox import SampleGateway
from tests.ingest.conftest import Ingest
from tests.ingest.launch import plain_wire
from tests.job.conftest import Make, page
from tests.job.harness import Job, as_before, only
from tests.mirror.conftest import body
from tests.servers.llama_stack import LlamaStackServer

CLIPBOARD, SCREEN, TITLE, C1, TURNED = (
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J",
    "\x9d0;mine\x9c",
    "\x9b31m",
    "\u202edlrow\u2066",
)
HOSTILE = f"{CLIPBOARD}{SCREEN}{TITLE}{C1}{TURNED}\x08\r\x7f\x00\u2028"
FOREIGN = frozenset({"title", "displayName", "publicName", "message", "detail", "description"})
"""Keys of Confluence's answers that hold what people write."""
OURS = frozenset("\r\n")
"""What a line's end and the progress line need."""
BOLD = re.compile(r"\x1b\[(?:1|22)m")
"""Around the words of a question."""


def hostile(answer: Any, key: str = "") -> Any:
    """An answer with a nasty end to every text that people write."""
    if isinstance(answer, dict):
        return {name: hostile(value, name) for name, value in answer.items()}
    if isinstance(answer, list):
        return [hostile(value, key) for value in answer]
    return f"{answer} {HOSTILE}" if key in FOREIGN and isinstance(answer, str) else answer


def hostile_names(answer: Any) -> Any:
    """The same for spaces and labels, which are called ``name``."""
    return {
        "results": [row | {"name": f"{row['name']} {HOSTILE}"} for row in answer["results"]],
        "_links": {},
    }


def commands(text: str) -> set[str]:
    """Characters that a terminal would obey, or that turn a line around."""
    text = BOLD.sub("", text)
    return {
        char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs")
    } - OURS


@contextmanager
def screen(shown: list[str]) -> Iterator[None]:
    """Standard output and error are one terminal; what came to it is in ``shown`` afterwards."""
    master, slave = os.openpty()
    tty.setraw(slave)
    data = bytearray()

    def read() -> None:
        try:
            while part := os.read(master, 65536):
                data.extend(part)
        except OSError:  # EIO: nobody holds the other end any more
            return

    reading = threading.Thread(target=read)
    reading.start()
    try:
        stream = os.fdopen(slave, "w", encoding="utf-8", buffering=1)
        with stream, redirect_stdout(stream), redirect_stderr(stream):
            yield
    finally:
        reading.join()
        os.close(master)
        shown.append(data.decode())


def at_a_terminal(
    job: Job, main: Callable[..., int], *arguments: str, **changes: str
) -> tuple[int, str]:
    """The exit code, and everything that the terminal was sent."""
    shown: list[str] = []
    job.folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(only(job.environ(**changes)))
        stack.enter_context(chdir(job.folder))
        stack.enter_context(as_before())
        stack.enter_context(screen(shown))
        code = main(list(arguments))
    assert shown[0].strip()
    return code, shown[0]


@pytest.fixture
def hostile_site(gateway: SampleGateway) -> SampleGateway:
    gateway.site.add("OPS", "A thing that fails", "<p>arsenic</p>")
    gateway.fault(path="/wiki/api/v2/(spaces|.*/labels)$", change=hostile_names)
    gateway.fault(change=hostile)
    return gateway


def test_a_hostile_site_sends_nothing_to_the_terminal_of_any_command(
    hostile_site: SampleGateway, make: Make
) -> None:
    job = make()
    job.store.switches.poison = "arsenic"

    def looked(*arguments: str, expect: int = 75, **changes: str) -> str:
        code, text = at_a_terminal(job, job.main, *arguments, **changes)
        assert code in (0, expect), text
        assert commands(text) == set()
        return text

    assert "Page 1" in looked("--dry-run")
    assert "A thing that fails" in looked(LOG_LEVEL="DEBUG")
    hostile_site.site.edit(page(hostile_site.site, "Page 1"), body(77))
    looked("--log-format", "json", "--report", "/dev/stdout", LOG_LEVEL="DEBUG")
    assert "Page" in looked("--query", "operator restarts ingress")
    kept = job.store.state.collections["confluence"]
    kept.rows[0].metadata["page_id"] = f"1{HOSTILE}"
    kept.rows[1].text = HOSTILE
    assert "drift" in looked("--verify", expect=3)
    looked(LABELS=f"{CLIPBOARD}x", expect=78)
    looked("--repair")
    looked("--no-such-option" + HOSTILE, expect=64)
    hostile_site.faults.insert(
        0, type(hostile_site.faults[0])(status=403, payload={"message": HOSTILE})
    )
    looked(expect=77)
    looked("--purge", "--yes")


def test_a_hostile_site_sends_nothing_to_the_terminal_of_the_check(
    hostile_site: SampleGateway, make: Make
) -> None:
    job = make()
    for arguments in ([], ["--json"]):
        code, text = at_a_terminal(
            job, check.main, *arguments, SPACE_NAME="", FILTER_SPACE_KEYS="OPS"
        )
        assert code == 0, text
        assert "Page 1" in text
        assert commands(text) == set()


def test_hostile_names_on_a_llama_stack_reach_no_terminal(
    hostile_site: SampleGateway, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confluence_mirror.stores.llama.store.ClientWire", plain_wire)
    with LlamaStackServer("0.7.3", "sqlite-vec") as stack:
        env = {
            "LLAMA_BASE_URL": stack.base_url,
            "FILTER_SPACE_KEYS": "OPS",
            "SPACE_NAME": "Operations",
        }
        job = Ingest(make().folder, hostile_site, env=env, stack=stack)
        hostile_site.faults[0].path = "/labels$"
        for arguments in ([], ["--query", "operator restarts ingress"], ["--reset", "--yes"]):
            for twin in stack.state.stores.values():
                twin.metadata = {"note": HOSTILE}
            code, text = at_a_terminal(job, job.main, *arguments)
            assert code == 0, text
            assert commands(text) == set()


def test_a_notebook_prints_nothing_that_a_terminal_obeys() -> None:
    shown = (
        Table((HOSTILE, "b"), [(HOSTILE, "x")]),
        SideBySide((HOSTILE, HOSTILE), ("b", f"a\n{HOSTILE}")),
        Bars([(HOSTILE, 3)], unit="tokens", limit=4),
    )
    assert [commands(repr(view)) for view in shown] == [set(), set(), set()]


def test_what_a_terminal_only_draws_stays_as_it_is() -> None:
    text = "日本語\u3000の\u00a0題 👩\u200d💻 می\u200cخواهم é"
    assert terminal.plain(text) == terminal.escaped(text) == terminal.escaped_json(text) == text
