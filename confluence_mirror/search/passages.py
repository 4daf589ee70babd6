"""From ranked chunks to passages: enough of each page, nothing twice, no more than asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from confluence_mirror.chunking import Tokenizer
from confluence_mirror.manifest import TextRow
from confluence_mirror.search.joining import join_chunks
from confluence_mirror.search.question import Question, SearchResult, Why

WHOLE_PAGE_TOKENS = 600
"""A page of at most so many tokens is given as a whole."""
WHOLE_PAGE_SHARE = 0.5
"""But for one that would take more than this share of the answer's tokens."""
_LEAST_TOKENS = 30
"""A passage that there is less room for says nothing."""

PageRows = Callable[[str], Sequence[TextRow]]
"""The chunks of a page, in order."""


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk that was found."""

    row: TextRow
    score: float
    why: Why


@dataclass(slots=True)
class _Passage:
    """Chunks of one page that stand together; ``best`` is the one that brought them here."""

    best: Found
    rows: list[TextRow]
    text: str
    tokens: int
    why: Why
    whole: bool = False
    """All of its page."""

    def touches(self, row: TextRow) -> bool:
        """Whether a chunk is a part of it, or stands right before or after it."""
        positions = [each.position for each in self.rows]
        return self.best.row.page_id == row.page_id and (
            self.whole or min(positions) - 1 <= row.position <= max(positions) + 1
        )


@dataclass(slots=True)
class Passages:
    """Puts passages together until there are as many as the question allows."""

    question: Question
    tokenizer: Tokenizer
    page_rows: PageRows
    _made: list[_Passage] = field(default_factory=list)
    _room: int | None = field(init=False)
    """Tokens that may still be given; None: any number."""
    full: bool = field(default=False, init=False)
    """Whether nothing can be added any more."""

    def __post_init__(self) -> None:
        self._room = self.question.max_tokens

    def collect(self, ranked: Iterable[Found]) -> None:
        """Take from these, best first, until the answer is full."""
        self.full = not all(map(self._add, ranked)) or len(self._made) == self.question.limit

    def results(self) -> tuple[SearchResult, ...]:
        """What was taken, best first."""
        return tuple(map(_result_of, self._made))

    def _add(self, found: Found) -> bool:
        """Whether anything after this chunk can still be added."""
        neighbour = next((each for each in self._made if each.touches(found.row)), None)
        if neighbour is not None:
            self._extend(neighbour, found)
            return True
        if len(self._made) == self.question.limit:
            return False
        passage = self._whole_page(found) or self._passage(found, [found.row])
        if passage.whole and not self._fits(passage.tokens):
            passage = self._passage(found, [found.row])
        if self._room is None or self._fits(passage.tokens):
            self._take(passage)
            return True
        if self._room >= _LEAST_TOKENS:
            passage.text = _cut_text(passage.text, self._room, self.tokenizer)
            if passage.text:
                self._take(passage)
        return False

    def _fits(self, tokens: int) -> bool:
        return self._room is None or tokens <= self._room

    def _take(self, passage: _Passage) -> None:
        self._made.append(passage)
        if self._room is not None:
            self._room -= passage.tokens

    def _passage(self, found: Found, rows: list[TextRow]) -> _Passage:
        text = join_chunks([row.text for row in rows], found.row.title)
        return _Passage(found, rows, text, self.tokenizer.count_tokens(text), found.why)

    def _whole_page(self, found: Found) -> _Passage | None:
        """The page of this chunk, where it is short."""
        rows = list(self.page_rows(found.row.page_id))
        if len(rows) < 2 or sum(len(row.text) for row in rows) > WHOLE_PAGE_TOKENS * 12:
            return None
        most = WHOLE_PAGE_TOKENS
        if self.question.max_tokens is not None:
            most = min(most, int(self.question.max_tokens * WHOLE_PAGE_SHARE))
        passage = self._passage(found, rows)
        passage.whole = True
        return passage if passage.tokens <= most else None

    def _extend(self, passage: _Passage, found: Found) -> None:
        """A chunk of the passage, or its neighbour, was found too."""
        if passage.why != found.why:
            passage.why = "both"
        if found.row.id in {row.id for row in passage.rows} or passage.whole:
            return
        # It may close the gap to another passage of its page: then the three are one.
        after = next(
            (each for each in self._made if each is not passage and each.touches(found.row)), None
        )
        rows = sorted(
            [*passage.rows, found.row, *(after.rows if after else ())],
            key=lambda row: row.position,
        )
        longer = self._passage(passage.best, rows)
        more = longer.tokens - passage.tokens - (after.tokens if after else 0)
        if not self._fits(more):
            return
        if self._room is not None:
            self._room -= more
        passage.rows, passage.text, passage.tokens = rows, longer.text, longer.tokens
        if after is not None:
            passage.why = passage.why if passage.why == after.why else "both"
            self._made.remove(after)


def _result_of(passage: _Passage) -> SearchResult:
    row = passage.best.row
    return SearchResult(
        title=row.title,
        heading=row.heading,
        url=heading_url(row.url, row.heading),
        text=passage.text,
        score=round(passage.best.score, 4),
        why=passage.why,
        page_id=row.page_id,
        page_type=row.page_type,
        space_key=row.space_key,
        modified_at=row.modified_at,
    )


def heading_url(url: str, heading: str) -> str:
    """The page's address at its heading, as Confluence Cloud's own table of contents links to it:
    the heading's text with hyphens for spaces."""
    last = heading.rpartition(" > ")[2].strip()
    if not url or not last or "#" in url:
        return url
    return f"{url}#{quote('-'.join(last.split()), safe='')}"


def _cut_text(text: str, most: int, tokenizer: Tokenizer) -> str:
    """The beginning of a text, in whole lines, or in whole words where the first lines alone are
    too long; at most so many tokens."""
    for separator in ("\n", " "):
        parts = text.split(separator)
        low, high = 0, len(parts)
        while low < high:
            middle = (low + high + 1) // 2
            if tokenizer.count_tokens(separator.join(parts[:middle])) <= most:
                low = middle
            else:
                high = middle - 1
        cut = separator.join(parts[:low]).rstrip()
        if tokenizer.count_tokens(cut) * 2 >= most:
            return cut
    return cut
