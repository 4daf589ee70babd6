"""A document as a file: metadata as YAML front matter, then the text.

Values are written as JSON, which YAML reads as it is; so the file is read back without a parser of
YAML (https://yaml.org/spec/1.2.2/#13-terminology: every JSON text is YAML).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from confluence_mirror.model import Metadata, MetaValue

_FENCE = "---"
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
"""What JSON takes and YAML does not, or takes for a line break."""


def write_document(metadata: Metadata, text: str) -> str:
    """The whole file; ``page_id`` stands first. Ends with a line break."""
    values = {"page_id": metadata["page_id"], **metadata}
    lines = [f"{key}: {_quoted(value)}" for key, value in values.items()]
    head = "\n".join([_FENCE, *lines, _FENCE])
    return f"{head}\n\n{text}".rstrip("\n") + "\n"


def read_metadata(content: bytes) -> Mapping[str, MetaValue]:
    """The metadata of a file that ``write_document`` made; empty for any other file."""
    head, fence, _ = content.partition(f"\n{_FENCE}\n".encode())
    lines = head.decode(errors="replace").split("\n")
    if not fence or lines[0] != _FENCE:
        return {}
    found: dict[str, MetaValue] = {}
    for line in lines[1:]:
        key, _, value = line.partition(": ")
        try:
            read = json.loads(value)
        except ValueError:
            return {}
        if not isinstance(read, str | int):
            return {}
        found[key] = read
    return found


def _quoted(value: MetaValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
