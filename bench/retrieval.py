"""Whether the right page comes first, and enough of it, beside LangChain's and LlamaIndex's
defaults.

``python bench/retrieval.py [--verbose]``. The test gateway serves the sample site; a real run
mirrors it into an embedded store with the local model, and every question of
``retrieval_questions.tsv`` is asked of that mirror. The peers read the same pages with their own
loaders, cut with their own splitters and rank with their own retrievers, all as they come, in
environments of their own; their vectors are of the same model. ``questions.py`` says what the
figures are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any
from unittest import mock

from environments import PEERS, environment
from questions import (
    BUDGETS,
    Asked,
    Figures,
    Passage,
    figures,
    first_tokens,
    interval,
    questions,
)
from tables import Table, publish

from confluence_mirror.chunking.tokens import cl100k_base
from confluence_mirror.embedding import local_embedder
from confluence_mirror.runs import Mirror, open_mirror
from confluence_mirror.search import MOST_RESULTS, Question
from confluence_mirror.settings import Settings
from confluence_mirror.text.terms import holds_whole, identifier_of
from confluence_sandbox import SampleGateway, demo_site

OURS = "**confluence-mirror**"
ENCODING = cl100k_base()
COLUMNS = (
    "way",
    *(f"{each} in {budget:,}" for budget in BUDGETS for each in ("coverage", "ours − it")),
    "recall@5",
    "nDCG@10",
    f"code in {BUDGETS[0]}",
    "identifiers",
)

Ask = Callable[[str, int | None], list[Passage]]
"""What is found for a question, in so many tokens where there is a number."""


@contextmanager
def mirrored(gateway: SampleGateway, **settings: str) -> Iterator[Mirror]:
    """A mirror of all that the gateway serves, in an embedded store, with these settings beside."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        environ = {
            "CONF_GATEWAY_URL": gateway.url,
            "CONF_CLOUD_ID": gateway.cloud_id,
            "CONF_USER": gateway.user,
            "CONF_API_TOKEN": gateway.token,
            "STORE": "embedded",
            "STATE_DIR": folder,
            "LOG_LEVEL": "ERROR",
            **settings,
        }
        loaded, _ = Settings.load(environ, Path(folder), in_container=False)
        mirror = open_mirror(loaded)
        if problem := mirror.sync().problem:
            raise SystemExit(f"no mirror: {problem}")
        yield mirror


@contextmanager
def asking(mirror: Mirror) -> Iterator[Ask]:
    """Asks this mirror."""
    with closing(mirror.open_search()) as session:

        def ask(text: str, budget: int | None) -> list[Passage]:
            question = Question(text, limit=MOST_RESULTS, max_tokens=budget)
            return [Passage(each.title, each.text) for each in session.ask(question).results]

        yield ask


def ours(gateway: SampleGateway) -> Iterator[tuple[str, Ask]]:
    """Ours, then what is left of it where a part is left out."""
    no_vectors = mock.patch(
        "confluence_mirror.stores.chroma.embedded.EmbeddedStore.search", return_value=[]
    )
    no_pages = mock.patch("confluence_mirror.search.passages.WHOLE_PAGE_TOKENS", 0)
    markdown = mock.patch("confluence_mirror.embedding.forms.plain_form", lambda text: text)
    with mirrored(gateway) as mirror, asking(mirror) as ask:
        yield OURS, ask
        with no_pages:
            yield "ours, without whole pages", ask
        with no_vectors:
            yield "ours, words alone", ask
    with mirrored(gateway, TEXT_INDEX="false") as mirror, asking(mirror) as ask:
        yield "ours, vectors alone (`TEXT_INDEX=false`)", ask
    with markdown, mirrored(gateway) as mirror, asking(mirror) as ask:
        yield "ours, Markdown embedded", ask


