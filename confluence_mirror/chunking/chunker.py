"""Atoms → chunks: where to cut, what to repeat, and what to say above.

A range of atoms that fits is a chunk. One that does not is cut at its best place, and both sides
are looked at again. The best place is the strongest heading, else the best kind of boundary, that
leaves neither side tiny; among equals the one whose following text has the smallest hash. So the
cuts depend on what the text is and hardly on where it stands, and an edit changes the chunk that it
touches and seldom another.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from confluence_mirror.chunking.atoms import WHOLE_ROW, Atom, Rank
from confluence_mirror.chunking.blocks import Kind
from confluence_mirror.chunking.divider import Divider
from confluence_mirror.chunking.ids import chunk_id
from confluence_mirror.chunking.settings import ChunkSettings
from confluence_mirror.chunking.tokens import Tokenizer, with_paragraph_cache
from confluence_mirror.model import Piece

SEPARATOR = " > "
_BLANK_AT_END = re.compile(r"(?:\n[ \t>]*)+\Z")


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk before it has an id. ``markdown[start:end]`` is its core: the cores of a document
    cover it in order."""

    start: int
    end: int
    text: str
    heading_path: str
    tokens: int


def chunk_page(
    markdown: str,
    *,
    title: str,
    site_id: str,
    page_id: str,
    settings: ChunkSettings,
    tokenizer: Tokenizer,
) -> list[Piece]:
    """The chunks of a page, in order: each at most ``settings.tokens`` long, context line included.

    A page whose body is blank has none: a title alone answers nothing. A text that stands on a page
    several times over, context line and all, is one chunk: a second one would answer nothing more.
    """
    return [
        piece
        for _, piece in chunk_sections(
            [markdown],
            title=title,
            site_id=site_id,
            page_id=page_id,
            settings=settings,
            tokenizer=tokenizer,
        )
    ]


def chunk_sections(
    sections: Sequence[str],
    *,
    title: str,
    site_id: str,
    page_id: str,
    settings: ChunkSettings,
    tokenizer: Tokenizer,
) -> list[tuple[int, Piece]]:
    """The chunks of a document of several sections, each with its section's place in the list: no
    chunk reaches over two. A text that stands in several of them is one chunk, of the first."""
    single: dict[str, tuple[int, Cut]] = {}
    for place, section in enumerate(sections):
        for found in cut_document(section, title=title, settings=settings, tokenizer=tokenizer):
            single.setdefault(found.text, (place, found))
    return [
        (
            place,
            Piece(
                id=chunk_id(site_id, page_id, found.text),
                text=found.text,
                heading_path=found.heading_path,
                index=index,
                count=len(single),
                tokens=found.tokens,
                content_hash=hashlib.sha256(found.text.encode()).hexdigest(),
            ),
        )
        for index, (place, found) in enumerate(single.values())
    ]


def cut_document(
    markdown: str, *, title: str, settings: ChunkSettings, tokenizer: Tokenizer
) -> list[Cut]:
    """Where a document is cut, and the text of each chunk."""
    if not markdown.strip():
        return []
    return list(
        _Cutter(
            _replace_surrogates(markdown), _replace_surrogates(title), settings, tokenizer
        ).iter_cuts()
    )


