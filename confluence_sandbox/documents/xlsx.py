"""Excel files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from confluence_sandbox.documents.package import packed, relations

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook."""

    name: str
    rows: Sequence[Sequence[str | float]]
    hidden: bool = False


def xlsx_document(sheets: Sequence[Sheet]) -> bytes:
    """A workbook; text and numbers keep their kinds."""
    listed = "".join(
        f'<sheet name="{escape(sheet.name)}" sheetId="{number}" r:id="rId{number}"'
        f' state="{"hidden" if sheet.hidden else "visible"}"/>'
        for number, sheet in enumerate(sheets, 1)
    )
    files = [f"worksheets/sheet{number}.xml" for number in range(1, len(sheets) + 1)]
    parts = {
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": relations([("worksheet", file) for file in files]),
    }
    kinds = {"xl/workbook.xml": "spreadsheetml.sheet.main+xml"}
    for file, sheet in zip(files, sheets, strict=True):
        rows = "".join(_row(number, row) for number, row in enumerate(sheet.rows, 1))
        parts[f"xl/{file}"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
        )
        kinds[f"xl/{file}"] = "spreadsheetml.worksheet+xml"
    return packed("xl/workbook.xml", parts, kinds)


def _row(number: int, cells: Sequence[str | float]) -> str:
    made = "".join(_cell(f"{_letters(at)}{number}", cell) for at, cell in enumerate(cells))
    return f'<row r="{number}">{made}</row>'


def _cell(where: str, value: str | float) -> str:
    if isinstance(value, str):
        return f'<c r="{where}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{where}"><v>{value}</v></c>'


def _letters(column: int) -> str:
    """A, B … Z, AA, AB …"""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
