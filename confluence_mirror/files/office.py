"""Word documents and spreadsheets."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path

from confluence_mirror.model import Section

from .plain import html_text
from .sections import EMPTY, ENCRYPTED, Unreadable
from .tables import write_rows

MOST_UNPACKED = 150_000_000
"""Bytes that the parts of an archive may say they unpack to. Whoever lies about it meets the
process's limits."""
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The older container of Microsoft's: an encrypted document is one, whatever it is called."""


def open_archive(path: Path) -> zipfile.ZipFile:
    """The parts of an office document; raises ``Unreadable`` where it is none."""
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise Unreadable(EMPTY)
    if start == _COMPOUND_FILE:
        raise Unreadable(f"{ENCRYPTED}, or in the format of before 2007")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError):
        raise Unreadable("it is damaged: no archive of an office document") from None
    parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable(ENCRYPTED)
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise Unreadable(f"it unpacks to more than {MOST_UNPACKED // 1_000_000} MB")
    return archive


def read_docx(path: Path) -> Iterator[Section]:
    """A Word document by way of HTML; pictures are left out, and nothing outside it is opened."""
    import mammoth  # type: ignore[import-untyped]

    open_archive(path).close()
    with path.open("rb") as file:
        html = mammoth.convert_to_html(
            file, convert_image=lambda _: [], include_embedded_style_map=False
        ).value
    yield Section(html_text(html))


def read_sheets(path: Path) -> Iterator[Section]:
    """Each visible sheet as a table under its name."""
    import python_calamine

    from confluence_mirror.markdown import writing

    if not path.stat().st_size:
        raise Unreadable(EMPTY)
    if zipfile.is_zipfile(path):
        open_archive(path).close()
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
    except python_calamine.PasswordError:
        raise Unreadable(ENCRYPTED) from None
    except python_calamine.CalamineError as error:
        raise Unreadable(f"it is damaged: {error}") from None
    for sheet in book.sheets_metadata:
        if sheet.visible is not python_calamine.SheetVisibleEnum.Visible:
            continue
        if sheet.typ is not python_calamine.SheetTypeEnum.WorkSheet:
            continue
        try:
            rows = book.get_sheet_by_name(sheet.name).iter_rows()
            table = write_rows([_shown(value) for value in row] for row in rows)
        except python_calamine.CalamineError as error:
            raise Unreadable(f"it is damaged: {error}") from None
        if table:
            name = writing.line(writing.plain(sheet.name))
            yield Section(f"# {name}\n\n{table}", sheet=sheet.name)


def _shown(value: object) -> str:
    """A cell as a spreadsheet shows it, without a number format."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    return str(value)
