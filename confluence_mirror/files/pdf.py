"""PDF, by pdfium."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium_c  # type: ignore[import-untyped]

from confluence_mirror.model import Section

from . import ocr
from .layout import Piece, write_page
from .plain import paragraphs
from .sections import ENCRYPTED, NoText, Unreadable

MOST_CHARACTERS = 1_000_000
"""Of one page that are read."""
_GAP = 0.8
"""Of a line's height: two glyphs farther apart belong to different cells or columns."""
_OVERLAP = 0.5
_PIXELS = 6_000_000
"""Of a page that is read as a picture: a sheet of A4 at 250 dots per inch."""
_DOTS = 250 / 72


def read_pdf(path: Path, languages: str) -> Iterator[Section]:
    """A section per page; a page without text is read as a picture, where that can be done."""
    # Opened here: pdfium would look for the file by its name, and it may have none.
    with path.open("rb") as file, closing(_open_document(file)) as document:
        yield from _read_pages(document, languages)


def _open_document(file: BinaryIO) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(file)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) == pdfium_c.FPDF_ERR_PASSWORD:
            raise Unreadable(ENCRYPTED) from None
        raise Unreadable("it is damaged: no PDF") from None


def _read_pages(document: pdfium.PdfDocument, languages: str) -> Iterator[Section]:
    pictures = found = 0
    for number in range(len(document)):
        try:
            page = document[number]
        except pdfium.PdfiumError:
            continue  # damaged: the other pages are read
        text = write_page(list(_pieces(page)))
        if not text and _has_picture(page):
            pictures += 1
            text = _picture_text(page, languages) if ocr.has_ocr() else ""
        page.close()
        if text:
            found += 1
            yield Section(text, page_number=number + 1)
    if pictures and not found:
        raise NoText("its pages are pictures, in which no text was read")


def _pieces(page: pdfium.PdfPage) -> Iterator[Piece]:
    """Glyphs that follow each other on one line, without a wide gap."""
    text_page = page.get_textpage()
    raw = text_page.raw
    box = pdfium_c.FS_RECTF()
    codes: list[int] = []
    left = bottom = right = top = 0.0
    for index in range(min(text_page.count_chars(), MOST_CHARACTERS)):
        code = pdfium_c.FPDFText_GetUnicode(raw, index)
        if code in (0, 10, 13) or not pdfium_c.FPDFText_GetLooseCharBox(
            raw, index, ctypes.byref(box)
        ):
            continue
        if pdfium_c.FPDFText_IsGenerated(raw, index) == 1 or code == 32:
            if codes:
                codes.append(32)
            continue
        height = max(box.top - box.bottom, 0.1)
        shared = min(top, box.top) - max(bottom, box.bottom)
        if codes and (
            shared < _OVERLAP * min(height, top - bottom)
            or box.left - right > _GAP * height
            or box.left < left
        ):
            yield Piece(_decoded(codes), left, bottom, right, top)
            codes = []
        if not codes:
            left, bottom, right, top = (
                box.left,
                box.bottom,
                box.right,
                max(box.top, box.bottom + 0.1),
            )
        codes.append(code)
        right = max(right, box.right)
    if codes:
        yield Piece(_decoded(codes), left, bottom, right, top)
    text_page.close()


def _decoded(codes: list[int]) -> str:
    """pdfium gives UTF-16 units or whole code points, by version."""
    text = "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _has_picture(page: pdfium.PdfPage) -> bool:
    return any(True for _ in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def _picture_text(page: pdfium.PdfPage, languages: str) -> str:
    """What tesseract reads in the page as it looks."""
    width, height = page.get_size()
    scale = min(_DOTS, math.sqrt(_PIXELS / max(width * height, 1)))
    bitmap = page.render(scale=scale, grayscale=True)
    rows = bytes(bitmap.buffer)
    lines = (
        rows[row * bitmap.stride : row * bitmap.stride + bitmap.width]
        for row in range(bitmap.height)
    )
    picture = b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + b"".join(lines)
    bitmap.close()
    return paragraphs(ocr.image_text(picture, languages))
