"""What people say about pages: comments below them and on marked text, replies, resolutions.

Nothing of it makes a version of the page, not even the marker that an inline comment leaves in its
body.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import datetime
from html import unescape
from typing import TypeAlias

from confluence_sandbox.content import Comment, Content, VersionInfo
from confluence_sandbox.state import ROBOT, Ref, SiteState

CommentRef: TypeAlias = str | Comment
"""A comment, or its id."""


class SiteComments(SiteState):
    """A site's comments, and what becomes of them."""

    def add_comment(
        self,
        ref: Ref,
        body: str,
        *,
        marked: str = "",
        marker: str = "",
        author: str = ROBOT,
        id: str | None = None,
        created_at: datetime | None = None,
    ) -> Comment:
        """A footer comment; with ``marked`` an inline one on the first place in the page's storage
        body that reads so.

        ``marker`` names a marker that stands in the body already. ``ValueError`` if the body holds
        no such text or marker.
        """
        with self.lock:
            page = self.get(ref)
            comment = self._new_comment(page, body, author, id, created_at)
            if marked or marker:
                comment.location = "inline"
                comment.marker = marker or str(
                    uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.host}/{comment.id}")
                )
                comment.selection = self._mark(page, comment.marker, marked)
            return self._keep_comment(comment)

    def add_reply(
        self,
        ref: CommentRef,
        body: str,
        *,
        author: str = ROBOT,
        id: str | None = None,
        created_at: datetime | None = None,
    ) -> Comment:
        """An answer to a comment or to another answer."""
        with self.lock:
            above = self.comment(ref)
            page = self.content[above.container_id]
            reply = self._new_comment(page, body, author, id, created_at)
            reply.reply_to, reply.location = above.id, above.location
            reply.marker, reply.selection = above.marker, above.selection
            reply.resolution = above.resolution
            return self._keep_comment(reply)

    def edit_comment(self, ref: CommentRef, body: str, *, author: str | None = None) -> VersionInfo:
        """A new version of the comment."""
        with self.lock:
            comment = self.comment(ref)
            comment.source, before = body, comment.version
            who = author or before.author
            comment.version = VersionInfo(before.number + 1, self.clock.now(), who)
            self._changed(comment)
            return comment.version

    def resolve_comment(
        self,
        ref: CommentRef,
        *,
        by: str = ROBOT,
        at: datetime | None = None,
        versioned: bool = False,
    ) -> None:
        """Resolve the inline thread that this comment begins; ``versioned``: as the API does it,
        with a new version of the comment."""
        self._set_resolution(ref, "resolved", by, at, versioned)

    def reopen_comment(self, ref: CommentRef, *, by: str = ROBOT, versioned: bool = False) -> None:
        """Take a resolution back."""
        self._set_resolution(ref, "reopened", by, None, versioned)

    def remove_comment(self, ref: CommentRef, *, keep_replies: bool = False) -> None:
        """Gone for good, with its replies; or they move up to where it stood. The marker of an
        inline comment stays behind in the body."""
        with self.lock:
            comment = self.comment(ref)
            for reply in self.replies(comment):
                if keep_replies:
                    reply.reply_to = comment.reply_to
                    self._changed(reply)
                else:
                    self.remove_comment(reply)
            del self.comments[comment.id]
            del self._contained[comment.container_id][comment.id]
            self.index.drop(comment.id)
            self._changed()

    def comment(self, ref: CommentRef) -> Comment:
        """A comment by id. ``KeyError`` if it is gone."""
        return ref if isinstance(ref, Comment) else self.comments[ref]

    def replies(self, ref: CommentRef) -> list[Comment]:
        """The direct answers to a comment, by id."""
        comment = self.comment(ref)
        return [
            each for each in self.comments_of(comment.container_id) if each.reply_to == comment.id
        ]

    def comments_above(self, ref: CommentRef) -> list[Comment]:
        """From the comment that began it down to the one that this one answers."""
        chain: list[Comment] = []
        above = self.comments.get(self.comment(ref).reply_to or "")
        while above is not None:
            chain.append(above)
            above = self.comments.get(above.reply_to or "")
        return chain[::-1]

    # Inside

    def _new_comment(
        self, page: Content, body: str, author: str, id: str | None, created_at: datetime | None
    ) -> Comment:
        number = int(id) if id is not None else self._take_number()
        self._next_id = max(self._next_id, number + 1)
        created = created_at or self.clock.now()
        return Comment(
            id=str(number),
            number=number,
            type="comment",
            title=f"Re: {page.title}",
            space_id=page.space_id,
            author=author,
            created_at=created,
            version=VersionInfo(1, created, author),
            source=body,
            container_id=page.id,
        )

    def _keep_comment(self, comment: Comment) -> Comment:
        self.comments[comment.id] = comment
        self._contained.setdefault(comment.container_id, {})[comment.id] = comment
        self._changed(comment)
        return comment

    def _mark(self, page: Content, marker: str, marked: str) -> str:
        """Put a marker into the body, or find the one that is there; gives the text that it
        marks."""
        body = page.body
        opening = f'<ac:inline-comment-marker ac:ref="{marker}">'
        if marked:
            if marked not in body:
                raise ValueError(f"page {page.id} does not hold {marked!r}")
            wrapped = f"{opening}{marked}</ac:inline-comment-marker>"
            page.source = body.replace(marked, wrapped, 1)
            self._changed(page)
        elif opening not in body:
            raise ValueError(f"page {page.id} holds no marker {marker}")
        else:
            marked = body.partition(opening)[2].partition("</ac:inline-comment-marker>")[0]
        return unescape(re.sub(r"<[^>]+>", "", marked))

    def _set_resolution(
        self, ref: CommentRef, resolution: str, by: str, at: datetime | None, versioned: bool
    ) -> None:
        with self.lock:
            root = self.comment(ref)
            if root.location != "inline":
                raise ValueError(f"comment {root.id} is not an inline one")
            now = at or self.clock.now()
            for comment in [root, *self._below_comment(root)]:
                comment.resolution = resolution
                comment.resolved_by, comment.resolved_at = by, now
                self._changed(comment)
            if versioned:
                root.version = replace(root.version, number=root.version.number + 1, created_at=now)
                self._changed(root)

    def _below_comment(self, comment: Comment) -> list[Comment]:
        return [
            each for reply in self.replies(comment) for each in [reply, *self._below_comment(reply)]
        ]

    def _leave_dangling(self, page: Content) -> None:
        """Open inline comments whose marker an edit took away."""
        inline = [each for each in self.comments_of(page) if each.location == "inline"]
        body = page.body if inline else ""
        for comment in inline:
            if comment.resolution in ("open", "reopened") and comment.marker not in body:
                comment.resolution = "dangling"