def peer(
    name: str, gateway: SampleGateway, texts: Sequence[str], embed: Callable[[str], list[float]]
) -> Iterator[tuple[str, Ask]]:
    """The ways of a peer, which ranks for these questions in its own environment."""
    asked = {
        "gateway": {key: getattr(gateway, key) for key in ("url", "cloud_id", "user", "token")},
        "pages": [str(page.id) for page in gateway.site.current()],
        "questions": texts,
    }
    command = [environment(name), "-W", "ignore", PEERS / f"{name}_rank.py"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said: dict[str, Any] = {}
        answer: Any = asked
        while "rankings" not in said:
            process.stdin.write(json.dumps(answer) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{name}: exit {process.wait()}")
            said = json.loads(line)
            answer = [embed(text) for text in said.get("embed", ())]
    for way, rankings in said["rankings"].items():
        yield way, answers_of(dict(zip(texts, rankings, strict=True)))


def answers_of(rankings: Mapping[str, Sequence[tuple[str, str]]]) -> Ask:
    """Answers from rankings that are there."""

    def ask(text: str, budget: int | None) -> list[Passage]:
        found = [Passage(*each) for each in rankings[text]]
        return found if budget is None else first_tokens(found, budget, ENCODING)

    return ask


@dataclass(frozen=True)
class Judged:
    """How well one way answers: each question, and each identifier that is asked alone."""

    questions: Sequence[Figures]
    identifiers: Sequence[bool]
    """Whether the first passage holds it whole."""


def judged(asked: Sequence[Asked], identifiers: Sequence[str], ask: Ask) -> Judged:
    """Ask all of it."""
    return Judged(
        [
            figures(
                each,
                [first_tokens(ask(each.text, budget), budget, ENCODING) for budget in BUDGETS],
                ask(each.text, None),
            )
            for each in asked
        ],
        [any(holds_whole(each.text, one) for each in ask(one, None)[:1]) for one in identifiers],
    )


def identifiers_in(asked: Sequence[Asked]) -> list[str]:
    """The identifiers of the evidence: ``hmac.compare_digest``, ``HB-2003``."""
    parts = (part for each in asked for part in each.evidence)
    return list(dict.fromkeys(part for part in parts if identifier_of(part) == part))


def row(name: str, way: Judged, best: Judged, asked: Sequence[Asked]) -> list[str]:
    """The cells of one way; ``best`` is ours."""
    cells = [name]
    for place in range(len(BUDGETS)):
        mine = [each.coverage[place] for each in best.questions]
        its = [each.coverage[place] for each in way.questions]
        cells.append(f"{mean(its):.3f}")
        differences = [one - other for one, other in zip(mine, its, strict=True)]
        low, high = interval(differences)
        cells.append("" if way is best else f"{mean(differences):+.3f} [{low:+.3f}, {high:+.3f}]")
    code = [
        found.coverage[0] == 1
        for each, found in zip(asked, way.questions, strict=True)
        if each.kind == "code"
    ]
    return [
        *cells,
        f"{mean([each.recall for each in way.questions]):.3f}",
        f"{mean([each.rank for each in way.questions]):.3f}",
        f"{sum(code)} of {len(code)}",
        f"{sum(way.identifiers)} of {len(way.identifiers)}",
    ]


def tell_missed(asked: Sequence[Asked], identifiers: Sequence[str], way: Judged) -> None:
    """Name what is not answered."""
    for each, found in zip(asked, way.questions, strict=True):
        if min(found.coverage) < 1:
            cells = " ".join(f"{share:.2f}" for share in found.coverage)
            print(f"    {cells} rank {found.rank:.2f} {each.kind}: {each.page}: {each.text}")
    for one, first in zip(identifiers, way.identifiers, strict=True):
        if not first:
            print(f"    not first: {one}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="name what we miss")
    verbose = parser.parse_args().verbose
    asked = questions()
    identifiers = identifiers_in(asked)
    texts = [*(each.text for each in asked), *identifiers]
    with closing(local_embedder()) as embedder, SampleGateway(demo_site(), legacy=True) as gateway:
        embed = cache(embedder.embed_question)
        ways = ours(gateway)
        found = {name: judged(asked, identifiers, ask) for name, ask in ways}
        for name in ("langchain", "llamaindex"):
            for way, ask in peer(name, gateway, texts, embed):
                found[way] = judged(asked, identifiers, ask)
    if verbose:
        tell_missed(asked, identifiers, found[OURS])
    rows = [row(name, way, found[OURS], asked) for name, way in found.items()]
    note = (
        f"{len(asked)} questions on {len(gateway.site.current())} pages. Coverage: the share of the"
        " evidence in the first tokens; the difference with its 95 % interval (paired bootstrap"
        " over the questions). recall@5: one of the first five passages holds all of it. nDCG@10:"
        " of pages. Code: questions about commands, settings and codes that are answered in full."
        " Identifiers: asked alone; the first passage holds it whole."
    )
    table = Table("retrieval", "Answers", COLUMNS, rows, note)
    publish("retrieval", [table], ["chromadb", "onnxruntime"])


if __name__ == "__main__":
    main()
