"""The cases in ``cases/*.txt``: a file a topic, each case a sentence, a body and the exact
Markdown.

=== the sentence
@doc Name in docs/markdown.md      (optional lines that begin with @: see ``Case``)
<p>the body</p>
--->
the Markdown
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from confluence_mirror.markdown import NoResolver, Resolver, convert
from confluence_mirror.model import Converted

FOLDER = Path(__file__).parent / "cases"


class Site:
    """A resolver for a small site: one person, every page and file."""

    def user(self, account_id: str) -> str | None:
        return {"u-1": "Ann Lee"}.get(account_id)

    def page_url(self, space_key: str | None, title: str) -> str | None:
        return f"https://site.example/wiki/display/{space_key or 'HOME'}/{title.replace(' ', '+')}"

    def attachment_url(
        self, filename: str, page_title: str | None, space_key: str | None
    ) -> str | None:
        return f"https://site.example/wiki/download/{page_title or 'this'}/{filename}".replace(
            " ", "%20"
        )


@dataclass(frozen=True)
class Case:
    topic: str
    name: str
    doc: str
    """Name of the construct in the documentation; empty for a case that is not shown there."""
    view: bool
    """The body is rendered HTML (``@view``)."""
    resolver: bool
    """Names are known (``@resolver``)."""
    way: str
    """The way it must be read (``@way``); empty where that does not matter."""
    macros: tuple[str, ...] | None
    """The macros that must be met (``@macros``), if that is part of the case."""
    body: str
    markdown: str

    def converted(self) -> Converted:
        resolver: Resolver = Site() if self.resolver else NoResolver()
        return convert(
            self.body, resolver=resolver, body_format="export_view" if self.view else "storage"
        )


def _case(topic: str, text: str) -> Case:
    head, arrow, markdown = text.partition("\n--->\n")
    assert arrow, f"{topic}: no arrow in {text[:80]!r}"
    name, *lines = head.split("\n")
    options: dict[str, str] = {}
    while lines and lines[0].startswith("@"):
        key, _, value = lines.pop(0)[1:].partition(" ")
        options[key] = value
    macros = tuple(options["macros"].split(", ")) if "macros" in options else None
    shown = options.get("doc", "")
    body = "\n".join(lines)
    return Case(
        topic,
        name,
        shown,
        "view" in options,
        "resolver" in options,
        options.get("way", ""),
        macros,
        body,
        markdown.rstrip("\n"),
    )


def all_cases() -> list[Case]:
    """Every case, topic by topic in alphabetical order."""
    cases = []
    for path in sorted(FOLDER.glob("*.txt")):
        cases += [
            _case(path.stem, part)
            for part in ("\n" + path.read_text(encoding="utf-8")).split("\n=== ")[1:]
        ]
    return cases
