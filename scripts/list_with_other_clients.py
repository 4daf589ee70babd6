"""Lists the bundled sample site with clients that were written by others, and compares with what
the site holds.

Run in an environment of its own, so that their dependencies stay away from ours:

    python -m venv clients
    clients/bin/pip install . $(python scripts/list_with_other_clients.py --pins)
    clients/bin/python scripts/list_with_other_clients.py

Old clients ask for the removed v1 routes, so the gateway serves those (``legacy``). Ends with 1 if
any of them sees other pages than there are.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

PINS = (
    "atlassian-python-api==4.0.7",
    "langchain-community==0.4.2",
    "langchain-core==1.7.2",
    "beautifulsoup4==4.15.0",
    "lxml==6.1.3",
)
SPACE = "PLAT"
PAGE_SIZE = 20
"""Small enough that every listing takes several requests."""


def by_atlassian_python_api(url: str, user: str, token: str) -> list[str]:
    """Pages and blog posts, by offset."""
    from atlassian import Confluence

    client = Confluence(url=url, username=user, password=token, cloud=False)
    return [
        page["id"]
        for kind in ("page", "blogpost")
        for page in client.get_all_pages_from_space_as_generator(
            SPACE, limit=PAGE_SIZE, content_type=kind
        )
    ]


def by_langchain(url: str, user: str, token: str, **how: str) -> list[str]:
    """Documents of ``ConfluenceLoader``; an empty one counts as not seen."""
    from langchain_community.document_loaders import ConfluenceLoader

    loader = ConfluenceLoader(
        url=url,
        username=user,
        api_key=token,
        cloud=False,
        limit=PAGE_SIZE,
        max_pages=10_000,
        include_restricted_content=True,
        include_labels=True,
        **how,
    )
    return [document.metadata["id"] for document in loader.load() if document.page_content.strip()]


def main() -> int:
    """Compare, and say what was found."""
    if "--pins" in sys.argv:
        print(*PINS)
        return 0
    from confluence_sandbox import SampleGateway, demo_site

    warnings.simplefilter("ignore")
    site = demo_site()
    everything = {content.id for content in site.current(SPACE)}
    pages = {content.id for content in site.current(SPACE) if content.type == "page"}
    with SampleGateway(site, legacy=True, next_keeps_expand=True) as gateway:
        given = (
            f"{gateway.url}/ex/confluence/{gateway.cloud_id}/wiki",
            gateway.user,
            gateway.token,
        )
        runs: list[tuple[str, set[str], Callable[[], list[str]]]] = [
            ("atlassian-python-api", everything, lambda: by_atlassian_python_api(*given)),
            ("LangChain by space", pages, lambda: by_langchain(*given, space_key=SPACE)),
            (
                "LangChain by CQL",
                everything,
                lambda: by_langchain(*given, cql=f"space={SPACE} and type in (page,blogpost)"),
            ),
        ]
        right = True
        for name, wanted, listed in runs:
            found = listed()
            same = sorted(found) == sorted(wanted)
            right = right and same
            print(
                f"{name}: {len(found)} of {len(wanted)}",
                "" if same else f"differ: {sorted(wanted ^ set(found))}",
            )
    return 0 if right and not gateway.bugs else 1


if __name__ == "__main__":
    sys.exit(main())
