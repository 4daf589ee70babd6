"""Files that are text already: plain text, Markdown, HTML, CSV, JSON, YAML."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from confluence_mirror.model import Section

from .sections import EMPTY, Unreadable
from .tables import write_rows

MOST_BYTES = 32_000_000
"""Of a text file: what is beyond gives more text than is kept in any case."""
_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 20


def read_text(path: Path) -> Iterator[Section]:
    """Paragraphs, with their line breaks."""
    yield Section(paragraphs(_decoded(path)))


def paragraphs(text: str) -> str:
    """Plain text as Markdown: an empty line ends a paragraph, a line break within one is kept."""
    from confluence_mirror.markdown import writing

    blocks = []
    for paragraph in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        lines = [writing.plain(line).strip() for line in paragraph.split("\n")]
        blocks += writing.flow(writing.BREAK.join(line for line in lines if line))
    return "\n\n".join(blocks)


def read_markdown(path: Path) -> Iterator[Section]:
    """As it is."""
    yield Section(_decoded(path))


def read_html(path: Path) -> Iterator[Section]:
    """By the converter of rendered pages."""
    yield Section(html_text(_decoded(path)))


def html_text(html: str) -> str:
    """HTML as Markdown."""
    from confluence_mirror.markdown import convert

    return convert(html, body_format="export_view").markdown


def read_csv(path: Path) -> Iterator[Section]:
    """As a table whose first row names the columns."""
    text = _decoded(path)
    csv.field_size_limit(MOST_BYTES)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        yield Section(write_rows(rows))
    except csv.Error as error:
        raise Unreadable(f"it is not CSV: {error}") from None


def read_json(path: Path) -> Iterator[Section]:
    """Indented, so that a cut falls between values; as it is where it does not parse."""
    text = _decoded(path)
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    yield Section(_fenced(text, "json"))


def read_yaml(path: Path) -> Iterator[Section]:
    """As it is, and never parsed: its aliases can stand for more than there is memory."""
    yield Section(_fenced(_decoded(path), "yaml"))


def _fenced(text: str, language: str) -> str:
    from confluence_mirror.markdown import writing

    if not text.strip():
        return ""
    fence = writing.ticks(text, 3)
    return f"{fence}{language}\n{text.strip(chr(10))}\n{fence}"


def _decoded(path: Path) -> str:
    """Text in UTF-8 or UTF-16, else in the character set that Windows has in Western Europe."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if not data:
        raise Unreadable(EMPTY)
    if len(data) > MOST_BYTES:
        raise Unreadable(f"it has more than {MOST_BYTES // 1_000_000} MB of text")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        raise Unreadable("it is no text, whatever its name says")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    """What stands most often in the first lines; the comma where nothing does."""
    sample = "".join(islice(io.StringIO(text[:20_000]), _SAMPLE_LINES))
    return max(_DELIMITERS, key=sample.count)
