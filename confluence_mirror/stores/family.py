"""What kind of server an address is, remembered from run to run."""

from __future__ import annotations

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.stores.base import Memory
from confluence_mirror.stores.discover import Discovered

_FAMILIES = {
    "llama-stack": "a Llama Stack with files",
    "ogx": "an OGX with files",
    "dash": "a Vector API of the dash variant",
    "underscore": "a Vector API of the underscore variant",
}


def family_of(place: str) -> str:
    """Under which name the manifest keeps it. ``place`` is the server's (``Store``)."""
    return f"family {place}"


def remember_family(
    memory: Memory, place: str, found: Discovered, where: str, *, chosen: bool, tries: bool
) -> None:
    """A server that was a Llama Stack, or of the other variant, and now seems to be something that
    lacks what it had.

    A proxy or a server in its first minute may answer so. Raises ``StoreUnavailable`` unless
    ``chosen`` by a setting.
    """
    name = family_of(place)
    before = memory.read_known(name)
    if before not in (None, found.family) and not chosen:
        raise StoreUnavailable(
            f"{where} was {_FAMILIES.get(before or '', before)} in earlier runs, and answers like"
            f" {found.describe()} now; nothing was written.",
            hint=f"Run again. If it is another server now, set VECTOR_API_VARIANT={found.family}.",
        )
    if tries:
        memory.record_known(name, found.family)
