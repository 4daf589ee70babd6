"""Build a site of the documents in ``build/docs``: ``make docs``.

The README and the other texts of the top folder become pages beside those of ``docs/``, and links
to source files become plain text, for a site has none. mkdocs is strict: a link or an anchor that
leads nowhere fails. What a page would fetch from another host fails, too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "docs"
TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing/contributing.md",
    "SECURITY.md": "promises.md",
    "CHANGELOG.md": "changes.md",
}
"""Texts of the top folder, and the pages that they become."""

NAVIGATION = {
    "Start": ["index.md"],
    "Use": [
        "deploy.md",
        "troubleshooting.md",
        "security.md",
        "promises.md",
        "upgrading.md",
        "changes.md",
        "container.md",
    ],
    "Stores and answers": ["stores.md", "llama-stack.md", "read.md", "search.md"],
    "The service": ["service.md", "webhooks.md"],
    "What is mirrored": [
        "scope.md",
        "attachments.md",
        "comments.md",
        "document-store.md",
        "permissions.md",
    ],
    "Formats": ["markdown.md", "chunks.md", "metadata.md", "report.md"],
    "Costs": ["performance.md", "scale.md"],
}
"""Every other page stands under *More*, those for contributors under *Contributing*."""

_LINK = re.compile(
    r"^```.*?^```$"  # a block of code, in which nothing is a link
    r"|(!?)\[((?:`[^`\n]*`|[^\]`\n])*)\]\(([^)#\s]*)(#[^)\s]*)?\)"
    r"|`[^`\n]+`",
    re.MULTILINE | re.DOTALL,
)
_FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^\"'> ]+"
    r"|<link\b(?![^>]*rel=[\"']?canonical)[^>]*\bhref=[\"']?(?:https?:)?//[^\"'> ]+"
    r"|@import\s+(?:url\()?[\"']?(?:https?:)?//[^\"')]+"
)


def page_of(path: Path) -> Path | None:
    """Where a file of the repository stands among the pages; None where it is no page."""
    relative = path.relative_to(ROOT)
    if str(relative) in TOP:
        return Path(TOP[str(relative)])
    return relative.relative_to("docs") if relative.parts[:1] == ("docs",) else None


def with_links(text: str, source: Path, page: Path) -> str:
    """The text with its links as they lead from the page."""

    def replace(found: re.Match[str]) -> str:
        mark, words, target, anchor = found[1], found[2], found[3], found[4] or ""
        if not target or re.match(r"[a-z]+:", target):  # code, this page, or another site
            return found[0]
        other = page_of((source.parent / target).resolve())
        if other is None:
            return words
        up = "../" * len(page.parent.parts)
        return f"{mark}[{words}]({up}{other}{anchor})"

    return _LINK.sub(replace, text)


def gather_pages() -> None:
    """Everything that mkdocs reads, anew."""
    shutil.rmtree(PAGES, ignore_errors=True)
    sources = [*(ROOT / "docs").rglob("*.*"), *(ROOT / name for name in TOP)]
    for source in sources:
        page = page_of(source)
        assert page is not None
        (PAGES / page).parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text = with_links(source.read_text(encoding="utf-8"), source, page)
            (PAGES / page).write_text(text, encoding="utf-8")
        else:
            shutil.copy(source, PAGES / page)


def navigation() -> list[dict[str, list[str]]]:
    """Every page, once."""
    pages = {str(path.relative_to(PAGES)) for path in PAGES.rglob("*.md")}
    named = {page for section in NAVIGATION.values() for page in section}
    contributing = sorted(page for page in pages if page.startswith("contributing/"))
    more = sorted(pages - named - {*contributing})
    sections = {**NAVIGATION, "More": more, "Contributing": contributing}
    return [{name: section} for name, section in sections.items() if section]


def fetched_elsewhere() -> list[str]:
    """What pages and styles of the site would ask of other hosts."""
    files = [*SITE.rglob("*.html"), *SITE.rglob("*.css")]
    return sorted(
        {f"{f.name}: {each}" for f in files for each in _FETCHED.findall(f.read_text("utf-8"))}
    )


def main() -> int:
    """Exit code."""
    gather_pages()
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    here = {"nav": navigation(), "docs_dir": str(PAGES), "site_dir": str(SITE)}
    made = ROOT / "build" / "mkdocs.yml"
    made.write_text(yaml.safe_dump({**settings, **here}), encoding="utf-8")
    # With --quiet, warnings would not count.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(made)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        return 1
    if found := fetched_elsewhere():
        print("\n".join(["The site would ask other hosts:", *found]), file=sys.stderr)
        return 1
    print(f"{SITE.relative_to(ROOT)}/index.html: {len(list(SITE.rglob('*.html')))} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
