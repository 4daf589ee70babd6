"""Whether the chunks answer questions, beside a text dump cut into token windows.

``python bench/retrieval.py`` (needs the ``chroma`` extra and the local model: ``make demo`` brings
both)

The documents are the pages of the sample site; the questions stand in ``retrieval_questions.tsv``,
each with its page, its section and its evidence: the strings that an answer needs, all of them (in
a table the row's name and the value). A chunk is relevant when it is of that page and holds all the
evidence. Three figures for each way of cutting and of ranking, means over the questions:

- *coverage*: the share of the evidence in the best chunks that fit 1,500 tokens (what a prompt
  would hold)
- *recall@5*: a relevant chunk is among the first five
- *nDCG@10*: relevant chunks high up among the first ten (binary gain, log2 discount)
"""

from __future__ import annotations

import argparse
import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup

from confluence_mirror.chunking import (
    ChunkSettings,
    Tokenizer,
    cut_document,
    fit_to_model,
    load_tokenizer,
)
from confluence_mirror.embedding import Embedder, local_embedder
from confluence_mirror.markdown import convert
from confluence_sandbox.demo import demo_site

QUESTIONS = Path(__file__).with_name("retrieval_questions.tsv")
PROMPT_TOKENS = 1500
MARKS = re.compile(r"[*`|\\]|<br ?/?>")


@dataclass(frozen=True)
class Question:
    """A question, and what its answer needs."""

    kind: str
    page: str
    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A chunk of a page; ``plain`` is its text without marks, in which evidence is looked for."""

    page: str
    text: str
    plain: str


@dataclass(frozen=True)
class Page:
    """A page of the sample site, in both forms."""

    title: str
    markdown: str
    dump: str


def plain(text: str) -> str:
    """Text without Markdown's marks and runs of white space."""
    return " ".join(MARKS.sub(" ", text).split())


def questions() -> list[Question]:
    """The committed questions."""
    with QUESTIONS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Question(
                row["kind"],
                row["page"],
                row["question"],
                tuple(map(plain, row["evidence"].split(";"))),
            )
            for row in rows
        ]


def pages() -> list[Page]:
    """The sample site, converted by the product and dumped as text by Beautiful Soup."""
    found = []
    for content in demo_site().current():
        dump = BeautifulSoup(content.body, "html.parser").get_text(" ")
        found.append(Page(content.title, convert(content.body).markdown, " ".join(dump.split())))
    return found


def windows(text: str, size: ChunkSettings, counter: Tokenizer) -> list[str]:
    """A token window: as many whole words as fit, again and again, with overlap."""
    words = re.findall(r"\S+\s*|\s+", text) if " " in text else list(text)
    counts = counter.count_each(words)
    found, start = [], 0
    while start < len(words):
        end, total = start, 0
        while end < len(words) and (end == start or total + counts[end] <= size.tokens):
            total += counts[end]
            end += 1
        found.append("".join(words[start:end]))
        if end == len(words):
            break
        back = 0
        start = end
        while back + counts[start - 1] <= size.overlap:
            start -= 1
            back += counts[start]
    return found


Cutter = Callable[[Page, ChunkSettings, Tokenizer], list[str]]
CUTTERS: dict[str, Cutter] = {
    "confluence_mirror": lambda page, size, counter: [
        found.text
        for found in cut_document(page.markdown, title=page.title, settings=size, tokenizer=counter)
    ],
    "our Markdown, token window": lambda page, size, counter: windows(page.markdown, size, counter),
    "text dump, token window": lambda page, size, counter: windows(page.dump, size, counter),
}


def words(text: str) -> list[str]:
    """Words for BM25; Chinese and Japanese as pairs of characters."""
    found: list[str] = []
    for word in re.findall(r"\w+", text.lower()):
        if re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", word):
            found += [word[place : place + 2] for place in range(max(1, len(word) - 1))]
        else:
            found.append(word)
    return found


def bm25(chunks: Sequence[Found], asked: Sequence[str]) -> list[list[float]]:
    """Okapi BM25 (k1 = 1.2, b = 0.75) of every chunk for every question."""
    counts = [Counter(words(chunk.text)) for chunk in chunks]
    lengths = [sum(count.values()) for count in counts]
    mean = sum(lengths) / len(lengths)
    containing = Counter(word for count in counts for word in count)
    scores = []
    for question in asked:
        row = [0.0] * len(chunks)
        for word in set(words(question)):
            rare = math.log(1 + (len(chunks) - containing[word] + 0.5) / (containing[word] + 0.5))
            for place, count in enumerate(counts):
                if count[word]:
                    norm = 1.2 * (0.25 + 0.75 * lengths[place] / mean)
                    row[place] += rare * count[word] * 2.2 / (count[word] + norm)
        scores.append(row)
    return scores


