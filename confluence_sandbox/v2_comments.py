"""The v2 routes of comments: lists on pages give the beginnings of threads, replies are asked for
one level at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from confluence_sandbox import rows_v2 as rows
from confluence_sandbox.clock import stamp
from confluence_sandbox.content import Comment
from confluence_sandbox.paging import Key, Listing, v2_page
from confluence_sandbox.replies import Answer, Request, RequestError, v2_error
from confluence_sandbox.v2 import LIST_FORMATS, SINGLE_FORMATS, V2, invalid

RESOLUTIONS = ("resolved", "open", "dangling", "reopened")
SORTS: dict[str, Callable[[Comment], Key]] = {
    "created-date": lambda comment: (stamp(comment.created_at), comment.number),
    "modified-date": lambda comment: (stamp(comment.version.created_at), comment.number),
}


class CommentsV2:
    """Answers for the comments' part of ``/api/v2``."""

    def __init__(self, v2: V2) -> None:
        self.v2 = v2
        self.site = v2.site

    def on_content(self, request: Request, kind: str, location: str, content_id: str) -> Answer:
        """``GET /pages/{id}/footer-comments``, and its like for blog posts and inline comments."""
        holder = self.v2.visible_content(kind, content_id)
        if holder.status in ("trashed", "draft"):
            raise RequestError(v2_error(404, f"Cannot find a {kind} with id [{content_id}]"))
        wanted = request.many("resolution-status")
        for resolution in wanted:
            if resolution not in RESOLUTIONS:
                raise invalid(resolution, "resolution-status")
        statuses = request.many("status") or ["current"]
        found = [
            comment
            for comment in self.site.comments_of(holder)
            if comment.location == location
            and comment.reply_to is None
            and comment.status in statuses
            and (not wanted or location == "footer" or comment.resolution in wanted)
        ]
        return self._listed(request, found, holder=True)

    def everywhere(self, request: Request, location: str) -> Answer:
        """``GET /footer-comments`` and ``GET /inline-comments``: of the whole site, replies
        included."""
        found = [each for each in self.site.comments.values() if each.location == location]
        return self._listed(request, filter(self.site.is_shown, found), holder=True, above=True)

    def single(self, request: Request, location: str, comment_id: str) -> Answer:
        """``GET /footer-comments/{id}`` and ``GET /inline-comments/{id}``."""
        comment = self._comment(location, comment_id)
        body_format = request.one("body-format")
        if body_format and body_format not in SINGLE_FORMATS:
            raise invalid(body_format, "body-format")
        made = rows.comment(self.site, comment, body_format, holder=True, above=True)
        if location == "inline":
            at = comment.resolved_at
            made["resolutionLastModifierId"] = comment.resolved_by or None
            made["resolutionLastModifiedAt"] = None if at is None else stamp(at)
        made["_links"] |= {"base": self.v2.base}
        return Answer(made)

    def children(self, request: Request, location: str, comment_id: str) -> Answer:
        """``GET /footer-comments/{id}/children`` and its like: the direct answers."""
        above = self._comment(location, comment_id)
        return self._listed(request, self.site.replies(above), above=True)

    def _comment(self, location: str, comment_id: str) -> Comment:
        if not comment_id.isdigit():
            raise invalid(comment_id, "id")
        comment = self.site.comments.get(comment_id)
        if comment is None or comment.location != location or not self.site.is_shown(comment):
            title = f"Cannot find a {location} comment with id [{comment_id}]"
            raise RequestError(v2_error(404, title))
        return comment

    def _listed(
        self,
        request: Request,
        found: Iterable[Comment],
        *,
        holder: bool = False,
        above: bool = False,
    ) -> Answer:
        body_format = request.one("body-format")
        if body_format and body_format not in LIST_FORMATS:
            raise invalid(body_format, "body-format")
        sort = request.one("sort", "created-date")
        if sort.lstrip("-") not in SORTS:
            raise invalid(sort, "sort")
        key = SORTS[sort.lstrip("-")]
        return v2_page(
            request,
            Listing.of(found, key, descending=sort.startswith("-")),
            lambda comment: rows.comment(
                self.site, comment, body_format, holder=holder, above=above
            ),
            cap=self.v2.switches.caps.v2,
            base=self.v2.base,
        )
