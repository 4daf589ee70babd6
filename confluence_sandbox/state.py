"""The state of a Confluence site, and how it is read."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias

from confluence_sandbox.clock import Clock
from confluence_sandbox.content import (
    BODY_TYPES,
    PREFIXES,
    Attached,
    Comment,
    Contained,
    Content,
    Group,
    Person,
    Readers,
    SpaceInfo,
)
from confluence_sandbox.index import Index

Ref: TypeAlias = str | Content
"""Content, or its id."""

ROBOT = "712020:5a3b9a51-64d8-4c1e-9f5c-0d8f6a7c1e20"
"""Account id of the credential itself."""


class SiteState:
    """What a site holds. Changes hold ``lock``; whoever reads while others change it holds it,
    too."""

    def __init__(
        self,
        *,
        host: str = "lighthouse-sample.atlassian.net",
        cloud_id: str = "8f7d2c9e-4b1a-4e6f-9c3d-2a5b7e9f1c04",
        clock: Clock | None = None,
    ) -> None:
        self.host = host
        self.cloud_id = cloud_id
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.anonymous = False
        """The credential has expired, and the site lets everybody in: only public spaces are
        seen."""
        self.revision = 0
        """Grows with every change, so that answers made from the state can be remembered."""
        self.people: dict[str, Person] = {ROBOT: Person(ROBOT, "Sync Robot", account_type="app")}
        self.everyone = self._new_group(f"confluence-users-{host.partition('.')[0]}")
        """Every user of the site."""
        self.everyone.members.add(ROBOT)
        self.groups: dict[str, Group] = {self.everyone.id: self.everyone}
        self.spaces: dict[int, SpaceInfo] = {}
        self.content: dict[str, Content] = {}
        self.files: dict[str, Attached] = {}
        self.comments: dict[str, Comment] = {}
        self.label_ids: dict[tuple[str, str], int] = {}
        self.index = Index(self.clock, self._everything)
        self._below: dict[str, dict[str, Content]] = {}
        self._contained: dict[str, dict[str, Contained]] = {}
        """What belongs to a page or blog post, by its id."""
        self._restrictions = 0
        self._asking = threading.local()
        self._next_id = 1_310_721
        self._next_space = 98_306
        self._positions = 0

    # Looking

    def get(self, ref: Ref) -> Content:
        """Content by id, whatever its status or visibility. ``KeyError`` if it was never there or
        is purged."""
        if isinstance(ref, Content):
            return ref
        found = self.find(ref)
        if found is None:
            raise KeyError(ref)
        return found

    def find(self, content_id: str) -> Content | None:
        """Content of any kind by id, what belongs to pages included."""
        found = self.content.get(content_id) or self.comments.get(content_id)
        return found or self.files.get(content_id)

    def comments_of(self, ref: Ref) -> list[Comment]:
        """The comments on a page or blog post, replies included, by id."""
        held = self._contained.get(self.get(ref).id, {}).values()
        found = [each for each in held if isinstance(each, Comment)]
        return sorted(found, key=lambda comment: comment.number)

    def files_of(self, ref: Ref, *statuses: str) -> list[Attached]:
        """The files on a page or blog post with one of these statuses (none named: current), by
        id."""
        held = self._contained.get(self.get(ref).id, {}).values()
        wanted = statuses or ("current",)
        found = [each for each in held if isinstance(each, Attached) and each.status in wanted]
        return sorted(found, key=lambda file: file.number)

    def space(self, key: str) -> SpaceInfo:
        """A space by key, upper or lower case. ``KeyError`` if there is none."""
        for space in self.spaces.values():
            if space.key.lower() == key.lower():
                return space
        raise KeyError(key)

    def space_of(self, ref: Ref) -> SpaceInfo:
        """The space that holds this content."""
        return self.spaces[self.get(ref).space_id]

    def ancestors(self, ref: Ref) -> list[Content]:
        """From the root down to the parent."""
        chain: list[Content] = []
        parent = self.content.get(self.get(ref).parent_id or "")
        while parent is not None:
            chain.append(parent)
            parent = self.content.get(parent.parent_id or "")
        return chain[::-1]

    def children(self, ref: Ref) -> list[Content]:
        """Direct children of every type and status, in the order of the tree."""
        found = self._below.get(self.get(ref).id, {}).values()
        return sorted(found, key=lambda content: (content.position, content.number))

    def descendants(self, ref: Ref) -> Iterator[Content]:
        """Everything below, parents first."""
        waiting = self.children(ref)[::-1]
        while waiting:
            child = waiting.pop()
            yield child
            waiting += self.children(child)[::-1]

    @property
    def viewer(self) -> str:
        """Whose eyes this thread looks with: the credential's, unless ``asking`` says
        otherwise."""
        return getattr(self._asking, "account", ROBOT)

    @contextmanager
    def asking(self, account_id: str) -> Iterator[None]:
        """Look with the eyes of this user."""
        before, self._asking.account = self.viewer, account_id
        try:
            yield
        finally:
            self._asking.account = before

    def visible(self, ref: Ref) -> bool:
        """May the one who asks read it?"""
        return self.can_read(self.viewer, ref)

    def can_read(self, account_id: str, ref: Ref) -> bool:
        """May this user read it? They must view the space, and be named by each restriction on it
        and above it; comments and files are read by whoever reads their page."""
        content = self.get(ref)
        if isinstance(content, Contained):
            container = self.content.get(content.container_id)
            return (
                account_id == ROBOT if container is None else self.can_read(account_id, container)
            )
        if not self.can_view(account_id, self.spaces[content.space_id]):
            return False
        return not self._restrictions or all(
            each.readers is None or self.admits(each.readers, account_id)
            for each in [content, *self.ancestors(content)]
        )

    def can_view(self, account_id: str, space: SpaceInfo) -> bool:
        """May this user see this space?"""
        if account_id == ROBOT:
            return not space.hidden and (space.public or not self.anonymous)
        person = self.people.get(account_id)
        if person is None or person.status != "active":
            return False
        return space.public or self.admits(self.viewers(space), account_id)

    def viewers(self, space: SpaceInfo) -> Readers:
        """Who may view a space beside the credential."""
        return space.readers or Readers(groups=(self.everyone.id,))

    def admits(self, readers: Readers, account_id: str) -> bool:
        """Are they named, or a member of a group that is?"""
        return account_id in readers.users or any(
            account_id in self.groups[each].members for each in readers.groups
        )

    def groups_of(self, account_id: str) -> list[Group]:
        """The groups that a user is a member of, by name."""
        found = [group for group in self.groups.values() if account_id in group.members]
        return sorted(found, key=lambda group: group.name)

    def is_shown(self, contained: Contained) -> bool:
        """Is it on a page that the one who asks sees, and that is not in the trash?"""
        holder = self.content[contained.container_id]
        return holder.status in ("current", "archived") and self.visible(holder)

    def sees(self, space: SpaceInfo) -> bool:
        """May the one who asks see this space?"""
        return self.can_view(self.viewer, space)

    def current(self, *space_keys: str) -> list[Content]:
        """The current pages and blog posts that the credential sees, by id: what a mirror of these
        spaces holds.

        Without a key: of every space.
        """
        with self.lock:
            wanted = {self.space(key).id for key in space_keys} or set(self.spaces)
            found = [
                content
                for content in self.content.values()
                if content.type in BODY_TYPES
                and content.status == "current"
                and content.space_id in wanted
                and self.visible(content)
            ]
            return sorted(found, key=lambda content: content.number)

    def label_id(self, prefix: str, name: str) -> int:
        """The site-wide id of a label; one is made at first sight."""
        return self.label_ids.setdefault((prefix, name), 720_897 + len(self.label_ids))

    # Inside

    def _changed(self, content: Content | None = None) -> None:
        self.revision += 1
        if content is None:
            return
        if isinstance(content, Contained):
            self.index.note(self._indexed(content))
            return
        self.index.note(content)
        for each in self._contained.get(content.id, {}).values():
            each.space_id = content.space_id
            if isinstance(each, Comment):
                each.title = f"Re: {content.title}"
            self.index.note(self._indexed(each))

    def _indexed(self, contained: Contained) -> Contained:
        """As the index is to know it: what belongs to a page that is not current is not found."""
        status = self.content[contained.container_id].status
        return contained if status == "current" else replace(contained, status=status)

    def _everything(self) -> Iterator[Content]:
        yield from self.content.values()
        for held in self._contained.values():
            yield from map(self._indexed, held.values())

    def _hang(self, content: Content, parent_id: str | None) -> None:
        """Change the parent, and what is known below it."""
        self._below.get(content.parent_id or "", {}).pop(content.id, None)
        content.parent_id = parent_id
        if parent_id is not None:
            self._below.setdefault(parent_id, {})[content.id] = content

    def _set_status(self, ref: Ref, status: str) -> None:
        with self.lock:
            content = self.get(ref)
            content.status = status
            self._changed(content)

    def _restrict(self, ref: Ref, readers: Readers | None) -> None:
        with self.lock:
            content = self.get(ref)
            self._restrictions += int(readers is not None) - int(content.restricted)
            content.readers = readers
            self._changed()

    def _new_group(self, name: str) -> Group:
        return Group(str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.host}/group/{name}")), name)

    def _promote_children(self, content: Content) -> None:
        for child in self.children(content):
            self._hang(child, content.parent_id)
            self._changed(child)

    def _forget(self, content: Content) -> None:
        if content.restricted:
            self._restrictions -= 1
        self.content.pop(content.id, None)
        self._hang(content, None)
        for each in self._contained.pop(content.id, {}):
            self.comments.pop(each, None)
            self.files.pop(each, None)
            self.index.drop(each)
        self.index.drop(content.id)

    def _take_number(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _labels(self, labels: Iterable[str]) -> tuple[tuple[str, str], ...]:
        pairs: list[tuple[str, str]] = []
        for label in labels:
            prefix, colon, name = label.partition(":")
            pair = (prefix, name) if colon and prefix in PREFIXES else ("global", label)
            if pair not in pairs:
                pairs.append(pair)
                self.label_id(*pair)
        return tuple(pairs)
