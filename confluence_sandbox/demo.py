"""The bundled site: a platform team's space, read from the files beside this module."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from confluence_sandbox.clock import Clock, parse_stamp
from confluence_sandbox.content import Comment
from confluence_sandbox.demo_files import add_file
from confluence_sandbox.site import Site
from confluence_sandbox.state import ROBOT

SPACE = "PLAT"
"""Key of the team's space."""


@dataclass(frozen=True)
class PageFile:
    """A ``.storage`` file: ``name: value`` lines, an empty line, and the body in storage format."""

    head: dict[str, str]
    body: str

    @classmethod
    def read(cls, file: Traversable) -> PageFile:
        """Read one. ``ValueError`` if there is no empty line after the head."""
        head, gap, body = file.read_text(encoding="utf-8").partition("\n\n")
        if not gap:
            raise ValueError(f"{file.name}: no empty line after the head")
        lines = (line.partition(":") for line in head.splitlines())
        return cls({name.strip(): value.strip() for name, _, value in lines}, body.strip())


def demo_site(*, clock: Clock | None = None) -> Site:
    """About forty pages that look like a real team's space, with comments, files and restrictions,
    and a few that a mirror must leave out."""
    site = Site(clock=clock)
    folder = files("confluence_sandbox").joinpath("site")
    plan = json.loads(folder.joinpath("site.json").read_text(encoding="utf-8"))
    people = _people(site, plan)
    for space in plan["spaces"]:
        made = site.add_space(space["key"], space["name"], type=space["type"], id=space["id"])
        made.created_at = parse_stamp(space["created"])
        pages = {page.head["id"]: page for page in _pages(folder.joinpath(space["folder"]))}
        nodes = {node["id"]: node for node in space["nodes"]}
        for content_id in [*nodes, *pages]:
            _place(site, space["key"], content_id, nodes, pages, people)
        made.homepage = space["homepage"]
        for said in _listed(folder.joinpath(space["folder"], "comments.json")):
            _add_comment(site, said, people)
        for file in _listed(folder.joinpath(space["folder"], "files.json")):
            add_file(site, file, people)
        if "viewers" in space:
            site.grant_space(space["key"], users=[people[name] for name in space["viewers"]])
    for named in plan["restrictions"]:
        users = [people[name] for name in named.get("users", [])]
        site.restrict_to(named["content"], users=users, groups=named.get("groups", []))
    return site


def _people(site: Site, plan: dict[str, Any]) -> dict[str, str]:
    """Add people and groups; gives the account ids by the short names that the files use."""
    ids = {"robot": ROBOT}
    for name, person in plan["people"].items():
        details = {key: value for key, value in person.items() if key not in ("id", "name")}
        site.add_person(person["name"], person["id"], **details)
        ids[name] = person["id"]
    for name, members in plan["groups"].items():
        site.add_group(name, [ids[member] for member in members])
    return ids


def _listed(file: Traversable) -> list[dict[str, Any]]:
    """The rows of a file that a space may have."""
    return list(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else []


def _pages(folder: Traversable) -> Iterator[PageFile]:
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".storage"):
            yield PageFile.read(file)


def _place(
    site: Site,
    space: str,
    content_id: str,
    nodes: dict[str, dict[str, str]],
    pages: dict[str, PageFile],
    people: dict[str, str],
) -> None:
    """Add one piece of content, its parents before it."""
    if content_id in site.content:
        return
    page = pages.get(content_id)
    head = page.head if page is not None else nodes[content_id]
    parent = head.get("parent") or None
    if parent is not None:
        _place(site, space, parent, nodes, pages, people)
    status = head.get("status", "current")
    site.add(
        space,
        head["title"],
        page.body if page is not None else head.get("url", ""),
        id=content_id,
        parent=parent,
        type=head.get("type", "page"),
        labels=[label.strip() for label in head.get("labels", "").split(",") if label.strip()],
        author=people[head["author"]],
        status="current" if status in ("trashed", "restricted") else status,
        subtype=head.get("subtype"),
        created_at=parse_stamp(head["created"]),
        modified_at=parse_stamp(head.get("modified", head["created"])),
        version=int(head.get("version", "1")),
    )
    if status == "trashed":
        site.trash(content_id)
    if status == "restricted":
        site.restrict(content_id)


def _add_comment(
    site: Site, plan: dict[str, Any], people: dict[str, str], above: Comment | None = None
) -> None:
    """Add a comment and its replies; then settle the thread, where it was settled."""
    author, body = people[plan["author"]], plan["body"]
    created = parse_stamp(plan["created"])
    if above is None:
        comment = site.add_comment(
            plan["page"],
            body,
            marker=plan.get("marker", ""),
            author=author,
            id=plan["id"],
            created_at=created,
        )
    else:
        comment = site.add_reply(above, body, author=author, id=plan["id"], created_at=created)
    for reply in plan.get("replies", []):
        _add_comment(site, reply, people, comment)
    settled = plan.get("resolved")
    if settled is not None:
        site.resolve_comment(comment, by=people[settled["by"]], at=parse_stamp(settled["at"]))
