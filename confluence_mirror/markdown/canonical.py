"""A body without what Confluence rewrites on each save, so that a hash of it changes only with what
a reader sees."""

from __future__ import annotations

import re
from hashlib import sha256

from .source import mend_references, sections

_NOISE = frozenset(
    [
        "ac:macro-id",
        "ac:local-id",
        "local-id",
        "data-local-id",
        "ri:local-id",
        "ri:version-at-save",
        "ac:schema-version",
    ]
)
_TAG = re.compile(r"""<([A-Za-z][\w:.-]*)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>""")
_ATTRIBUTE = re.compile(r"""(?<![\w:.-])([\w:.-]++)\s*+=\s*+(?:"([^"]*)"|'([^']*)')""")
_END = re.compile(r"</([A-Za-z][\w:.-]*)\s+>")


def canonical(body: str) -> str:
    """The body without noise: ids and versions of each save, the order and quotes of attributes,
    the spelling of entities and of empty elements. Text and CDATA stay as they are."""
    pieces = []
    for inside, text in sections(body.replace("\r\n", "\n"), keep=True):
        pieces.append(text if inside else _END.sub(r"</\1>", _TAG.sub(_tag, mend_references(text))))
    return "".join(pieces)


def canonical_hash(body: str) -> str:
    """SHA-256 of the canonical form, 64 hex digits."""
    return sha256(canonical(body).encode("utf-8", "replace")).hexdigest()


def _tag(found: re.Match[str]) -> str:
    name, attributes = found.groups()
    kept = []
    if attributes:
        for key, double, single in _ATTRIBUTE.findall(attributes):
            if key not in _NOISE:
                value = double or single
                kept.append(f' {key}="{value.replace(chr(34), "&quot;")}"')
    return f"<{name}{''.join(sorted(kept))}{'/' if attributes.endswith('/') else ''}>"
