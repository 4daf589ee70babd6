"""PDF 1.4 with one of the standard fonts, unpacked, so that the bytes are the same everywhere.

Format and encryption (standard security handler, revision 2): ISO 32000-1:2008, 7.5 and 7.6.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Callable, Iterator, Sequence

from confluence_sandbox.documents.blocks import Block

_WIDTH, _HEIGHT, _MARGIN = 595, 842, 56
_LINE, _ROW = 14, 18
_LETTERS_A_LINE = 92
_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_FILE_ID = bytes(16)
_ALLOWED = -4
"""``P``: everything is allowed to whoever has the password."""

Cipher = Callable[[int, bytes], bytes]
"""Encrypts the stream of the object with this number."""


def pdf_document(pages: Sequence[Sequence[Block]], *, password: str = "") -> bytes:
    """A PDF with these pages; with a password, one that opens for nobody else."""
    entry, cipher = _encryption(password) if password else (b"", _unchanged)
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    )
    kids = []
    for blocks in pages:
        content = cipher(len(objects) + 2, "\n".join(_drawn(blocks)).encode("cp1252", "replace"))
        kids.append(len(objects) + 1)
        objects.append(_page(len(objects) + 2, b"/Font << /F1 3 0 R >>"))
        objects.append(_stream(b"", content))
    objects[1] = _page_tree(kids)
    return _assembled(objects, entry)


def scanned_pdf(width: int, height: int, pixels: bytes) -> bytes:
    """A page that is a picture and holds no text: ``pixels`` is a byte of grey for each point."""
    drawn = f"q {_WIDTH} 0 0 {_WIDTH * height // width} 0 0 cm /Im1 Do Q".encode()
    head = (
        f"/Type /XObject /Subtype /Image /Width {width} /Height {height}"
        " /ColorSpace /DeviceGray /BitsPerComponent 8 "
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        _page_tree([3]),
        _page(4, b"/XObject << /Im1 5 0 R >>"),
        _stream(b"", drawn),
        _stream(head.encode(), pixels),
    ]
    return _assembled(objects, b"")


def _page_tree(kids: Sequence[int]) -> bytes:
    named = " ".join(f"{number} 0 R" for number in kids)
    return f"<< /Type /Pages /Kids [{named}] /Count {len(kids)} >>".encode()


def _page(content: int, resources: bytes) -> bytes:
    box = f"/MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Contents {content} 0 R".encode()
    return b"<< /Type /Page /Parent 2 0 R %b /Resources << %b >> >>" % (box, resources)


def _stream(head: bytes, data: bytes) -> bytes:
    return b"<< %b/Length %d >>\nstream\n%b\nendstream" % (head, len(data), data)


def _assembled(objects: Sequence[bytes], encryption: bytes) -> bytes:
    """The file: header, objects, the table of where they begin, and the trailer."""
    made, starts = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        starts.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % start for start in starts)
    made += b"trailer\n<< /Size %d /Root 1 0 R " % (len(objects) + 1)
    made += b"/ID [<%b> <%b>] %b>>\n" % (*[_FILE_ID.hex().encode()] * 2, encryption)
    made += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(made)


def _drawn(blocks: Sequence[Block]) -> Iterator[str]:
    """Drawing commands, from the top of the page down."""
    at = _HEIGHT - _MARGIN
    for block in blocks:
        if block.heading:
            yield _words(block.heading, _MARGIN, at, 16)
            at -= 2 * _LINE
        lines = textwrap.wrap(block.text, _LETTERS_A_LINE)
        for item in block.items:
            lines += textwrap.wrap(f"\u2022 {item}", _LETTERS_A_LINE)
        for line in lines:
            yield _words(line, _MARGIN, at, 10)
            at -= _LINE
        for row in block.table:
            step = (_WIDTH - 2 * _MARGIN) // len(row)
            for column, cell in enumerate(row):
                left = _MARGIN + column * step
                yield f"{left} {at - 5} {step} {_ROW} re S"
                yield _words(cell, left + 4, at, 9)
            at -= _ROW
        at -= _LINE


def _words(text: str, left: int, at: int, size: int) -> str:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf {left} {at} Td ({escaped}) Tj ET"


def _unchanged(_number: int, data: bytes) -> bytes:
    return data


def _encryption(password: str) -> tuple[bytes, Cipher]:
    """The trailer's entry, and what encrypts a stream."""
    padded = (password.encode("latin-1") + _PADDING)[:32]
    owner = _rc4(_md5(padded)[:5], padded)
    allowed = _ALLOWED.to_bytes(4, "little", signed=True)
    key = _md5(padded + owner + allowed + _FILE_ID)[:5]
    entry = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%b> /U <%b> /P %d >> " % (
        owner.hex().encode(),
        _rc4(key, _PADDING).hex().encode(),
        _ALLOWED,
    )

    def encrypt(number: int, data: bytes) -> bytes:
        return _rc4(_md5(key + number.to_bytes(3, "little") + bytes(2))[:10], data)

    return entry, encrypt


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _rc4(key: bytes, data: bytes) -> bytes:
    box, swap = list(range(256)), 0
    for at in range(256):
        swap = (swap + box[at] + key[at % len(key)]) % 256
        box[at], box[swap] = box[swap], box[at]
    made, at, swap = bytearray(), 0, 0
    for byte in data:
        at = (at + 1) % 256
        swap = (swap + box[at]) % 256
        box[at], box[swap] = box[swap], box[at]
        made.append(byte ^ box[(box[at] + box[swap]) % 256])
    return bytes(made)
