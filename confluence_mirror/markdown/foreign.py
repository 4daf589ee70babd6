"""Macros by which a page shows the text or the titles of others: rendered by Confluence, they show
what whoever asks for the page may read, which its readers may not."""

from __future__ import annotations

import re

_FOREIGN = frozenset(
    {
        "include",
        "excerpt-include",
        "excerptinclude",
        "multiexcerpt-include",
        "multiexcerpt-include-macro",
        "table-excerpt-include",
        "include-page-tree",
        "children",
        "pagetree",
        "index",
        "navmap",
        "search",
        "favpages",
        "bookmarks",
        "global-reports",
        "network",
        "spaces",
        "recently-updated",
        "recently-updated-dashboard",
        "blog-posts",
        "contentbylabel",
        "content-report-table",
        "detailssummary",
        "decisionreport",
        "tasks-report-macro",
        "task-report",
        "gallery",
        "attachments",
        "space-attachments",
    }
)
_MACRO = re.compile(r"""<ac:(?:structured-)?macro\b.*?\bac:name\s*=\s*["']([^"']*)""", re.DOTALL)


def shows_other_pages(storage: str) -> bool:
    """Whether a storage body has a macro that Confluence fills from other pages."""
    return any(name.strip().lower() in _FOREIGN for name in _MACRO.findall(storage))