def nearest(embedder: Embedder) -> Callable[[Sequence[Found], Sequence[str]], list[list[float]]]:
    """Cosine between vectors of the local model."""

    def score(chunks: Sequence[Found], asked: Sequence[str]) -> list[list[float]]:
        vectors = embedder([chunk.text for chunk in chunks])
        return [
            [sum(a * b for a, b in zip(vector, question, strict=True)) for vector in vectors]
            for question in embedder(list(asked))
        ]

    return score


def figures(
    question: Question, ranked: Sequence[Found], relevant: int, counter: Tokenizer
) -> tuple[float, ...]:
    """Coverage, recall@5 and nDCG@10 of one question."""
    prompt, room = [], PROMPT_TOKENS
    for chunk in ranked[:20]:
        tokens = counter.count_tokens(chunk.text)
        if tokens > room:
            break
        room -= tokens
        prompt.append(chunk.plain if chunk.page == question.page else "")
    coverage = sum(any(part in text for text in prompt) for part in question.evidence) / len(
        question.evidence
    )
    hits = [answers(question, chunk) for chunk in ranked[:10]]
    gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))
    best = sum(1 / math.log2(place + 2) for place in range(min(relevant, 10)))
    return coverage, float(any(hits[:5])), gain / best if best else 0.0


def answers(question: Question, chunk: Found) -> bool:
    """Is this chunk all that the answer needs?"""
    return chunk.page == question.page and all(part in chunk.plain for part in question.evidence)


def table(
    title: str, size: ChunkSettings, counter: Tokenizer, embedder: Embedder | None, verbose: bool
) -> None:
    """Print one table."""
    asked, site = questions(), pages()
    known = {page.title: plain(page.markdown) for page in site}
    for question in asked:
        missing = [part for part in question.evidence if part not in known[question.page]]
        if missing:
            raise SystemExit(f"{question.page}: no {missing} for: {question.text}")
    rankings = {"BM25": bm25} | ({"MiniLM": nearest(embedder)} if embedder else {})
    print(
        f"\n{title}: {len(asked)} questions, {len(site)} pages, {size.tokens} tokens, overlap"
        f" {size.overlap}\n"
    )
    heads = [
        f"{name} {column}"
        for name in rankings
        for column in (f"coverage in {PROMPT_TOKENS}", "recall@5", "nDCG@10")
    ]
    print("| chunks | " + " | ".join(heads) + " | number |\n|---" + "|---" * (len(heads) + 1) + "|")
    for name, cutter in CUTTERS.items():
        chunks = [
            Found(page.title, text, plain(text))
            for page in site
            for text in cutter(page, size, counter)
        ]
        cells: list[float] = []
        for score in rankings.values():
            rows = []
            for question, scores in zip(asked, score(chunks, [q.text for q in asked]), strict=True):
                ranked = [
                    chunks[n] for n in sorted(range(len(chunks)), key=lambda n: (-scores[n], n))
                ]
                relevant = sum(answers(question, chunk) for chunk in chunks)
                rows.append(figures(question, ranked, relevant, counter))
                if verbose and name == "confluence_mirror" and not rows[-1][1]:
                    print(f"    missed: {question.page}: {question.text} ({relevant} relevant)")
            cells += [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        print(f"| {name} | " + " | ".join(f"{cell:.3f}" for cell in cells) + f" | {len(chunks)} |")


def main() -> None:
    """The embedded store's sizes with both rankings, then the default for stores that embed with
    BM25."""
    parser = argparse.ArgumentParser(
        description="Evidence coverage, recall and nDCG of the chunks."
    )
    parser.add_argument("--verbose", action="store_true", help="name the questions that are missed")
    verbose = parser.parse_args().verbose
    embedder = local_embedder()
    assert embedder.max_tokens
    assert embedder.tokenizer_path
    size, counter = fit_to_model(ChunkSettings(), embedder.max_tokens, embedder.tokenizer_path)
    table("As the embedded store has them", size, counter, embedder, verbose)
    table(
        "As stores that embed have them",
        ChunkSettings(),
        load_tokenizer("cl100k_base"),
        None,
        verbose,
    )


if __name__ == "__main__":
    main()
