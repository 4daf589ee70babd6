"""The life of a process that reads one file: bounds, the text, an answer in JSON, the end.

It is given nothing but the file: no settings, no credentials, no connection. Its answer is data, so
that a file that takes it over can at most lie about its own text.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from confluence_mirror.model import Section

from .sections import BLANK, NoText, Unreadable

_EXTRA = "reading it needs the extra files: pip install '.[files]'"

_LARGEST_WRITTEN = 1_000_000
"""Bytes of a file that it writes: the interpreter keeps modules that it has compiled."""


def serve(request: str) -> None:
    """``request``: JSON with ``path``, ``kind``, ``languages``, and the limits."""
    asked = json.loads(request)
    _bound(asked["memory"], asked["seconds"])
    said = json.dumps(answer(asked), ensure_ascii=False)
    sys.stdout.buffer.write(said.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
    os._exit(0)  # the libraries' own clearing up can wait for ever


def answer(asked: dict[str, str | int]) -> dict[str, object]:
    """What there is to say of the file that is asked for."""
    try:
        reader = _reader(str(asked["kind"]), str(asked["languages"]))
        sections = _within(reader(Path(str(asked["path"]))), int(asked["output"]))
        if not sections:  # a picture need not show words
            return {"reason": BLANK, "unreadable": asked["kind"] != "image"}
        return {"sections": [(one.text, one.page_number, one.sheet) for one in sections]}
    except NoText as error:
        return {"reason": str(error), "unreadable": False}
    except Unreadable as error:
        reason = str(error)
    except MemoryError:
        reason = "reading it needs more memory than it is given"
    except ModuleNotFoundError:
        reason = _EXTRA
    except Exception as error:  # whatever a library says of a damaged file
        reason = f"it is damaged: {type(error).__name__}: {error}"
    return {"reason": " ".join(reason.split())[:300], "unreadable": True}


def _within(sections: Iterator[Section], most: int) -> list[Section]:
    """The sections that hold anything."""
    found = []
    length = 0
    for section in sections:
        if section.text.strip():
            length += len(section.text.encode("utf-8", "replace"))
            if length > most:
                raise Unreadable(f"it has more than {most / 1_000_000:g} MB of text")
            found.append(section)
    return found


def _reader(kind: str, languages: str) -> Callable[[Path], Iterator[Section]]:
    """Only what this kind needs is imported."""
    if kind == "pdf":
        from .pdf import read_pdf

        return lambda path: read_pdf(path, languages)
    if kind == "image":
        return lambda path: _image(path, languages)
    if kind == "docx":
        from .office import read_docx

        return read_docx
    if kind == "sheets":
        from .office import read_sheets

        return read_sheets
    if kind == "slides":
        from .slides import read_slides

        return read_slides
    from . import plain

    return {
        "text": plain.read_text,
        "markdown": plain.read_markdown,
        "html": plain.read_html,
        "csv": plain.read_csv,
        "json": plain.read_json,
        "yaml": plain.read_yaml,
    }[kind]


def _image(path: Path, languages: str) -> Iterator[Section]:
    from .ocr import image_text
    from .plain import paragraphs

    yield Section(paragraphs(image_text(path, languages)))


def _bound(memory: int, seconds: int) -> None:
    """Beyond the memory is a ``MemoryError`` or the end; beyond the time the kernel ends the
    process, even where the one that waits for it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; who asked us decides
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds + 5)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, _LARGEST_WRITTEN),
    ):
        _, hard = resource.getrlimit(limit)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
