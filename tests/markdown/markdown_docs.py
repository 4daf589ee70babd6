"""Writes ``docs/markdown.md`` from the cases: ``python tests/markdown/markdown_docs.py``."""

from __future__ import annotations

import re
from pathlib import Path

from markdown_cases import Case, all_cases

from confluence_mirror.markdown.blocks import code_in_cell
from confluence_mirror.markdown.conversion import MAX_BODY
from confluence_mirror.markdown.tables import MAX_SPAN
from confluence_mirror.markdown.walk import MAX_DEPTH, MAX_INDENT

_ORDER = [
    "text",
    "escapes",
    "whitespace",
    "lists",
    "tables",
    "code",
    "panels",
    "links",
    "people",
    "images",
    "macros",
    "apps",
    "kinds",
    "robust",
    "view",
    "example",
]
PATH = Path(__file__).parents[2] / "docs" / "markdown.md"

_HEAD = """\
# How each construct is converted

`confluence_mirror.markdown` turns a body in storage format (or rendered HTML) into Markdown: GitHub's dialect, one line
per heading, one blank line between blocks. `python -m confluence_mirror.markdown FILE` shows the result for your own body
(`-` reads standard input, `--report` says how it was read and which macros were met, `--format export_view` reads
rendered HTML).

This page is written from the tests (`python tests/markdown/markdown_docs.py`) and checked by them; there are {count}
exact cases in `tests/markdown/cases/`.

## An example

<table>
<tr><th>Storage format</th><th>Markdown</th></tr>
<tr><td>

```xml
{storage}
```

</td><td>

````markdown
{markdown}
````

</td></tr>
</table>

## Rules

- **Three ways, tried in turn**: strict XML (references, prefixes, prologue and control characters repaired), tolerant
  HTML, plain text. The way is recorded; no body fails. Rendered HTML (`BODY_FORMAT=export_view`) goes through
  BeautifulSoup and markdownify, and costs one request per page: it is for sites whose content lives in app macros that
  only Confluence can render. It loses the sources of diagrams, image captions, and the language of code that the
  renderer calls Java, which is what it calls any code without a language.
- **Names** come from Confluence where it knows them. What is not known keeps a stable form: `page:SPACE/Title`,
  `blog:SPACE/Title`, `space:KEY`, a file its name, a person their account id. Without a space the page's own is meant.
- **Lists of other pages** (children, page tree, content by label, recently updated, page properties report, blog
  posts, attachments, gallery, task report …) and navigation leave nothing: their content belongs to other pages. A
  list that names a page keeps a reference to it. Included pages and excerpts are references too.
- **Links** are `[text](address)`. A page is addressed by space and title or by id, a file of another page by that
  page's attachments, a relative address by the site. A mention is `@Name`. Two in a row, or one beside a word, are
  apart.
- **Unknown macros** keep their title and their bodies; a plain-text body is a fence. One without a body keeps the
  pages, files, people and addresses that its parameters name, and the text of parameters that readers see (`text`,
  `label`, `tip`, `description` …). Settings are not text.
- **Apps on Forge** are read as the macro that the last part of their key names, from their current settings.
- **Data is not text**: base64, the data in `data:` addresses, the state of an app as JSON. What it belongs to keeps
  its source, its alternative text or its name. Code is verbatim.
- **Headings** are one line without emphasis; blocks in a heading follow it.
- **Tables**: a value that spans cells is repeated in each; a first row of headers, or one that is all bold, is the
  header, else the header is empty; two rows of headers are one (`Output 2023`); a title over all columns stands above
  the table; headers of rows are bold. Code in a cell is one inline code per line.
- **Left out**: hidden, zero-size and white text (unless its ground is coloured), placeholders, comments, scripts.
- **Limits**: {depth} levels of nesting ({indent} of lists and quotes) keep their structure, deeper ones their words; a
  cell spans at most {columns} columns; a body is read up to {body:,} characters. Each cut is a note on the document.

## After an upgrade

A change of this table is a new revision of the converter, and part of every page's fingerprint: the first night after
such an upgrade reads and converts every page again, as a first run does. Only chunks whose text changed are embedded
and sent; of a page that nothing here touches, none is.

## Constructs

Each construct in short; the cases show the whole result.

| Construct | Storage format | Markdown |
| --- | --- | --- |
"""
_MACRO = re.compile(r"<ac:(?:structured-macro|macro)[^>]*ac:name=\"([\w-]+)\"")
_KEY = re.compile(r"extension-key\">([^<]+)<")
_TAG = re.compile(r"<([a-z][\w:-]*)")
_WIDTH = 60


def _named(body: str) -> str:
    """The macros of a body, else its first tags."""
    names = list(dict.fromkeys(_MACRO.findall(body)))[:4]
    if names:
        return ", ".join(f"`{name}`" for name in names)
    return ", ".join(f"`<{tag}>`" for tag in list(dict.fromkeys(_TAG.findall(body)))[:3])


def _short(markdown: str) -> str:
    """The first lines, as far as they fit."""
    lines = [line for line in markdown.split("\n") if line.strip()]
    shown = [line[:_WIDTH] + "…" * (len(line) > _WIDTH) for line in lines[:3]]
    return code_in_cell("\n".join([*shown, *["…"] * (len(lines) > 3)])) if lines else "(nothing)"


def _row(case: Case) -> str:
    cells = [case.doc, _named(case.body), _short(case.markdown)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def written() -> str:
    """The whole document."""
    cases = sorted(all_cases(), key=lambda case: _ORDER.index(case.topic))
    example = next(case for case in cases if case.topic == "example")
    return _HEAD.format(
        storage=example.body,
        markdown=example.markdown,
        count=len(cases),
        depth=MAX_DEPTH,
        indent=MAX_INDENT,
        columns=MAX_SPAN,
        body=MAX_BODY,
    ) + "".join(_row(case) for case in cases if case.doc)


if __name__ == "__main__":
    PATH.write_text(written(), encoding="utf-8")
