"""Sites of any size, the same for the same seed. Bodies are made when they are asked for."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from confluence_sandbox.clock import Clock
from confluence_sandbox.content import Comment
from confluence_sandbox.site import Site

_SUBJECTS = [
    "The ingest worker",
    "The billing exporter",
    "The nightly batch",
    "Our edge proxy",
    "The schema registry",
    "The read replica",
    "The feature flag service",
    "The on-call engineer",
    "The release train",
    "A stale cache entry",
    "The message broker",
    "The audit log",
    "The staging cluster",
    "The token issuer",
    "The search index",
    "A retried upload",
    "The rate limiter",
]
_VERBS = [
    "restarts",
    "falls behind",
    "is rebuilt",
    "reports to the status page",
    "waits for a quorum",
    "drops its connections",
    "is drained",
    "writes a checkpoint",
    "refuses new work",
    "rotates its keys",
    "is moved to the new subnet",
    "needs an approval",
    "doubles its memory",
    "keeps the last good copy",
    "is compared with the ledger",
]
_REASONS = [
    "when the queue grows beyond {n} entries",
    "after {n} seconds without an answer",
    "once every {n} minutes",
    "unless the flag rollout is above {n} percent",
    "while fewer than {n} replicas are ready",
    "because the contract with the vendor allows {n} calls a minute",
    "if the disk holds less than {n} GB",
    "as decided in review {n}",
    "and nobody noticed for {n} hours",
    "so that {n} tenants are never cut off at once",
]
_TOPICS = [
    "Backups",
    "Deployments",
    "Incidents",
    "Access",
    "Costs",
    "Monitoring",
    "Networking",
    "Data model",
    "Onboarding",
    "Testing",
    "Queues",
]
_LABELS = [
    "runbook",
    "decision",
    "howto",
    "meeting-notes",
    "known-issue",
    "architecture",
    "draft-idea",
    "quarterly",
    "security",
    "data",
]
_NAMES = (
    "Ada Brandt",
    "Bao Nguyen",
    "Chiara Conti",
    "Dmitri Volkov",
    "Ella Fisher",
    "Farid Haddad",
    None,
)
_TEXT_FILES = (("txt", "text/plain"), ("md", "text/markdown"), ("csv", "text/csv"))
_SAID = datetime(2025, 6, 1, tzinfo=UTC)
"""When the first comment was made and the first file uploaded."""
_LARGEST = 500_000
_SIGMA = 1.2


def generated_site(
    pages: int,
    *,
    seed: int = 1,
    spaces: Sequence[str] = ("GEN",),
    median: int = 3_000,
    largest: int = _LARGEST,
    comments: float = 0.0,
    files: float = 0.0,
    clock: Clock | None = None,
) -> Site:
    """A site on which ``current()`` gives exactly ``pages`` pages and blog posts, spread evenly
    over the spaces.

    Body sizes are log-normal around ``median`` characters of storage format; one page in a thousand
    has between 40 and 100 percent of ``largest``. Beside them stand folders, archived and trashed
    pages. Every page was last saved between one and three years before the start of 2026.
    ``comments`` and ``files`` are how many a page has on average; every fourth comment is an
    answer.
    """
    site = Site(clock=clock)
    chance = random.Random(f"site {seed}")  # noqa: S311 - the same site every time is the point
    authors = [
        site.add_person(name, f"712020:00000000-0000-4000-8000-{at:012d}")
        for at, name in enumerate(_NAMES)
    ]
    parents: dict[str, list[str]] = {}
    for key in spaces:
        site.add_space(key, f"Space {key}")
        parents[key] = (
            [site.add(key, f"{key} home", f"<p>Welcome to {key}.</p>").id]
            if pages >= len(spaces)
            else []
        )
        if parents[key]:
            site.space(key).homepage = parents[key][0]
            site.age(parents[key][0], hours=24 * 800)
    left_out = 0
    for at in range(max(0, pages - len(spaces))):
        key = spaces[at % len(spaces)]
        kind = "blogpost" if chance.random() < 0.03 else "page"
        saved = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(
            minutes=chance.randrange(525_600, 3 * 525_600)
        )
        size = body_size(chance, at, median, largest)
        page = site.add(
            key,
            f"{chance.choice(_TOPICS)} {at + 1}",
            partial(generated_body, seed, at, size),
            type=kind,
            parent=(
                chance.choice(parents[key]) if kind == "page" and chance.random() < 0.9 else None
            ),
            labels=chance.sample(_LABELS, chance.choice((0, 0, 1, 2, 3))),
            author=chance.choice(authors).account_id,
            created_at=saved - timedelta(days=chance.randrange(300)),
            modified_at=saved,
            version=1 + int(chance.expovariate(0.2)),
        )
        if kind == "page" and chance.random() < 0.2:
            parents[key] = [*parents[key][-30:], page.id]
        if at % 50 == 49:
            folder = site.add(
                key, f"Folder {at + 1}", type="folder", parent=chance.choice(parents[key])
            )
            parents[key].append(folder.id)
            left_out += 1
            other = site.add(key, f"Left out {left_out}", "<p>Not for the mirror.</p>")
            (site.archive if left_out % 2 else site.trash)(other)
    _add_comments(site, seed, round(comments * pages))
    _add_files(site, seed, round(files * pages))
    return site


def _add_comments(site: Site, seed: int, count: int) -> None:
    chance, pages = random.Random(f"comments {seed}"), site.current()  # noqa: S311
    said: list[Comment] = []
    for _ in range(count):
        saved = _SAID + timedelta(minutes=chance.randrange(200_000))
        if said and chance.random() < 0.25:
            comment = site.add_reply(chance.choice(said), _prose(chance), created_at=saved)
        else:
            comment = site.add_comment(chance.choice(pages), _prose(chance), created_at=saved)
        said.append(comment)


def _add_files(site: Site, seed: int, count: int) -> None:
    chance, pages = random.Random(f"files {seed}"), site.current()  # noqa: S311
    for at in range(count):
        kind, media_type = chance.choice(_TEXT_FILES)
        text = "\n".join(_sentence(chance) for _ in range(chance.randrange(1, 9)))
        site.attach_file(
            chance.choice(pages),
            f"{chance.choice(_TOPICS)} {at + 1}.{kind}",
            text.encode(),
            media_type=media_type,
            created_at=_SAID + timedelta(minutes=chance.randrange(200_000)),
        )


def body_size(chance: random.Random, at: int, median: int, largest: int) -> int:
    """Characters of a body."""
    if at % 1000 == 500:
        return int(largest * chance.uniform(0.4, 1.0))
    return min(largest, max(80, int(median * math.exp(chance.gauss(0.0, _SIGMA)))))


def generated_body(seed: int, at: int, size: int) -> str:
    """A storage body of about ``size`` characters, the same for the same numbers."""
    chance = random.Random(f"body {seed} {at}")  # noqa: S311
    parts = [f"<p>This is page {at + 1} of the generated site. {_sentence(chance)}</p>"]
    length = len(parts[0])
    while length < size:
        part = chance.choice(_PARTS)(chance)
        parts.append(part)
        length += len(part)
    return "".join(parts)


def _sentence(chance: random.Random) -> str:
    reason = chance.choice(_REASONS).format(n=chance.randrange(2, 5_000))
    return f"{chance.choice(_SUBJECTS)} {chance.choice(_VERBS)} {reason}."


def _prose(chance: random.Random) -> str:
    return f"<p>{' '.join(_sentence(chance) for _ in range(chance.randrange(2, 7)))}</p>"


def _heading(chance: random.Random) -> str:
    level = chance.choice((2, 2, 3))
    return f"<h{level}>{chance.choice(_TOPICS)} {chance.randrange(1_000)}</h{level}>" + _prose(
        chance
    )


def _list(chance: random.Random) -> str:
    return (
        "<ul>"
        + "".join(f"<li><p>{_sentence(chance)}</p></li>" for _ in range(chance.randrange(2, 6)))
        + "</ul>"
    )


def _table(chance: random.Random) -> str:
    rows = "".join(
        f"<tr><td><p>{chance.choice(_TOPICS)}</p></td><td><p>{chance.randrange(10_000)}</p></td>"
        f"<td><p>{_sentence(chance)}</p></td></tr>"
        for _ in range(chance.randrange(2, 6))
    )
    head = "<tr><th><p>Area</p></th><th><p>Count</p></th><th><p>Note</p></th></tr>"
    return f"<table><tbody>{head}{rows}</tbody></table>"


def _code(chance: random.Random) -> str:
    lines = "\n".join(
        f"limit[{chance.randrange(100)}] = {chance.randrange(10_000)}" for _ in range(4)
    )
    return (
        '<ac:structured-macro ac:name="code" ac:schema-version="1"'
        f' ac:macro-id="{chance.getrandbits(64):016x}">'
        '<ac:parameter ac:name="language">python</ac:parameter>'
        f"<ac:plain-text-body><![CDATA[{lines}]]></ac:plain-text-body></ac:structured-macro>"
    )


def _panel(chance: random.Random) -> str:
    name = chance.choice(("info", "note", "warning", "tip"))
    return (
        f'<ac:structured-macro ac:name="{name}"'
        f' ac:schema-version="1"><ac:rich-text-body><p>{_sentence(chance)}</p>'
        "</ac:rich-text-body></ac:structured-macro>"
    )


_PARTS = (_prose, _prose, _prose, _heading, _heading, _list, _table, _code, _panel)
