"""Sites with random trees of restrictions and groups, the same for the same seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from confluence_sandbox.clock import Clock
from confluence_sandbox.content import Content
from confluence_sandbox.site import Site

_SPACES = ("ALL", "TEAM", "FEW")
"""Viewed by every user of the site, by some groups, by a few people and a group."""
_PLACES = ("folder", "whiteboard", "database")
_DEEPEST = 8


def restricted_site(
    pages: int = 1_000,
    *,
    users: int = 50,
    groups: int = 12,
    seed: int = 1,
    restricted: float = 0.12,
    clock: Clock | None = None,
) -> Site:
    """A site with exactly ``pages`` pages and blog posts in three spaces, each with a word of its
    own in its body (``needle17``), and now and then a comment and a file.

    ``restricted`` is the share of content with restrictions of its own: pages, folders, whiteboards
    and databases alike. Two users cannot sign in any more, and one group was removed after
    restrictions had named it. The credential reads everything.
    """
    site = Site(clock=clock)
    chance = random.Random(f"access {seed}")  # noqa: S311 - the same site every time is the point
    people = [
        site.add_person(f"Person {at}", f"712020:10000000-0000-4000-8000-{at:012d}").account_id
        for at in range(users)
    ]
    names = [f"group {at}" for at in range(groups)]
    for name in names:
        site.add_group(name, chance.sample(people, chance.randint(1, max(1, users // 3))))
    for key in _SPACES:
        site.add_space(key, f"Space {key}")
    site.grant_space("TEAM", groups=chance.sample(names, min(3, groups)))
    site.grant_space("FEW", users=chance.sample(people, users // 5), groups=names[:1])
    parents: dict[str, list[tuple[Content, int]]] = {key: [] for key in _SPACES}
    for at in range(pages):
        key = chance.choice(_SPACES)
        if chance.random() < 0.08:
            _place(site, chance, parents[key], key, f"Place {at}", "", chance.choice(_PLACES))
        kind = "blogpost" if chance.random() < 0.03 else "page"
        body = f"<p>Only here stands needle{at}.</p>"
        _place(site, chance, parents[key], key, f"Page {at}", body, kind)
    for content in list(site.content.values()):
        if chance.random() < restricted:
            named = chance.sample(people, chance.choice((0, 1, 3)))
            some = chance.sample(names, chance.choice((0, 1, 2)) if named else 1)
            site.restrict_to(content, users=named, groups=some)
    for account_id in people[-2:]:
        site.deactivate(account_id)
    site.remove_group(names[-1])
    return site


def _place(
    site: Site,
    chance: random.Random,
    parents: list[tuple[Content, int]],
    space: str,
    title: str,
    body: str,
    kind: str,
) -> None:
    """Add content somewhere in the tree, and to a few pages a comment or a file."""
    above = chance.choice(parents) if parents and chance.random() < 0.95 else None
    if kind == "blogpost":
        above = None
    saved = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(500_000))
    content = site.add(
        space,
        title,
        body,
        type=kind,
        parent=None if above is None else above[0],
        created_at=saved,
    )
    depth = 0 if above is None else above[1] + 1
    if kind != "blogpost" and depth < _DEEPEST:
        parents.append((content, depth))
    if body and chance.random() < 0.05:
        site.add_comment(content, f"<p>And a comment: {title}</p>", created_at=saved)
    if body and chance.random() < 0.05:
        text = f"And a file: {title}\n".encode()
        site.attach_file(content, f"{title}.txt", text, media_type="text/plain", created_at=saved)
