from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from confluence_sandbox import SampleGateway, Site
from confluence_sandbox.content import Comment
from tests.mirror.harness import Bench
from tests.servers.memory_store import MemoryStore

WORDS = (
    *("operator", "restarts", "ingress", "certificate", "expired", "channel", "team"),
    *("backup", "volume", "quota", "queue", "broker", "tenant", "region"),
)


def text(seed: int, words: int = 60) -> str:
    """Prose that differs from seed to seed."""
    return " ".join(
        f"{WORDS[(seed * 7 + i) % len(WORDS)]}{seed if i % 9 == 0 else ''}" for i in range(words)
    )


def body(seed: int, sections: int = 3) -> str:
    return "".join(
        f"<h2>Part {i} of {seed}</h2><p>{text(seed * 10 + i)}.</p>" for i in range(sections)
    )


def small_site(pages: int = 12) -> Site:
    """One space: a home page, a folder, pages below both, a blog post, some labels."""
    site = Site()
    site.add_space("OPS", "Operations")
    home = site.add("OPS", "Home", body(0))
    folder = site.add("OPS", "Runbooks", type="folder", parent=home.id)
    for number in range(1, pages - 1):
        parent = (home.id, folder.id)[number % 2]
        site.add(
            "OPS",
            f"Page {number}",
            body(number),
            parent=parent,
            labels=["runbook"] if number % 3 == 0 else [],
        )
    site.add("OPS", "News", body(99), type="blogpost")
    return site


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """A bench over a site (a small one by default)."""
    with ExitStack() as stack:

        def build(
            site: Site | None = None, store: MemoryStore | None = None, **options: Any
        ) -> Bench:
            gateway = stack.enter_context(SampleGateway(site or small_site()))
            return Bench(gateway, tmp_path / "state", store or MemoryStore(), **options)

        yield build


def page_id(site: Site, title: str = "Page 1") -> str:
    return next(each.id for each in site.current() if each.title == title)


@pytest.fixture
def talk() -> tuple[Site, Comment, Comment, Comment]:
    """A site with a thread below a page, its reply, and a thread on marked text."""
    site = small_site()
    page = page_id(site)
    ann = site.add_person("Ann Example").account_id
    below = site.add_comment(page, "<p>Works with 4.2, too.</p>", author=ann)
    reply = site.add_reply(below, "<p>Not behind the proxy &amp; never was.</p>")
    site.edit(page, f"{site.get(page).body}<p>Wait ten minutes.</p>")
    inline = site.add_comment(page, "<p>Why ten?</p>", marked="ten minutes")
    return site, below, reply, inline
