"""Writes ``docs/markdown.md`` from the cases: ``python tests/markdown/markdown_docs.py``."""

from __future__ import annotations

from pathlib import Path

from markdown_cases import Case, all_cases

from confluence_sync.markdown.blocks import code_in_cell
from confluence_sync.markdown.convert import MAX_BODY
from confluence_sync.markdown.tables import MAX_SPAN
from confluence_sync.markdown.walk import MAX_DEPTH, MAX_INDENT

_ORDER = ["text", "escapes", "whitespace", "lists", "tables", "code", "panels", "links", "people", "images", "macros",
          "apps", "robust", "view"]  # fmt: skip
PATH = Path(__file__).parents[2] / "docs" / "markdown.md"

_HEAD = """\
# What becomes of each construct

`confluence_sync.markdown` turns a body in storage format (or rendered HTML) into Markdown: GitHub's dialect, one line
a heading, one blank line between blocks. `python -m confluence_sync.markdown FILE` shows it for a body of your own
(`-` reads standard input, `--report` says how it was read and which macros were met, `--format export_view` reads
rendered HTML).

The table below is written from the tests (`python tests/markdown/markdown_docs.py`) and checked by them; there are
{count} exact cases in `tests/markdown/cases/`.

## Rules

- **Three ways, tried in turn**: strict XML (references, prefixes, prologue and control characters mended), tolerant
  HTML, plain text. The way is recorded; no body fails. Rendered HTML (`BODY_FORMAT=export_view`) goes through
  BeautifulSoup and markdownify, and costs one request a page: it is for sites whose content lives in app macros that
  only Confluence can render. It loses the sources of diagrams, image captions, and the language of code that the
  renderer calls Java, which is what it calls any code without a language.
- **Names** come from Confluence where it knows them. What is not known keeps a stable form: `page:SPACE/Title`,
  `blog:SPACE/Title`, `space:KEY`, a file its name, a person their account id. Without a space the page's own is meant.
- **Lists of other pages** (children, page tree, content by label, recently updated, page properties report, blog
  posts, attachments, gallery, task report …) and navigation leave nothing: their content belongs to other pages. A
  list that names a page keeps a reference to it. Included pages and excerpts are references too.
- **Unknown macros** keep their title and their bodies; a plain-text body is a fence. No other parameter is kept.
- **Tables**: a value that spans cells is repeated in each; a first row of headers is the header, else the header is
  empty; headers of rows are bold. Code in a cell is inline code a line.
- **Left out**: hidden, zero-size and white text (unless its ground is coloured), placeholders, comments, scripts.
- **Limits**: {depth} levels of nesting ({indent} of lists and quotes) keep their structure, deeper ones their words; a
  cell spans at most {columns} columns; a body is read up to {body:,} characters. Each cut is a note on the document.

## Constructs

| Construct | Storage format | Markdown |
| --- | --- | --- |
"""


def _row(case: Case) -> str:
    cells = [case.doc, code_in_cell(case.body), code_in_cell(case.markdown) if case.markdown else "(nothing)"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def written() -> str:
    """The whole document."""
    cases = sorted(all_cases(), key=lambda case: _ORDER.index(case.topic))
    return _HEAD.format(
        count=len(cases), depth=MAX_DEPTH, indent=MAX_INDENT, columns=MAX_SPAN, body=MAX_BODY
    ) + "".join(_row(case) for case in cases if case.doc)


if __name__ == "__main__":
    PATH.write_text(written(), encoding="utf-8")
