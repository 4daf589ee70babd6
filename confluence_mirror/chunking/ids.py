"""The identity of a chunk."""

from __future__ import annotations

import hashlib
import uuid

_DOMAIN = b"confluence-sync chunk 1"


def chunk_id(site_id: str, page_id: str, text: str, occurrence: int = 0) -> str:
    """The id of a chunk: a contract that never changes (``docs/chunks.md`` has test vectors).

    SHA-256 over the UTF-8 bytes of the domain ``confluence-sync chunk 1``, the site's id, the
    page's id, the occurrence in decimal digits, and the text, each but the last followed by one NUL
    byte; its first 16 bytes as a UUID of version 8 (RFC 9562, section 5.8), in lower case with
    hyphens.

    ``occurrence`` is 0: chunks of one page differ in their text. Position, version, title and
    metadata are not part of the id, so an edit elsewhere on the page leaves it as it is.
    """
    fields = (site_id.encode(), page_id.encode(), str(occurrence).encode(), text.encode())
    digest = hashlib.sha256(b"\0".join((_DOMAIN, *fields))).digest()
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=number))
