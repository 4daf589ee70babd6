"""How a notebook shows things: HTML or SVG where it is rendered, plain text everywhere else.

Nothing here needs a library, and nothing that a page holds is taken for markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from importlib import import_module
from typing import Any

from confluence_mirror import terminal
from confluence_mirror.progress import Silent
from confluence_mirror.wording import counted

_WIDTH = 100
"""Characters of a cell in plain text."""
_LINK = 48
"""Characters of a link in a table."""
_BLOCKS = 24
_LEFT_ALIGNED = 'style="text-align:left"'
_ROW, _LEFT, _SCALE = 22, 260, 360
"""Of the plot, in pixels: a bar's row, the space for its name, the longest bar."""


class Table:
    """Rows under headings. A cell that begins with ``https://`` or ``http://`` is a link."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        self.columns = tuple(columns)
        self.rows = tuple(tuple(str(cell) for cell in row) for row in rows)

    def _repr_html_(self) -> str:
        head = "".join(f"<th {_LEFT_ALIGNED}>{escape(name)}</th>" for name in self.columns)
        rows = (
            "".join(f"<td {_LEFT_ALIGNED}>{_cell(cell)}</td>" for cell in row) for row in self.rows
        )
        body = "".join(f"<tr>{row}</tr>\n" for row in rows)
        return f"<table>\n<tr>{head}</tr>\n{body}</table>"

    def __repr__(self) -> str:
        lines = [tuple(map(_short, self.columns)), *(tuple(map(_short, row)) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


class SideBySide:
    """Two texts beside each other, as they are."""

    def __init__(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        """Each is a heading and a text."""
        self.left, self.right = left, right

    def _repr_html_(self) -> str:
        texts = (self.left, self.right)
        head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name, _ in texts)
        style = "white-space:pre-wrap;overflow-wrap:anywhere;text-align:left;margin:0"
        body = "".join(
            '<td style="vertical-align:top;width:50%"><pre'
            f' style="{style}">{escape(text)}</pre></td>'
            for _, text in texts
        )
        return (
            "<table"
            f' style="width:100%;table-layout:fixed">\n<tr>{head}</tr>\n<tr>{body}</tr>\n</table>'
        )

    def __repr__(self) -> str:
        return terminal.plain(
            "\n\n".join(f"--- {name}\n{text}" for name, text in (self.left, self.right))
        )


class Bars:
    """A small plot: a bar for each named number, and a line at ``limit`` where there is one."""

    def __init__(
        self, bars: Sequence[tuple[str, int]], *, unit: str, limit: int | None = None
    ) -> None:
        self.bars, self.unit, self.limit = tuple(bars), unit, limit
        self._most = max([1, limit or 0, *(size for _, size in bars)])

    def _repr_svg_(self) -> str:
        wide, height = _LEFT + _SCALE + 100, _ROW * (len(self.bars) + 1)
        parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{height}"'
                ' font-family="sans-serif">'
            ),
            f'<rect width="100%" height="{height}" fill="white"/>',
        ]
        for number, (name, size) in enumerate(self.bars):
            top, width, said = number * _ROW, size * _SCALE // self._most, escape(_short(name, 40))
            parts.append(
                f'<text font-size="12" x="{_LEFT - 8}" y="{top + 15}"'
                f' text-anchor="end">{said}</text><rect x="{_LEFT}" y="{top + 3}" width="{width}"'
                f' height="{_ROW - 6}" fill="#4c78a8"/><text font-size="12" x="{_LEFT + width + 6}"'
                f' y="{top + 15}">{size}</text>'
            )
        if self.limit:
            x, bottom = _LEFT + self.limit * _SCALE // self._most, height - _ROW
            said = escape(f"at most {self.limit} {self.unit}")
            parts.append(
                f'<line x1="{x}" x2="{x}" y1="0" y2="{bottom}" stroke="#e45756" stroke-dasharray="4'
                f' 3"/><text font-size="12" x="{x}" y="{bottom + 15}" text-anchor="middle"'
                f' fill="#e45756">{said}</text>'
            )
        return "\n".join([*parts, "</svg>"])

    def __repr__(self) -> str:
        names = [_short(name, 40) for name, _ in self.bars]
        wide = max(map(len, names), default=0)
        lines = [
            f"{name:{wide}}  {_blocks(size, self._most):{_BLOCKS}}  {size}"
            for name, (_, size) in zip(names, self.bars, strict=True)
        ]
        end = [f"at most {self.limit} {self.unit}"] if self.limit else []
        return "\n".join(lines + end)


class Phases(Silent):
    """A progress bar for each phase of a run (``progress.Progress``); ``changed`` is told to
    show it again."""

    def __init__(self, changed: Callable[[Phases], object]) -> None:
        self._changed = changed
        self._lines: dict[str, str] = {}
        self._name = ""
        self._of: int | None = None

    def phase(self, name: str, of: int | None = None) -> None:
        """A new line, below those of the phases before."""
        self.close()
        self._name, self._of = name, of
        self._draw("…" if of is None else _counted(0, of))

    def advance(self, done: int, of: int | None = None) -> None:
        """The bar grows; ``of`` corrects how many pages there are."""
        self._of = self._of if of is None else of
        if self._name:
            self._draw(counted(done, "page") if self._of is None else _counted(done, self._of))

    def close(self) -> None:
        """A phase without counts ends with a word. Idempotent."""
        if self._name and self._lines[self._name] == "…":
            self._draw("done")
        self._name = ""

    def _draw(self, text: str) -> None:
        if self._lines.get(self._name) != text:
            self._lines[self._name] = text
            self._changed(self)

    def __repr__(self) -> str:
        return "\n".join(f"{name:10}{line}" for name, line in self._lines.items())


def progress_bar() -> Phases:
    """A progress bar in the output of this cell. Only where IPython runs."""
    display: Callable[..., Any] = import_module("IPython.display").display
    shown: list[Any] = []

    def show(bar: Phases) -> None:
        if shown:
            shown[0].update(bar)
        else:
            shown.append(display(bar, display_id=True))

    return Phases(show)


def _counted(done: int, of: int) -> str:
    return f"{_blocks(done, max(of, 1)):░<{_BLOCKS}}  {done:,} of {counted(of, 'page')}"


def _blocks(size: int, most: int) -> str:
    return "█" * min(_BLOCKS, round(size * _BLOCKS / most))


def _short(text: str, most: int = _WIDTH) -> str:
    line = " ".join(terminal.one_line(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _cell(text: str) -> str:
    if text.startswith(("https://", "http://")):
        return f'<a href="{escape(text)}" title="{escape(text)}">{escape(_short(text, _LINK))}</a>'
    return escape(text)
