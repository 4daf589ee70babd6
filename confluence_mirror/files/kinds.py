"""Which reader a file is for, by its name, else by its media type."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

_SUFFIXES: Final = {
    "pdf": "pdf",
    "docx": "docx",
    "docm": "docx",
    "xlsx": "sheets",
    "xlsm": "sheets",
    "xlsb": "sheets",
    "xls": "sheets",
    "ods": "sheets",
    "pptx": "slides",
    "pptm": "slides",
    "txt": "text",
    "log": "text",
    "md": "markdown",
    "markdown": "markdown",
    "csv": "csv",
    "tsv": "csv",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "json": "json",
    "yaml": "yaml",
    "yml": "yaml",
    "png": "image",
    "jpg": "image",
    "jpeg": "image",
    "tif": "image",
    "tiff": "image",
    "bmp": "image",
    "gif": "image",
    "webp": "image",
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_MEDIA_TYPES: Final = {
    "application/pdf": "pdf",
    f"{_OFFICE}wordprocessingml.document": "docx",
    f"{_OFFICE}spreadsheetml.sheet": "sheets",
    f"{_OFFICE}presentationml.presentation": "slides",
    "application/vnd.ms-excel": "sheets",
    "application/vnd.oasis.opendocument.spreadsheet": "sheets",
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "text/html": "html",
    "application/json": "json",
    "application/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/yaml": "yaml",
    "image/png": "image",
    "image/jpeg": "image",
    "image/tiff": "image",
    "image/bmp": "image",
    "image/gif": "image",
    "image/webp": "image",
}

KINDS: Final = frozenset(_SUFFIXES.values())
"""The readers that there are."""


def kind_of(filename: str, media_type: str) -> str | None:
    """The reader for a file; None where none reads it.

    The name comes first: the media type is what the browser of whoever uploaded the file made of
    it, and often ``application/octet-stream``.
    """
    suffix = PurePosixPath(filename).suffix.removeprefix(".").lower()
    return _SUFFIXES.get(suffix) or _MEDIA_TYPES.get(media_type.partition(";")[0].strip().lower())
