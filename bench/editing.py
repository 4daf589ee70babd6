"""How many chunks an edit of a page sends again, beside a token window and the peers' splitters.

``python bench/editing.py [--edits N]``. Twenty long pages, made from seeds. One paragraph reworded,
inserted or deleted (near the top, in the middle, near the end), a section with its subsections
moved before another of its level, the page renamed. A chunk is sent again when its identity was not
there before: ours is its id, a peer's is its text.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from splitters import OURS, OVERLAP, TOKENS, WINDOW, peers, pieces, window
from tables import Table, publish

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "chunking"))
from chunking_documents import Writer, edited

PLACES, KINDS = ("top", "middle", "end"), ("reword", "insert", "delete")
PARAGRAPHS = [(where, how) for where in PLACES for how in KINDS]
MOVE, RENAME = "section moved", "page renamed"
COLUMNS = ("paragraph edited", *PLACES, *KINDS, MOVE, RENAME)


@dataclass(frozen=True)
class Edit:
    """One edit of page ``page``: the page's text after it. ``columns`` are those that its count
    goes into."""

    page: int
    columns: Sequence[str]
    text: str


def edits(pages: Sequence[list[str]], count: int) -> list[Edit]:
    """So many edits of one paragraph, and a third as many sections moved."""
    writer, chance = Writer(999), Random(998)
    found = []
    for number in range(count):
        page, (where, how) = number % len(pages), PARAGRAPHS[number % len(PARAGRAPHS)]
        text = "\n\n".join(edited(pages[page], writer, where, how))
        found.append(Edit(page, (COLUMNS[0], where, how), text))
    for number in range(count // 3):
        page = number % len(pages)
        found.append(Edit(page, (MOVE,), "\n\n".join(moved(pages[page], chance))))
    return found


def moved(blocks: list[str], chance: Random) -> list[str]:
    """The page with one section, its subsections included, moved before another of its level."""
    levels = [len(block) - len(block.lstrip("#")) for block in blocks]
    places = [place for place, level in enumerate(levels) if level and levels.count(level) > 1]
    start = chance.choice(places)
    after = (place for place in range(start + 1, len(blocks)) if 0 < levels[place] <= levels[start])
    end = next(after, len(blocks))
    others = [
        place for place in places if levels[place] == levels[start] and place not in (start, end)
    ]
    if not others:
        return moved(blocks, chance)
    target = chance.choice(others)
    section = blocks[start:end]
    if target < start:
        return [*blocks[:target], *section, *blocks[target:start], *blocks[end:]]
    return [*blocks[:start], *blocks[end:target], *section, *blocks[target:]]


def table(
    before: dict[str, list[set[str]]], after: dict[str, list[set[str]]], done: Sequence[Edit]
) -> Table:
    """Means of the chunks that are new after an edit. ``before``: for each page; ``after``: for
    each edit."""
    rows, data = [], {}
    for name in before:
        new: dict[str, list[int]] = {column: [] for column in COLUMNS}
        for edit, chunks in zip(done, after[name], strict=True):
            for column in edit.columns:
                new[column].append(len(chunks - before[name][edit.page]))
        new[RENAME] = renamed() if name == OURS else [0]
        a_page = sum(map(len, before[name])) / len(before[name])
        means = {column: sum(counts) / len(counts) for column, counts in new.items()}
        rows.append([name, *(f"{means[column]:.2f}" for column in COLUMNS), f"{a_page:.1f}"])
        data[name] = {**means, "chunks per page": a_page}
    note = (
        f"Means of {len(done)} edits of {len(before[OURS])} pages; {TOKENS:,} tokens, overlap"
        f" {OVERLAP}. A renamed page sends all its chunks again with us: each says in its first"
        " line where it stands. The others' chunks do not hold the page's name (LlamaIndex embeds"
        " it as metadata, so all are embedded again there too)."
    )
    return Table(
        "editing",
        "Chunks sent again for an edit",
        ("splitter", *COLUMNS, "chunks per page"),
        rows,
        note,
        data,
    )


def renamed() -> list[int]:
    """For each page of ours, the chunks that are new when its title changes."""
    texts = ["\n\n".join(page) for page in corpus()]
    return [len(ids(text, title="Another name") - ids(text)) for text in texts]


def corpus() -> list[list[str]]:
    return [Writer(700 + number).page(150) for number in range(20)]


def ids(text: str, title: str = "Page") -> set[str]:
    return {piece.id for piece in pieces(text, title=title)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=300)
    pages = corpus()
    done = edits(pages, parser.parse_args().edits)
    originals = ["\n\n".join(page) for page in pages]
    changed = [edit.text for edit in done]
    mine: dict[str, Callable[[str], set[str]]] = {OURS: ids, WINDOW: lambda text: set(window(text))}
    before = {name: [split(text) for text in originals] for name, split in mine.items()}
    after = {name: [split(text) for text in changed] for name, split in mine.items()}
    for name, found in peers([*originals, *changed]).items():
        chunks = [set(each) for each in found["chunks"]]
        before[name], after[name] = chunks[: len(pages)], chunks[len(pages) :]
    publish("editing", [table(before, after, done)], ["tiktoken"])


if __name__ == "__main__":
    main()
