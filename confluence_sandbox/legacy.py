"""The removed v1 routes, as old clients still ask for them: listings by offset, with deprecation
headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from confluence_sandbox.content import Content
from confluence_sandbox.replies import Answer, Request, RequestError, v1_error
from confluence_sandbox.v1 import V1

T = TypeVar("T")

DEPRECATION = {
    "Deprecation": "Wed, 1 Mar 2023 00:00:00 GMT",
    "Link": (
        "<https://developer.atlassian.com/cloud/confluence/changelog/#CHANGE-864>;"
        ' rel="deprecation"'
    ),
    "Warning": '299 - "Deprecated API, will be removed on Mon, 31 Mar 2025 00:00:00 GMT"',
}
_LAST_START = 100_000


class Legacy:
    """Answers for v1 routes that a healthy gateway meets with 410."""

    def __init__(self, v1: V1) -> None:
        self.v1 = v1
        self.site = v1.site

    def contents(self, request: Request) -> Answer:
        """``GET /content``."""
        key, kind = request.one("spaceKey").lower(), request.one("type", "page")
        status, title = request.one("status", "current"), request.one("title")
        found = [
            content
            for content in self.site.content.values()
            if content.type == kind
            and content.status in (("current", "trashed") if status == "any" else (status,))
            and (not key or self.site.spaces[content.space_id].key.lower() == key)
            and (not title or content.title == title)
            and self.site.visible(content)
        ]
        return self._content_page(request, sorted(found, key=lambda content: content.number))

    def content(self, request: Request, content_id: str) -> Answer:
        """``GET /content/{id}``."""
        return self._deprecated(
            self.v1.rows().content(self._visible(content_id), self._expand(request))
        )

    def child_pages(self, request: Request, content_id: str) -> Answer:
        """``GET /content/{id}/child/page``."""
        above = self._visible(content_id)
        found = [
            child
            for child in self.site.children(above)
            if child.type == "page" and child.status == "current" and self.site.visible(child)
        ]
        return self._content_page(request, found)

    def child_attachments(self, request: Request, content_id: str) -> Answer:
        """``GET /content/{id}/child/attachment``."""
        return self._content_page(request, self.site.files_of(self._visible(content_id)))

    def labels(self, request: Request, content_id: str) -> Answer:
        """``GET /content/{id}/label``."""
        limit, start = self._number(request, "limit", 200), self._number(request, "start", 0)
        if limit < 1:
            raise RequestError(v1_error(400, "limit must be positive", kind="BadRequestException"))
        return self._deprecated(
            self.v1.rows().labels(self._visible(content_id), min(limit, 200), start)
        )

    def spaces(self, request: Request) -> Answer:
        """``GET /space``."""
        wanted = {key.lower() for key in request.many("spaceKey")}
        found = [
            space
            for space in self.site.spaces.values()
            if self.v1.site.sees(space) and (not wanted or space.key.lower() in wanted)
        ]
        return self._page(request, sorted(found, key=lambda space: space.id), self.v1.rows().space)

    def space(self, _request: Request, key: str) -> Answer:
        """``GET /space/{key}``."""
        for space in self.site.spaces.values():
            if space.key.lower() == key.lower() and self.v1.site.sees(space):
                return self._deprecated(self.v1.rows().space(space))
        raise RequestError(v1_error(404, f"No space with key : {key}", kind="NotFoundException"))

    # -- inside

    def _visible(self, content_id: str) -> Content:
        content = self.site.content.get(content_id)
        if content is None or content.status != "current" or not self.site.visible(content):
            message = f"No content found with id: ContentId{{id={content_id}}}"
            refused = v1_error(404, message, kind="NotFoundException")
            refused.headers.update(DEPRECATION)
            raise RequestError(refused)
        return content

    def _content_page(self, request: Request, found: Sequence[Content]) -> Answer:
        expand = self._expand(request)
        most = self.v1.cap(expand, self.v1.switches.caps.legacy)
        return self._page(
            request, found, lambda content: self.v1.rows().content(content, expand), most
        )

    def _page(
        self,
        request: Request,
        found: Sequence[T],
        make: Callable[[T], dict[str, Any]],
        most: int | None = None,
    ) -> Answer:
        start = self._number(request, "start", 0)
        if start > _LAST_START:
            raise RequestError(
                v1_error(
                    400, "Start of this size is no longer supported", kind="BadRequestException"
                )
            )
        limit = min(self._number(request, "limit", 25), most or self.v1.switches.caps.legacy)
        given = found[start : start + limit]
        carried = {
            name: values[0]
            for name, values in sorted(request.query.items())
            if name not in ("limit", "start", "next")
        }
        own = f"{request.path}?{urlencode(carried)}" if carried else request.path
        links = {"base": self.v1.base, "context": "/wiki", "self": f"{self.v1.base}{own}"}
        if start + limit < len(found):
            onward = {**carried, "next": "true", "limit": limit, "start": start + limit}
            links["next"] = f"{request.path}?{urlencode(onward)}"
        made = [make(each) for each in given]
        return self._deprecated(
            {"results": made, "start": start, "limit": limit, "size": len(made), "_links": links}
        )

    def _deprecated(self, payload: dict[str, Any]) -> Answer:
        return Answer(payload, headers=dict(DEPRECATION))

    def _expand(self, request: Request) -> frozenset[str]:
        return frozenset([*request.many("expand"), "space", "version", "history"])

    def _number(self, request: Request, name: str, default: int) -> int:
        text = request.one(name, str(default)) or str(default)
        if not text.isdigit():
            raise RequestError(
                v1_error(400, f"For input string: {text}", kind="BadRequestException")
            )
        return int(text)
