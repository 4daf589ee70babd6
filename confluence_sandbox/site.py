"""The state of a Confluence site, and everything that can happen to it.

Versions and dates move as the real one's do: only an edit or a new title makes a version; moves,
labels, restrictions, archiving, trashing and restoring leave it as it is.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from confluence_sandbox.clock import Clock
from confluence_sandbox.content import (
    BODY_TYPES,
    PREFIXES,
    Attached,
    Content,
    Person,
    SpaceInfo,
    VersionInfo,
)
from confluence_sandbox.index import Index

Ref: TypeAlias = str | Content
"""Content, or its id."""

ROBOT = "712020:5a3b9a51-64d8-4c1e-9f5c-0d8f6a7c1e20"
"""Account id of the credential itself."""


class Site:
    """A Confluence site in memory. Changes hold ``lock``; whoever reads beside them holds it,
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
        self.spaces: dict[int, SpaceInfo] = {}
        self.content: dict[str, Content] = {}
        self.attachments: dict[str, list[Attached]] = {}
        self.label_ids: dict[tuple[str, str], int] = {}
        self.index = Index(self.clock, self.content)
        self._below: dict[str, dict[str, Content]] = {}
        self._restrictions = 0
        self._next_id = 1_310_721
        self._next_space = 98_306
        self._positions = 0

    # -- looking
    # ----------------------------------------------------------------------------------------------

    def get(self, ref: Ref) -> Content:
        """Content by id, whatever its status or visibility. ``KeyError`` if it was never there or
        is purged."""
        return ref if isinstance(ref, Content) else self.content[ref]

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

    def visible(self, ref: Ref) -> bool:
        """May the credential read it? Restrictions are inherited; a hidden space hides all it
        holds."""
        content = self.get(ref)
        if not self.sees(self.spaces[content.space_id]) or content.restricted:
            return False
        return not self._restrictions or not any(
            ancestor.restricted for ancestor in self.ancestors(content)
        )

    def sees(self, space: SpaceInfo) -> bool:
        """May the credential see this space?"""
        return not space.hidden and (space.public or not self.anonymous)

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

    # -- people and spaces
    # ---------------------------------------------------------------------------------------

    def add_person(
        self, display_name: str | None, account_id: str | None = None, **details: str
    ) -> Person:
        """A user; without an id one is made from the name."""
        account_id = (
            account_id or f"712020:{uuid.uuid5(uuid.NAMESPACE_DNS, f'{self.host}/{display_name}')}"
        )
        with self.lock:
            person = Person(account_id, display_name, **details)
            self.people[account_id] = person
            self._changed()
            return person

    def add_space(
        self,
        key: str,
        name: str,
        *,
        type: str = "global",
        id: int | None = None,
        status: str = "current",
    ) -> SpaceInfo:
        """A space without content."""
        with self.lock:
            number = id if id is not None else self._next_space
            self._next_space = max(self._next_space, number) + 32_769
            space = SpaceInfo(number, key, name, type, status, self.clock.now(), ROBOT)
            self.spaces[number] = space
            self._changed()
            return space

    def remove_space(self, key: str) -> None:
        """A space and all that it holds, for good."""
        with self.lock:
            space = self.space(key)
            for content in [
                content for content in self.content.values() if content.space_id == space.id
            ]:
                self._forget(content)
            del self.spaces[space.id]
            self._changed()

    def rename_space(self, key: str, name: str) -> None:
        """Another name; the key stays."""
        with self.lock:
            self.space(key).name = name
            self._changed()

    def archive_space(self, key: str, archived: bool = True) -> None:
        """Archive a space, or bring it back. Its pages stay ``current``; the index leaves them
        out."""
        with self.lock:
            self.space(key).status = "archived" if archived else "current"
            self._changed()

    def hide_space(self, key: str, hidden: bool = True) -> None:
        """Take the credential's permission to see the space, or give it back."""
        with self.lock:
            self.space(key).hidden = hidden
            self._changed()

    def rekey_space(self, key: str, new: str) -> None:
        """Another key; the id stays, and the old key still leads to it."""
        with self.lock:
            space = self.space(key)
            space.key, space.alias = new, space.key
            self._changed()

    def publish_space(self, key: str, public: bool = True) -> None:
        """Let anonymous visitors see a space, or no longer."""
        with self.lock:
            self.space(key).public = public
            self._changed()

    def expire(self, expired: bool = True) -> None:
        """The credential expires on a site that lets anonymous visitors in; or it is renewed."""
        with self.lock:
            self.anonymous = expired
            self._changed()

    # -- content
    # ----------------------------------------------------------------------------------------------

    def add(
        self,
        space: str,
        title: str,
        body: str | Callable[[], str] = "<p />",
        *,
        parent: Ref | None = None,
        type: str = "page",
        labels: Iterable[str] = (),
        author: str = ROBOT,
        status: str = "current",
        subtype: str | None = None,
        id: str | None = None,
        created_at: datetime | None = None,
        modified_at: datetime | None = None,
        version: int = 1,
    ) -> Content:
        """New content of any type. A folder, whiteboard, database or embed has no body; a blog post
        no parent."""
        with self.lock:
            number = int(id) if id is not None else self._next_id
            self._next_id = max(self._next_id, number + 1)
            created = created_at or self.clock.now()
            self._positions += 1
            content = Content(
                id=str(number),
                number=number,
                type=type,
                title=title,
                space_id=self.space(space).id,
                author=author,
                created_at=created,
                version=VersionInfo(version, modified_at or created, author),
                status=status,
                position=self._positions,
                subtype=subtype,
                labels=self._labels(labels),
                source=body,
            )
            self.content[content.id] = content
            self._hang(content, None if parent is None else self.get(parent).id)
            self._changed(content)
            return content

    def edit(
        self,
        ref: Ref,
        body: str | Callable[[], str] | None = None,
        *,
        title: str | None = None,
        author: str | None = None,
        message: str = "",
    ) -> VersionInfo:
        """A new version with this body (or the old one, saved again) and title."""
        with self.lock:
            content = self.get(ref)
            content.source = content.source if body is None else body
            content.title = title or content.title
            who = author or content.version.author
            content.version = VersionInfo(
                content.version.number + 1, self.clock.now(), who, message
            )
            self._changed(content)
            return content.version

    def rename(self, ref: Ref, title: str) -> VersionInfo:
        """A new title, which is a new version."""
        return self.edit(ref, title=title)

    def draft(self, ref: Ref) -> None:
        """Take it back to an unpublished draft. New drafts: ``add(…, status="draft")``."""
        self._set_status(ref, "draft")

    def archive(self, ref: Ref) -> None:
        """Archive one page: it keeps its parent and its version, and leaves the index."""
        self._set_status(ref, "archived")

    def unarchive(self, ref: Ref) -> None:
        """Bring an archived page back. The version stays as it was."""
        self._set_status(ref, "current")

    def trash(self, ref: Ref) -> None:
        """To the trash, without a parent; its children move up to where it stood."""
        with self.lock:
            content = self.get(ref)
            self._promote_children(content)
            content.former_parent = content.parent_id
            self._hang(content, None)
            self._set_status(content, "trashed")

    def restore(self, ref: Ref) -> None:
        """Out of the trash, to its parent if that still stands. The version keeps its old date."""
        with self.lock:
            content = self.get(ref)
            parent = self.content.get(content.former_parent or "")
            self._hang(
                content, parent.id if parent is not None and parent.status == "current" else None
            )
            self._set_status(content, "current")

    def delete(self, ref: Ref) -> None:
        """Purged, but the row stays behind with the status ``deleted``."""
        with self.lock:
            self.trash(ref)
            self._set_status(ref, "deleted")

    def purge(self, ref: Ref) -> None:
        """Gone for good: nothing answers for this id any more."""
        with self.lock:
            content = self.get(ref)
            self._promote_children(content)
            self._forget(content)
            self._changed()

    def move(self, ref: Ref, *, parent: Ref | None = None, space: str | None = None) -> None:
        """Below another parent (None: to the root), and with all that is below it into another
        space."""
        with self.lock:
            content = self.get(ref)
            above = None if parent is None else self.get(parent)
            if above is not None and (above is content or content in self.ancestors(above)):
                raise ValueError(f"{above.id} is below {content.id}")
            self._hang(content, None if above is None else above.id)
            target = above.space_id if above is not None else content.space_id
            target = self.space(space).id if space is not None else target
            self._positions += 1
            content.position = self._positions
            for moved in [content, *self.descendants(content)]:
                moved.space_id = target
                self._changed(moved)

    def move_space(self, ref: Ref, space: str) -> None:
        """To the root of another space, with all that is below it."""
        self.move(ref, space=space)

    def restrict(self, ref: Ref) -> None:
        """Read restrictions that leave the credential out; everything below is hidden with it."""
        self._restrict(ref, True)

    def unrestrict(self, ref: Ref) -> None:
        """Open it again."""
        self._restrict(ref, False)

    def relabel(self, ref: Ref, labels: Iterable[str]) -> None:
        """Exactly these labels: ``name``, or ``prefix:name`` with ``my``, ``team`` or ``system``.
        No new version."""
        with self.lock:
            content = self.get(ref)
            content.labels = self._labels(labels)
            self._changed(content)

    def age(self, ref: Ref, *, hours: float) -> None:
        """Make it as if it had been last saved that much earlier."""
        with self.lock:
            content = self.get(ref)
            earlier = content.version.created_at - timedelta(hours=hours)
            content.version = replace(content.version, created_at=earlier)
            content.created_at = min(content.created_at, earlier)
            self._changed(content)

    def age_all(self, *, hours: float) -> None:
        """``age`` for everything that the site holds."""
        for content in list(self.content.values()):
            self.age(content, hours=hours)

    def forget_history(self, ref: Ref, versions: int) -> None:
        """Delete that many earlier versions: the numbers close up, the moment of the last one
        stays."""
        with self.lock:
            content = self.get(ref)
            content.version = replace(
                content.version, number=max(1, content.version.number - versions)
            )
            self._changed(content)

    def attach(
        self, ref: Ref, filename: str, data: bytes, *, media_type: str = "application/octet-stream"
    ) -> Attached:
        """A file on a page; the page gets no new version."""
        with self.lock:
            content = self.get(ref)
            self._next_id += 1
            file = Attached(
                id=f"att{self._next_id}",
                page_id=content.id,
                filename=filename,
                media_type=media_type,
                data=data,
                version=VersionInfo(1, self.clock.now(), content.author),
                file_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{content.id}/{filename}")),
            )
            self.attachments.setdefault(content.id, []).append(file)
            self._changed()
            return file

    def label_id(self, prefix: str, name: str) -> int:
        """The site-wide id of a label; one is made at first sight."""
        return self.label_ids.setdefault((prefix, name), 720_897 + len(self.label_ids))

    # -- inside
    # ----------------------------------------------------------------------------------------------

    def _changed(self, content: Content | None = None) -> None:
        self.revision += 1
        if content is not None:
            self.index.note(content)

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

    def _restrict(self, ref: Ref, restricted: bool) -> None:
        with self.lock:
            content = self.get(ref)
            self._restrictions += int(restricted) - int(content.restricted)
            content.restricted = restricted
            self._changed()

    def _promote_children(self, content: Content) -> None:
        for child in self.children(content):
            self._hang(child, content.parent_id)
            self._changed(child)

    def _forget(self, content: Content) -> None:
        if content.restricted:
            self._restrictions -= 1
        self.content.pop(content.id, None)
        self._hang(content, None)
        self.attachments.pop(content.id, None)
        self.index.drop(content.id)

    def _labels(self, labels: Iterable[str]) -> tuple[tuple[str, str], ...]:
        pairs: list[tuple[str, str]] = []
        for label in labels:
            prefix, colon, name = label.partition(":")
            pair = (prefix, name) if colon and prefix in PREFIXES else ("global", label)
            if pair not in pairs:
                pairs.append(pair)
                self.label_id(*pair)
        return tuple(pairs)
