"""Where a document stands in the tree: titles made into names that every file system, S3 and
Windows take.

Paths are relative, with ``/`` between their segments. What a name is depends on the site alone:
neither on the order in which pages come nor on what was there before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import count

PAGE_FILE = "page_content.md"
ATTACHMENTS_FOLDER = "attachments"
MOST_BYTES = 100
"""Of one segment, in UTF-8."""
MOST_FOLDER_BYTES = 700
"""Of a page's folder: with a file's name and a prefix it stays within the 1,024 bytes of a key of
S3."""

_RESERVED = re.compile(r'[<>:"/\\|?*]')
"""By Windows; the slashes by everybody."""
_BIDI_CONTROLS = frozenset(
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""They make a name look like another one."""
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])", re.I)
"""Names that Windows keeps for itself, whatever follows their first dot."""


def safe_name(title: str) -> str:
    """A title as one segment: NFC, at most ``MOST_BYTES``, never empty or dots, without what a
    file system, S3 or Windows refuses."""
    text = unicodedata.normalize("NFC", title)
    text = "".join("_" if _is_unsafe(char) else char for char in text)
    text = _trimmed(_cut(_trimmed(text), MOST_BYTES)) or "_"
    stem, dot, rest = text.partition(".")
    if _DEVICES.fullmatch(stem.rstrip()):
        text = _trimmed(_cut(f"{stem.rstrip()}_{dot}{rest}", MOST_BYTES))
    return text


def name_siblings(titles: Mapping[str, str]) -> dict[str, str]:
    """Names by id of all that stands in one folder, no two alike whatever their case. Where two
    would meet, the older one (by its id) keeps the name, and the other has its id appended."""
    taken = {PAGE_FILE, ATTACHMENTS_FOLDER}
    names: dict[str, str] = {}
    for document_id in sorted(titles, key=lambda each: (len(each), each)):
        plain = name = safe_name(titles[document_id])
        for number in count():
            if fold_path(name) not in taken:
                break
            name = name_with_id(plain, document_id, number)
        taken.add(fold_path(name))
        names[document_id] = name
    return names


def name_files(filenames: Mapping[str, str]) -> dict[str, str]:
    """Names by id of the files of one page, as those of pages are; what says their kind stays at
    their end."""
    kinds = {each: _kind(filename) for each, filename in filenames.items()}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for file_id in sorted(filenames, key=lambda each: (len(each), each)):
        kind = kinds[file_id]
        stem = safe_name(filenames[file_id].removesuffix(kind))
        plain = name = safe_name(_cut(stem, MOST_BYTES - len(kind.encode())) + kind)
        for number in count():
            if fold_path(name) not in taken:
                break
            name = name_with_id(plain.removesuffix(kind), file_id, number, kind)
        taken.add(fold_path(name))
        names[file_id] = name
    return names


def _kind(filename: str) -> str:
    """``.pdf`` of ``report.pdf``; empty where nothing short and plain follows the last dot."""
    found = re.search(r"[^.](\.[A-Za-z0-9]{1,8})$", filename)
    return found[1] if found else ""


def name_with_id(name: str, document_id: str, number: int = 0, kind: str = "") -> str:
    """A safe name with the id appended: ``Page (123)``; with a ``number``, for where that is taken
    too: ``Page (123-1)``; with the ``kind`` of a file: ``report (att5).pdf``."""
    suffix = (f" ({document_id}-{number})" if number else f" ({document_id})") + kind
    return _trimmed(_cut(name, MOST_BYTES - len(suffix.encode()))) + suffix


def fold_path(path: str) -> str:
    """Equal for paths that are one where case does not count."""
    return unicodedata.normalize("NFC", path.casefold())


def folder_below(parent: str, name: str, document_id: str) -> str:
    """The folder of a page with this name below a folder. Where that would be too deep, it lies
    right below its space, with its id appended."""
    folder = f"{parent}/{name}"
    if len(folder.encode()) <= MOST_FOLDER_BYTES:
        return folder
    return f"{parent.partition('/')[0]}/{name_with_id(name, document_id)}"


def page_path(folder: str) -> str:
    """The page's text in its folder."""
    return f"{folder}/{PAGE_FILE}"


def path_of_file(path: str, name: str) -> str:
    """An attached file of the page with this path."""
    folder = path.removesuffix(f"/{PAGE_FILE}")
    return f"{folder}/{ATTACHMENTS_FOLDER}/{name}"


def path_beside(path: str, document_id: str) -> str:
    """The path of a page's text where something that is not ours stands in its place: the name of
    its folder has the id appended."""
    above, _, name = path.removesuffix(f"/{PAGE_FILE}").rpartition("/")
    return page_path(f"{above}/{name_with_id(name, document_id)}")


def _is_unsafe(char: str) -> bool:
    code = ord(char)
    if _RESERVED.match(char) or char in _BIDI_CONTROLS:
        return True
    if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp"):
        return True
    # Of Unicode's noncharacters XML, in which S3 lists keys, takes none.
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _cut(text: str, most: int) -> str:
    """Its beginning, of so many bytes, no letter cut in two."""
    return text.encode()[:most].decode(errors="ignore")


def _trimmed(text: str) -> str:
    """Without blanks at its ends, nor dots at its end: Windows drops them."""
    return re.sub(r"^\s+|[\s.]+$", "", text)
