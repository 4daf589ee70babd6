"""Small files of each kind, written byte by byte: what is in them is seen here."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "application/vnd.openxmlformats-officedocument"
XML = '<?xml version="1.0" encoding="UTF-8"?>'

Placed = tuple[float, float, str]
"""Points from the left and from the bottom, and the text."""


def pdf(pages: Iterable[Sequence[Placed]], *, trailer: str = "", compress: bool = True) -> bytes:
    """A PDF whose pages show these texts in 10 points Helvetica."""
    return pdf_of([stream_of(page) for page in pages], trailer=trailer, compress=compress)


def stream_of(page: Sequence[Placed]) -> bytes:
    shown = []
    for x, y, text in page:
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        shown.append(f"BT /F1 10 Tf {x} {y} Td ({escaped}) Tj ET")
    return "\n".join(shown).encode("cp1252")


def pdf_of(
    streams: Sequence[bytes],
    *,
    trailer: str = "",
    compress: bool = True,
    kids: str = "",
    count: int = 0,
) -> bytes:
    """A PDF with these content streams, one per page."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    )
    numbers = []
    for stream in streams:
        data = zlib.compress(stream) if compress else stream
        way = b" /Filter /FlateDecode" if compress else b""
        objects.append(b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(data), way, data))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        numbers.append(f"{len(objects)} 0 R")
    listed = kids or " ".join(numbers)
    objects[1] = f"<< /Type /Pages /Kids [{listed}] /Count {count or len(numbers)} >>".encode()
    return joined_pdf(objects, trailer)


def joined_pdf(objects: Sequence[bytes], trailer: str = "") -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer}>>\n".encode()
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in parts.items():
            target.writestr(name, text)
    return out.getvalue()


def relations(targets: Iterable[tuple[str, str, str]]) -> str:
    """Id, kind and target of each."""
    rows = "".join(
        f'<Relationship Id="{ident}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for ident, kind, target in targets
    )
    return f'{XML}<Relationships xmlns="{_PACKAGE}/relationships">{rows}</Relationships>'


def _types(overrides: Mapping[str, str]) -> str:
    rows = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, kind in overrides.items()
    )
    return (
        f'{XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
        f' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{rows}</Types>'
    )


def docx(body: str, *, prologue: str = "") -> bytes:
    """A Word document with this body, in its own markup (see ``paragraph``)."""
    main = f"{_OFFICE}.wordprocessingml.document.main+xml"
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/></w:style>'
        for n in (1, 2)
    )
    return archive(
        {
            "[Content_Types].xml": _types({"word/document.xml": main}),
            "_rels/.rels": relations([("r1", "officeDocument", "word/document.xml")]),
            "word/_rels/document.xml.rels": relations([("r1", "styles", "styles.xml")]),
            "word/styles.xml": f"{XML}<w:styles {_W}>{styles}</w:styles>",
            "word/document.xml": f"{XML}{prologue}<w:document {_W}><w:body>{body}</w:body></w:document>",
        }
    )


def paragraph(text: str, style: str = "") -> str:
    about = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{about}<w:r><w:t>{text}</w:t></w:r></w:p>"


def word_table(rows: Iterable[Sequence[str]]) -> str:
    lines = (
        f"<w:tr>{''.join(f'<w:tc>{paragraph(cell)}</w:tc>' for cell in row)}</w:tr>" for row in rows
    )
    return f"<w:tbl>{''.join(lines)}</w:tbl>"


def xlsx(
    sheets: Mapping[str, Sequence[Sequence[str | float]]], hidden: Iterable[str] = ()
) -> bytes:
    """A workbook of these sheets."""
    return xlsx_of({name: _sheet(rows) for name, rows in sheets.items()}, hidden)


def xlsx_of(sheets: Mapping[str, str], hidden: Iterable[str] = ()) -> bytes:
    """The same, the sheets' data in its own markup."""
    away = frozenset(hidden)
    state = {name: ' state="hidden"' if name in away else "" for name in sheets}
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"{state[name]}/>'
        for n, name in enumerate(sheets, 1)
    )
    book = (
        f'<workbook xmlns="{_SHEETS}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>'
    )
    parts = {
        "[Content_Types].xml": _types(
            {"xl/workbook.xml": f"{_OFFICE}.spreadsheetml.sheet.main+xml"}
        ),
        "_rels/.rels": relations([("r1", "officeDocument", "xl/workbook.xml")]),
        "xl/_rels/workbook.xml.rels": relations(
            (f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)
        ),
        "xl/workbook.xml": XML + book,
    }
    for n, data in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{n}.xml"] = (
            f'{XML}<worksheet xmlns="{_SHEETS}"><sheetData>{data}</sheetData></worksheet>'
        )
    return archive(parts)


def _sheet(rows: Sequence[Sequence[str | float]]) -> str:
    return "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f"<c><v>{value}</v></c>"


_DRAWN = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
_SHOWN = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'


def shape(text: str, role: str = "") -> str:
    """A shape of a slide; ``role``: title, body, sldNum, …"""
    place = f'<p:nvSpPr><p:nvPr><p:ph type="{role}"/></p:nvPr></p:nvSpPr>' if role else ""
    lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f"<p:sp>{place}<p:txBody>{lines}</p:txBody></p:sp>"


def slide_table(rows: Iterable[Sequence[str]]) -> str:
    lines = "".join(
        "<a:tr>"
        + "".join(
            f"<a:tc><a:txBody><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>"
            for cell in row
        )
        + "</a:tr>"
        for row in rows
    )
    return (
        "<p:graphicFrame><a:graphic><a:graphicData>"
        f"<a:tbl>{lines}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def pptx(slides: Sequence[tuple[str, str]], *, prologue: str = "") -> bytes:
    """A presentation: the shapes of each slide and of its notes; the files are numbered against the
    order in which they are shown."""
    count = len(slides)
    files = [f"slide{count - n}" for n in range(count)]
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="r{n}"/>' for n in range(count))
    parts = {
        "[Content_Types].xml": _types({}),
        "ppt/_rels/presentation.xml.rels": relations(
            (f"r{n}", "slide", f"slides/{name}.xml") for n, name in enumerate(files)
        ),
        "ppt/presentation.xml": f'{XML}<p:presentation {_SHOWN} xmlns:r="{_RELATIONS}">'
        f"<p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
    }
    for name, (shapes, notes) in zip(files, slides, strict=True):
        parts[f"ppt/slides/{name}.xml"] = (
            f"{XML}{prologue}<p:sld {_SHOWN} {_DRAWN}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        )
        if notes:
            parts[f"ppt/slides/_rels/{name}.xml.rels"] = relations(
                [("r1", "notesSlide", f"../notesSlides/{name}.xml")]
            )
            parts[f"ppt/notesSlides/{name}.xml"] = (
                f"{XML}<p:notes {_SHOWN} {_DRAWN}><p:cSld><p:spTree>{notes}</p:spTree></p:cSld></p:notes>"
            )
    return archive(parts)
