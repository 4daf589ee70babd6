"""Everything that can happen to a Confluence site.

Versions and dates move as the real one's do: only an edit or a new title makes a version; moves,
labels, restrictions, archiving, trashing and restoring leave it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from confluence_sandbox.content import Attached, Content, SpaceInfo, VersionInfo
from confluence_sandbox.site_access import SiteAccess
from confluence_sandbox.site_comments import SiteComments
from confluence_sandbox.site_files import SiteFiles
from confluence_sandbox.state import ROBOT, Ref


class Site(SiteAccess, SiteComments, SiteFiles):
    """A Confluence site in memory, and what people do with it."""

    # Spaces

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

    def rekey_space(self, key: str, new: str) -> None:
        """Another key; the id stays, and the old key still leads to it."""
        with self.lock:
            space = self.space(key)
            space.key, space.alias = new, space.key
            self._changed()

    def expire(self, expired: bool = True) -> None:
        """The credential expires on a site that lets anonymous visitors in; or it is renewed."""
        with self.lock:
            self.anonymous = expired
            self._changed()

    # Content

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
            self._leave_dangling(content)
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
            if isinstance(content, Attached):
                newest = replace(content.newest, version=content.version)
                content.uploads = (*content.uploads[:-1], newest)
            self._changed(content)

    def age_all(self, *, hours: float) -> None:
        """``age`` for everything that the site holds."""
        for content in [*self.content.values(), *self.comments.values(), *self.files.values()]:
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
