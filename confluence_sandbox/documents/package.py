"""The zip file with parts and relations that Office files are (ECMA-376, part 2)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument."
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def packed(main: str, parts: Mapping[str, str], kinds: Mapping[str, str]) -> bytes:
    """A package: parts by name (XML without its first line), ``main`` the one to begin with.

    ``kinds`` says what a part is: ``{"word/document.xml":
    "wordprocessingml.document.main+xml"}``.
    """
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{_TYPES}{kind}"/>'
        for name, kind in kinds.items()
    )
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )
    every = {
        "[Content_Types].xml": types,
        "_rels/.rels": relations([("officeDocument", main)]),
        **parts,
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        for name, content in every.items():
            package.writestr(zipfile.ZipInfo(name, _FIRST_DAY), XML + content)
    return target.getvalue()


def relations(targets: Sequence[tuple[str, str]]) -> str:
    """A part of relations: (kind, target), numbered ``rId1``, ``rId2`` and so on."""
    rows = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    name = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{name}">{rows}</Relationships>'
