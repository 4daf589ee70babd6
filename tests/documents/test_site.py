"""The pages that the site is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import site

ROOT = site.ROOT


@pytest.mark.parametrize(
    ("source", "text", "shown"),
    [
        ("README.md", "[a](docs/deploy.md#8-x)", "[a](deploy.md#8-x)"),
        ("README.md", "![a](docs/run.svg)", "![a](run.svg)"),
        ("README.md", "[a](https://example.com/x.md)", "[a](https://example.com/x.md)"),
        ("docs/deploy.md", "[a](../README.md#the-token)", "[a](index.md#the-token)"),
        ("docs/deploy.md", "[a](#the-volume)", "[a](#the-volume)"),
        ("docs/contributing/traps.md", "[a](../chunks.md)", "[a](../chunks.md)"),
        ("docs/contributing/traps.md", "[`a`](../../confluence_mirror/model.py)", "`a`"),
        ("docs/chunks.md", "`[a](../README.md)`", "`[a](../README.md)`"),
        ("docs/chunks.md", "```\n[a](../README.md)\n```", "```\n[a](../README.md)\n```"),
    ],
)
def test_a_link_leads_from_the_page_to_where_it_led_from_the_file(
    source: str, text: str, shown: str
) -> None:
    page = site.page_of(ROOT / source)
    assert page is not None
    assert site.with_links(text, ROOT / source, page) == shown


def test_every_page_that_the_navigation_names_is_made_of_a_file() -> None:
    files = [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in site.TOP)]
    pages = {str(site.page_of(path)) for path in files}
    named = [page for section in site.NAVIGATION.values() for page in section]
    assert len(named) == len(set(named))
    assert set(named) - pages == set()


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ('<script src="https://cdn.example/x.js">', True),
        ('<link rel="stylesheet" href="//fonts.example/css">', True),
        ("@import url('https://fonts.example/css')", True),
        ('<img src="run.svg">', False),
        ('<a href="https://example.com">', False),
        ('<link rel="canonical" href="https://example.com">', False),
    ],
)
def test_what_a_page_would_ask_of_another_host_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, asks: bool
) -> None:
    monkeypatch.setattr(site, "SITE", tmp_path)
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    assert bool(site.fetched_elsewhere()) is asks
