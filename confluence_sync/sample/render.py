"""Storage format to the HTML of ``view`` and ``export_view``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluence_sync.sample.content import Content

if TYPE_CHECKING:
    from confluence_sync.sample.site import Site


def export_view(storage: str, site: Site, content: Content) -> str:
    """What Confluence would render for this reader."""
    return storage
