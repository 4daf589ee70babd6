"""A file's text, by a process of its own with limits."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from confluence_mirror.model import FileText, Section
from confluence_mirror.wording import counted

from .kinds import kind_of
from .sections import EMPTY

_BEGIN = (
    "import sys; sys.path[:] = sys.argv[2:]; from confluence_mirror.files.worker import serve;"
    " serve(sys.argv[1])"
)
_LOOK = 0.5
"""Seconds between two looks at whether the run is to stop."""
_JSON_OVERHEAD = 7
"""Bytes of JSON per byte of text, at most, and a little."""
_PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TESSDATA_PREFIX",
    "LD_LIBRARY_PATH",
    "PYTHONDONTWRITEBYTECODE",
)
"""Of our environment: the process needs no setting, and must not know a secret."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take."""

    seconds: int = 60
    """Of CPU time, and of time."""
    memory: int = 320_000_000
    """Bytes of address space."""
    output: int = 10_000_000
    """Bytes of text."""


def read_file(
    path: Path,
    *,
    filename: str,
    media_type: str,
    languages: str = "eng",
    limits: Limits = Limits(),
    check: Callable[[], None] = lambda: None,
) -> FileText:
    """The text of a file, or the reason why there is none: whatever the file is, no exception.

    ``languages``: of pictures, as tesseract names them (``eng+deu``). ``check`` is called about
    twice per second while the file is read, and may raise: then the process is ended. ``OSError``
    only where the file cannot be opened, or no process can be started.
    """
    kind = kind_of(filename, media_type)
    if kind is None:
        return FileText(reason="no text is read of files of its kind")
    if not path.stat().st_size:
        return FileText(reason=EMPTY, unreadable=True)
    with path.open("rb") as file:
        asked = {"path": f"/dev/fd/{file.fileno()}", "kind": kind, "languages": languages}
        process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN, json.dumps(asked | asdict(limits)), *sys.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            pass_fds=[file.fileno()],  # also a file that has no name any more
            start_new_session=True,  # so that what it has started ends with it
        )
        try:
            answer = _read_answer(process, limits, check)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    if isinstance(answer, str):
        return FileText(reason=answer, unreadable=True)
    return as_text(answer) or FileText(reason=_death(process.returncode), unreadable=True)


def _read_answer(
    process: subprocess.Popen[bytes], limits: Limits, check: Callable[[], None]
) -> bytes | str:
    """What the process says until it closes its end; a reason where it goes beyond its limits."""
    assert process.stdout is not None
    said = bytearray()
    deadline = time.monotonic() + limits.seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            check()
            if not selector.select(_LOOK):
                continue
            piece = os.read(process.stdout.fileno(), 1 << 20)
            if not piece:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK)
                return bytes(said)
            said += piece
            if len(said) > limits.output * _JSON_OVERHEAD:
                return f"it has more than {limits.output / 1_000_000:g} MB of text"
    return f"reading it takes more than {counted(limits.seconds, 'second')}"


def as_text(answer: bytes) -> FileText | None:
    """What the process said; None where that is no answer: it ended before it had one."""
    try:
        found = json.loads(answer)
        if "reason" in found:
            return FileText(reason=str(found["reason"]), unreadable=bool(found["unreadable"]))
        return FileText(
            tuple(
                Section(
                    str(text),
                    None if page is None else int(page),
                    None if sheet is None else str(sheet),
                )
                for text, page, sheet in found["sections"]
            )
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _death(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "reading it takes too much CPU time"
    return "the process that reads it died, as it does when it needs too much memory"
