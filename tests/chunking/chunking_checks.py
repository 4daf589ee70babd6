"""What must hold for the chunks of any document, checked by other means than the chunker's own."""

from __future__ import annotations

import re

from confluence_mirror.chunking import ChunkSettings, Cut, Tokenizer, chunk_page, cut_document

_QUOTE = re.compile(r"(?: {0,3}> ?)+")
_OPENS = re.compile(r" *(?:(?:[-*+]|\d+[.)]) +)?(`{3,}(?=[^`]*$)|~{3,})")
EMPTY_ROW = " \t\r\n|>"
"""What a row without any text consists of, quoted or not."""
_DELIMITER = re.compile(r"[ >\t]*\|[ |:-]*-[ |:-]*")
_ROW_MARK = re.compile(r"\bR\d+R\b")


def unclosed_fence(text: str) -> str:
    """The line that opens a fence which nothing closes; empty if all are closed. After CommonMark
    0.31, section 4.5, with the end of a quote closing what stands in it."""
    opened, marker, depth, indent = "", "", 0, 0
    for line in text.split("\n"):
        found = _QUOTE.match(line)
        quoted = found[0].count(">") if found else 0
        inner = line[found.end() :] if found else line
        if marker and quoted < depth:
            marker = ""
        if marker:
            inner = _QUOTE.sub("", line, count=1) if depth else line
            bare = inner.strip()
            if (
                bare.startswith(marker)
                and set(bare) == {marker[0]}
                and len(inner) - len(inner.lstrip(" ")) < indent + 4
            ):
                marker = ""
            continue
        opening = _OPENS.match(inner)
        if opening:
            opened, marker, depth, indent = line, opening[1], quoted, opening.start(1)
    return opened if marker and not depth else ""


def orphan_row(text: str, header: str) -> str:
    """A line with a row's mark (``R12R``) without a header above it in its run of lines, or its
    column's name before it; empty if there is none."""
    covered = False
    for line in text.split("\n"):
        if not line.strip():
            covered = False
        elif line.startswith((header, f"{header.strip('| ')}: ")):
            covered = True
        elif _ROW_MARK.search(line) and not covered:
            return line
    return ""


def not_blank(text: str) -> str:
    """The text without white space."""
    return "".join(text.split())


def check(
    markdown: str, settings: ChunkSettings, tokenizer: Tokenizer, title: str = "Page"
) -> list[Cut]:
    """Everything that holds for any document; returns its cuts."""
    cuts = cut_document(markdown, title=title, settings=settings, tokenizer=tokenizer)
    end = 0
    for found in cuts:
        assert found.tokens == tokenizer.count_tokens(found.text) <= settings.tokens
        assert found.start >= end
        assert not markdown[end : found.start].strip(EMPTY_ROW), "text between two cores"
        core = markdown[found.start : found.end].strip()
        assert core
        assert core in found.text or _as_records(core, found.text), (
            "a core is not in its chunk, letter for letter"
        )
        assert not unclosed_fence(found.text), found.text
        end = found.end
    assert not markdown[end:].strip(EMPTY_ROW), "text after the last core"
    pieces = chunk_page(
        markdown, title=title, site_id="site", page_id="1", settings=settings, tokenizer=tokenizer
    )
    assert [piece.text for piece in pieces] == list(dict.fromkeys(found.text for found in cuts))
    assert len({piece.id for piece in pieces}) == len(pieces)
    return cuts


def _as_records(core: str, text: str) -> bool:
    """Whether what is not there letter for letter are rows whose header is too large to be
    repeated: then every cell is there, in a line of its own."""
    said, lines = not_blank(text), core.split("\n")
    rows = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.strip(EMPTY_ROW + ":-") and not _DELIMITER.fullmatch(following)
    ]
    return all(
        not_blank(cell) in said
        for row in rows
        if row not in text
        for cell in re.split(r"(?<!\\)\|", row.lstrip(" >"))
    )
