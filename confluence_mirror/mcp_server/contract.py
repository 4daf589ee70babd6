"""What the tools and resources answer, as the connectors of ChatGPT and Claude expect it.

"Building MCP servers for ChatGPT Apps and API integrations" (developers.openai.com/docs/mcp):
``search`` gives ``{results: [{id, title, url}]}``, each id once, ``fetch`` gives ``{id, title,
text, url, metadata}``, both as one item of JSON text. Only what has a ``url`` can be cited.
"""

from __future__ import annotations

from typing import Any

from confluence_mirror.runs.session import PageText
from confluence_mirror.search import Answer

LIMIT = 10
"""Results of one search."""
MAX_TOKENS = 6000
"""Of their texts together: a reader has other things to keep in mind."""
_BETWEEN = "\n\n…\n\n"
"""Between two passages of one page."""


def search_content(answer: Answer) -> dict[str, Any]:
    """A result per page, best first, with its passages."""
    pages: dict[str, dict[str, str]] = {}
    for found in answer.results:
        if (page := pages.get(found.page_id)) is None:
            pages[found.page_id] = {
                "id": found.page_id,
                "title": found.title,
                "url": found.url,
                "text": found.text,
            }
        else:
            page["text"] += _BETWEEN + found.text
    return {"results": list(pages.values())}


def fetch_content(page: PageText) -> dict[str, Any]:
    """The whole page."""
    return {
        "id": page.page_id,
        "title": page.title,
        "text": page.text,
        "url": page.url,
        "metadata": {
            "space_key": page.space_key,
            "page_type": page.page_type,
            "labels": ",".join(page.labels),
            "modified_at": page.modified_at,
        },
    }
