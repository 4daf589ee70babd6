"""Pictures: PNG in grey (ISO/IEC 15948), a bar chart or words to be recognised."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_GLYPHS = {
    "0": "3e4141413e",
    "1": "00427f4000",
    "2": "4261514946",
    "3": "2141454b31",
    "4": "1814127f10",
    "5": "2745454539",
    "6": "3c4a494930",
    "7": "0171090503",
    "8": "3649494936",
    "9": "064949291e",
    "A": "7e1111117e",
    "B": "7f49494936",
    "C": "3e41414122",
    "D": "7f4141221c",
    "E": "7f49494941",
    "F": "7f09090901",
    "G": "3e4149497a",
    "H": "7f0808087f",
    "I": "00417f4100",
    "J": "2040413f01",
    "K": "7f08142241",
    "L": "7f40404040",
    "M": "7f020c027f",
    "N": "7f0408107f",
    "O": "3e4141413e",
    "P": "7f09090906",
    "Q": "3e4151215e",
    "R": "7f09192946",
    "S": "4649494931",
    "T": "01017f0101",
    "U": "3f4040403f",
    "V": "1f2040201f",
    "W": "3f4038403f",
    "X": "6314081463",
    "Y": "0708700807",
    "Z": "6151494543",
}
"""Letters of five columns, a byte each, the lowest bit on top."""
_SCALE = 6
_SIZE = 8


def png_chart(bars: Sequence[int], *, height: int = 60) -> bytes:
    """Bars of these heights in pixels, at most ``height``."""
    lines = [
        b"".join((b"\x40" if bar >= height - line else b"\xff") * 12 + b"\xff" * 4 for bar in bars)
        for line in range(height)
    ]
    return _png(16 * len(bars), height, b"".join(lines))


def png_words(lines: Sequence[str]) -> bytes:
    """Capital letters and digits, black on white, large enough for text recognition."""
    return _png(*words_in_grey(lines))


def words_in_grey(lines: Sequence[str]) -> tuple[int, int, bytes]:
    """Width, height, and a byte of grey for each point, of a picture of these lines."""
    width = (max(map(len, lines)) * 6 + 4) * _SCALE
    rows = [b"\xff" * width] * (2 * _SCALE)
    for line in lines:
        for bit in range(_SIZE + 2):
            dots = [False, False]
            for letter in line.upper():
                columns = bytes.fromhex(_GLYPHS.get(letter, "0000000000"))
                dots += [bool(column >> bit & 1) for column in columns] + [False]
            drawn = b"".join((b"\x00" if dot else b"\xff") * _SCALE for dot in dots)
            rows += [drawn.ljust(width, b"\xff")] * _SCALE
    return width, len(rows), b"".join(rows)


def _png(width: int, height: int, pixels: bytes) -> bytes:
    lines = (pixels[start : start + width] for start in range(0, len(pixels), width))
    packed = zlib.compress(b"".join(b"\0" + line for line in lines), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            (b"IDAT", packed),
            (b"IEND", b""),
        )
    )
