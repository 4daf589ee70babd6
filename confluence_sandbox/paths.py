"""Where people find content on the site."""

from __future__ import annotations

from urllib.parse import quote_plus

from confluence_sandbox.content import Attached, Contained, Content
from confluence_sandbox.site import Site


def webui(site: Site, content: Content) -> str:
    """The path for people, below the site's ``/wiki``."""
    space = site.spaces[content.space_id]
    if isinstance(content, Attached):
        query = f"pageId={content.container_id}&preview={content.id}"
        return f"/pages/viewpageattachments.action?{query}"
    if isinstance(content, Contained):
        holder = site.content.get(content.container_id)
        where = webui(site, holder) if holder is not None else f"/spaces/{space.key}"
        return f"{where}?focusedCommentId={content.id}"
    start = f"/spaces/{space.key}"
    if content.id == space.homepage:
        return f"{start}/overview"
    if content.type == "blogpost":
        return (
            f"{start}/blog/{content.created_at:%Y/%m/%d}/{content.id}/{quote_plus(content.title)}"
        )
    if content.type == "page":
        return f"{start}/pages/{content.id}/{quote_plus(content.title)}"
    return f"{start}/{content.type}/{content.id}"