def _replace_surrogates(text: str) -> str:
    """Lone surrogates, which no store could be sent, become U+FFFD; every offset stays."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


class _Cutter:
    def __init__(
        self, text: str, title: str, settings: ChunkSettings, tokenizer: Tokenizer
    ) -> None:
        self._text = text
        self._title = " ".join(title.split())
        self._cap = settings.tokens
        self._overlap = min(settings.overlap, settings.tokens // 2)
        self._tokenizer = with_paragraph_cache(tokenizer)
        quarter = max(settings.tokens // 4, 1)
        self._least = max(
            settings.tokens * 2 // 5, 1
        )  # measured: larger fills chunks better, and moves more of them
        grain = min(quarter, self._overlap) if self._overlap >= 16 else quarter
        self._divider = Divider(text, self._tokenizer, grain=grain, room=quarter, cap=self._cap)
        self._contexts: dict[tuple[str, ...], tuple[str, int]] = {}

    def iter_cuts(self) -> Iterator[Cut]:
        """The chunks' cuts, in order."""
        whole = self._as_single_chunk()
        if whole is not None:
            yield whole
            return
        self._index_atoms(self._divider.divide_document())
        pending = [(0, len(self._atoms))]
        while pending:
            first, last = pending.pop()
            if self._estimate_tokens(first, last) > self._cap and last - first > 1:
                middle = self._best_cut(first, last)
                pending += [(middle, last), (first, middle)]
                continue
            found = self._render_chunk(first, last)
            if found is None:
                middle = self._best_cut(first, last)
                pending += [(middle, last), (first, middle)]
            elif found.text:
                yield found

    def _as_single_chunk(self) -> Cut | None:
        """The document as one chunk, if it is small enough to be worth the try."""
        if len(self._text) > self._cap * 5:
            return None
        path: list[tuple[int, str]] = []
        for block in self._divider.blocks:
            if block.kind is not Kind.HEADING:
                break
            _enter_heading(path, block.level, block.title)
        names = tuple(name for _, name in path)
        text = (
            self._context_line(names)[0]
            + self._text.strip("\n").rstrip()
            + self._divider.end_marks()
        )
        tokens = self._tokenizer.count_tokens(text)
        return (
            Cut(0, len(self._text), text, SEPARATOR.join(names), tokens)
            if tokens <= self._cap
            else None
        )

    def _index_atoms(self, atoms: list[Atom]) -> None:
        """Facts about atoms that are needed over and over, as lists."""
        text = self._text
        atoms = [
            part
            for atom in atoms
            for part in (self._divider.divide_row(atom) if self._is_large_row(atom) else [atom])
        ]
        self._atoms = atoms
        self._starts = [atom.start for atom in atoms] + [len(text)]
        self._differs = any(atom.shown is not None for atom in atoms)
        self._sums = [0]
        self._keys: list[int] = []
        self._paths: list[tuple[str, ...]] = []
        path: list[tuple[int, str]] = []
        names: tuple[str, ...] = ()
        seen: dict[str, int] = {}
        heading = None
        for atom in atoms:
            self._sums.append(self._sums[-1] + atom.tokens)
            body = text[atom.start : atom.end]
            nth = seen[body] = seen.get(body, 0) + 1
            self._keys.append(atom.rank << 32 | crc32(body.encode(), nth) * 0x9E3779B1 & 0xFFFFFFFF)
            if atom.block.kind is Kind.HEADING and atom.block is not heading:
                heading = atom.block
                _enter_heading(path, heading.level, heading.title)
                names = tuple(name for _, name in path)
            self._paths.append(names)
        for index in range(len(atoms) - 2, -1, -1):
            if atoms[index].block.kind is Kind.HEADING:
                self._paths[index] = self._paths[index + 1]
        self._end_marks = self._divider.end_marks()
        self._lead: dict[int, int] = {}

    def _is_large_row(self, atom: Atom) -> bool:
        """A table's row that no chunk can hold, even without a context line."""
        if (
            atom.level != WHOLE_ROW
            or atom.tokens + self._divider.count_cached(atom.opening) <= self._cap - 4
        ):
            return False
        body = self._text[atom.start : atom.end] if atom.shown is None else atom.shown
        return self._tokenizer.count_tokens(atom.opening + body.strip("\n").rstrip()) > self._cap

    def _estimate_tokens(self, first: int, last: int) -> int:
        """Tokens of these atoms as a chunk, as a sum of what was counted singly."""
        start = self._overlap_start(first)
        cost = self._divider.count_cached
        inside = self._sums[last] - self._sums[start]
        around = cost(self._atoms[start].opening) + cost(self._closing_at(last))
        return self._context_line(self._paths[first])[1] + around + inside

    def _closing_at(self, last: int) -> str:
        return self._atoms[last].closing if last < len(self._atoms) else self._end_marks

    def _overlap_start(self, first: int) -> int:
        """The atom from which text is repeated: within the section, and whole atoms only."""
        if first in self._lead:
            return self._lead[first]
        start = first
        if first and self._overlap and self._atoms[first].rank >= Rank.BLOCK:
            index = first - 1
            while index >= 0 and self._atoms[index].block.kind is not Kind.HEADING:
                atom = self._atoms[index]
                if (
                    self._sums[first] - self._sums[index] + self._divider.count_cached(atom.opening)
                    > self._overlap
                ):
                    break
                cut_off = (
                    atom.block.kind is Kind.TABLE and atom.level != WHOLE_ROW and atom.level > 0
                )
                if not cut_off and (
                    atom.rank != Rank.FORBIDDEN or self._atoms[index - 1].block.kind is Kind.HEADING
                ):
                    start = index
                index -= 1
        self._lead[first] = start
        return start

    def _best_cut(self, first: int, last: int) -> int:
        """The best place for a cut inside a range of at least two atoms."""
        keys, sums, least = self._keys, self._sums, self._least
        forbidden = Rank.FORBIDDEN << 32
        low = bisect_left(sums, sums[first] + least, first + 1, last)
        high = bisect_right(sums, sums[last] - least, first + 1, last)
        for a, b in ((low, high), (first + 1, last)):
            window = keys[a:b]
            if window:
                key = min(window)
                if key < forbidden:
                    return a + window.index(key)
        middle = bisect_left(sums, (sums[first] + sums[last]) // 2, first + 1, last)
        return min(middle, last - 1)

    def _render_chunk(self, first: int, last: int) -> Cut | None:
        """The chunk of these atoms; None if it is too large and can be cut again.

        The text is counted again as it is. Where it is over after all, it does without the overlap,
        and, where it cannot be cut any further, without the context line and the repeated opening.
        """
        start, end = self._starts[first], self._starts[last]
        if self._says_nothing(first, last):
            return Cut(start, end, "", "", 0)
        path = self._paths[first]
        heading_path = SEPARATOR.join(path)
        context = self._context_line(path)[0]
        begins = [self._overlap_start(first), first]
        for begin in begins if begins[0] < first else [first]:
            text = context + self._chunk_body(begin, last, wrapped=True)
            tokens = self._tokenizer.count_tokens(text)
            if tokens <= self._cap:
                return Cut(start, end, text, heading_path, tokens)
        if last - first > 1:
            return None
        text = self._render_single_atom(first, path)
        return Cut(start, end, text, heading_path, self._tokenizer.count_tokens(text))

    def _render_single_atom(self, index: int, path: tuple[str, ...]) -> str:
        """The chunk of one atom beside which there is no room for the whole context line, or even
        for an opening."""
        body = self._chunk_body(index, index + 1, wrapped=True)
        room = self._cap - self._tokenizer.count_tokens(body)
        if room < 0:
            return self._chunk_body(index, index + 1, wrapped=False)
        text = self._shorten_context(self._context_names(path), room)[0] + body
        return text if self._tokenizer.count_tokens(text) <= self._cap else body

    def _says_nothing(self, first: int, last: int) -> bool:
        """White space, and rows whose cells are all empty."""
        body = self._shown_text(first, last)
        table = self._atoms[first].block.kind is Kind.TABLE
        return not (body.strip(" \t\r\n|>") if table else body.strip())

    def _shown_text(self, first: int, last: int) -> str:
        """The text of these atoms, as chunks show it."""
        if not self._differs:
            return self._text[self._starts[first] : self._starts[last]]
        shown = (
            self._text[a.start : a.end] if a.shown is None else a.shown
            for a in self._atoms[first:last]
        )
        return "".join(shown)

    def _chunk_body(self, begin: int, last: int, *, wrapped: bool) -> str:
        start = self._starts[begin]
        body = self._shown_text(begin, last).strip("\n").rstrip()
        if self._differs:
            body = _BLANK_AT_END.sub("", body)
        if start and self._text[start - 1] != "\n":
            body = body.lstrip(" \t")
        return self._atoms[begin].opening + body + self._closing_at(last) if wrapped else body

    def _context_line(self, path: tuple[str, ...]) -> tuple[str, int]:
        """The line that says where a chunk stands, with the blank line after it, and its tokens."""
        if path not in self._contexts:
            self._contexts[path] = self._shorten_context(
                self._context_names(path), min(self._cap // 4, 128)
            )
        return self._contexts[path]

    def _context_names(self, path: tuple[str, ...]) -> list[str]:
        names = [self._title, *(path[1:] if path[:1] == (self._title,) else path)]
        return [name for name in names if name]

    def _shorten_context(self, names: list[str], limit: int) -> tuple[str, int]:
        """At most ``limit`` tokens: the middle headings go first, then ends of names."""
        while names:
            line = SEPARATOR.join(names).replace("```", "'''").replace("~~~", "---") + "\n\n"
            tokens = self._tokenizer.count_tokens(line)
            if tokens <= limit:
                return line, tokens
            if len(names) > 2:
                names = [names[0], *names[2:]]
                continue
            longest = max(range(len(names)), key=lambda index: len(names[index]))
            if len(names[longest]) < 8:
                names = names[:-1]
            else:
                names[longest] = names[longest][: len(names[longest]) * 3 // 4].rstrip(" …") + "…"
        return "", 0


def _enter_heading(path: list[tuple[int, str]], level: int, title: str) -> None:
    """Go to a heading: what is of its level or deeper is left behind."""
    while path and path[-1][0] >= level:
        path.pop()
    if title:
        path.append((level, title))
