"""Presentations (PresentationML, ECMA-376 part 1): titles, text, tables and notes of each slide.

Read from the XML itself: what is wanted of it is little, and the library for it brings an image
library and a writer of spreadsheets along.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from lxml import etree

from confluence_mirror.markdown import writing
from confluence_mirror.model import Section

from .office import open_archive
from .sections import Unreadable
from .tables import write_rows

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TITLES = ("title", "ctrTitle")
_DECORATION = ("dt", "ftr", "hdr", "sldNum", "sldImg")
"""Placeholders that repeat on every slide, and the picture of the slide among its notes."""
_Part: TypeAlias = "etree._Element"


def read_slides(path: Path) -> Iterator[Section]:
    """A section per slide, in the order in which they are shown."""
    with open_archive(path) as archive:
        try:
            for number, name in enumerate(_slide_names(archive), 1):
                text = "\n\n".join(_slide_blocks(archive, name))
                if text:
                    yield Section(text, page_number=number)
        except (etree.XMLSyntaxError, KeyError, zipfile.BadZipFile) as error:
            raise Unreadable(f"it is damaged: {error}") from None


def _slide_names(archive: zipfile.ZipFile) -> Iterator[str]:
    presentation = "ppt/presentation.xml"
    targets = {ident: target for ident, _, target in _relations(archive, presentation)}
    for slide in _parse(archive, presentation).iter(f"{_P}sldId"):
        yield targets[slide.get(_RELATION, "")]


def _slide_blocks(archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    yield from _blocks(_parse(archive, name))
    for _, kind, target in _relations(archive, name):
        if kind == "notesSlide":
            notes = list(_blocks(_parse(archive, target)))
            if notes:
                yield "**Notes**"
                yield from notes


def _parse(archive: zipfile.ZipFile, name: str) -> _Part:
    """A part as a tree, without entities: the format has none."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(archive.read(name), parser)


def _relations(archive: zipfile.ZipFile, name: str) -> list[tuple[str, str, str]]:
    """Id, kind and target of each part that this one refers to."""
    folder, base = posixpath.split(name)
    listed = f"{folder}/_rels/{base}.rels"
    if listed not in archive.NameToInfo:
        return []
    found = []
    for relation in _parse(archive, listed):
        target = str(relation.get("Target", ""))
        if relation.get("TargetMode") != "External":
            whole = target.lstrip("/") if target[:1] == "/" else posixpath.join(folder, target)
            kind = str(relation.get("Type", "")).rpartition("/")[2]
            found.append((str(relation.get("Id", "")), kind, posixpath.normpath(whole)))
    return found


def _blocks(slide: _Part) -> Iterator[str]:
    """The title first, wherever it stands among the shapes."""
    shapes = list(slide.iter(f"{_P}sp", f"{_P}graphicFrame"))
    shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)
    for shape in shapes:
        role = _placeholder(shape)
        if role in _DECORATION:
            continue
        if shape.tag == f"{_P}graphicFrame":
            for table in shape.iter(f"{_A}tbl"):
                yield write_rows(map(_row, table.iter(f"{_A}tr")))
            continue
        paragraphs = [text for text in map(_text, shape.iter(f"{_A}p")) if text.strip()]
        if role in _TITLES and paragraphs:
            yield f"# {writing.line(writing.plain(' '.join(paragraphs)))}"
        else:
            for text in paragraphs:
                yield from writing.flow(writing.plain(text))


def _row(row: _Part) -> list[str]:
    return ["\n".join(map(_text, cell.iter(f"{_A}p"))) for cell in row.iter(f"{_A}tc")]


def _placeholder(shape: _Part) -> str:
    found = next(shape.iter(f"{_P}ph"), None)
    return "" if found is None else str(found.get("type", ""))


def _text(paragraph: _Part) -> str:
    """A paragraph's runs; a line break within it is a space."""
    return "".join(
        " " if part.tag == f"{_A}br" else part.text or ""
        for part in paragraph.iter(f"{_A}t", f"{_A}br")
    )
