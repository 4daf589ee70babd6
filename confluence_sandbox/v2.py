"""The v2 routes: strongly consistent, by cursor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from confluence_sandbox import rows_v2 as rows
from confluence_sandbox.clock import stamp
from confluence_sandbox.content import Content
from confluence_sandbox.paging import Key, Listing, limit_of, v2_page
from confluence_sandbox.replies import Answer, Request, RequestError, v2_error
from confluence_sandbox.site import Site
from confluence_sandbox.switches import Switches

LIST_STATUSES = {
    "page": ("current", "archived", "deleted", "trashed"),
    "blogpost": ("current", "deleted", "trashed"),
}
DEFAULT_STATUSES = {"page": ("current", "archived"), "blogpost": ("current",)}
LIST_FORMATS = ("storage", "atlas_doc_format")
SINGLE_FORMATS = (*LIST_FORMATS, *rows.RENDERED, "editor")
SORTS: dict[str, Callable[[Content], Key]] = {
    "id": lambda content: (content.number,),
    "created-date": lambda content: (stamp(content.created_at), content.number),
    "modified-date": lambda content: (stamp(content.version.created_at), content.number),
    "title": lambda content: (content.title.lower(), content.number),
}
_REMEMBERED = 16


class V2:
    """Answers for ``/api/v2``."""

    def __init__(self, site: Site, switches: Switches) -> None:
        self.site = site
        self.switches = switches
        self.base = ""
        """The site's address as links give it, set by the gateway."""
        self._listings: dict[tuple[Any, ...], tuple[int, Listing[Content]]] = {}

    # -- spaces

    def spaces(self, request: Request) -> Answer:
        """``GET /spaces``."""
        keys = {key.lower() for key in request.many("keys")}
        ids, types, statuses = (set(request.many(name)) for name in ("ids", "type", "status"))
        found = [
            space
            for space in self.site.spaces.values()
            if self.site.sees(space)
            and (not keys or {space.key.lower(), space.alias.lower()} & keys)
            and (not ids or str(space.id) in ids)
            and (not types or space.type in types)
            and (not statuses or space.status in statuses)
        ]
        sort = request.one("sort", "id")
        if sort.lstrip("-") not in ("id", "key", "name"):
            raise invalid(sort, "sort")
        field = sort.lstrip("-")
        listing = Listing.of(
            found, lambda space: (getattr(space, field), space.id), descending=sort.startswith("-")
        )
        return v2_page(request, listing, rows.space, cap=self.switches.caps.v2, base=self.base)

    def space(self, _request: Request, space_id: str) -> Answer:
        """``GET /spaces/{id}``."""
        space = self.site.spaces[self.space_number(space_id)]
        made = rows.space(space)
        del made["currentActiveAlias"]
        return Answer(made | {"_links": self._links(f"/spaces/{space.key}")})

    def space_pages(self, request: Request, space_id: str) -> Answer:
        """``GET /spaces/{id}/pages``."""
        return self._content(
            request,
            "page",
            space_ids=(self.space_number(space_id),),
            root_only=request.one("depth") == "root",
        )

    def space_blogposts(self, request: Request, space_id: str) -> Answer:
        """``GET /spaces/{id}/blogposts``."""
        return self._content(request, "blogpost", space_ids=(self.space_number(space_id),))

    def space_labels(self, request: Request, space_id: str) -> Answer:
        """``GET /spaces/{id}/content/labels``: every label of the space's content, each once."""
        number = self.space_number(space_id)
        held = (
            pair
            for content in self.site.content.values()
            if content.space_id == number
            and content.status == "current"
            and self.site.visible(content)
            for pair in content.labels
        )
        return self.label_page(request, held)

    # -- pages and blog posts

    def pages(self, request: Request) -> Answer:
        """``GET /pages``."""
        return self._content(request, "page", space_ids=_integers(request, "space-id", 100))

    def blogposts(self, request: Request) -> Answer:
        """``GET /blogposts``."""
        return self._content(request, "blogpost", space_ids=_integers(request, "space-id", 100))

    def page(self, request: Request, content_id: str) -> Answer:
        """``GET /pages/{id}``."""
        return self._single(request, "page", content_id)

    def blogpost(self, request: Request, content_id: str) -> Answer:
        """``GET /blogposts/{id}``."""
        return self._single(request, "blogpost", content_id)

    def page_labels(self, request: Request, content_id: str) -> Answer:
        """``GET /pages/{id}/labels``."""
        return self.label_page(request, self.visible_content("page", content_id).labels)

    def blogpost_labels(self, request: Request, content_id: str) -> Answer:
        """``GET /blogposts/{id}/labels``."""
        return self.label_page(request, self.visible_content("blogpost", content_id).labels)

    def label_pages(self, request: Request, label_id: str) -> Answer:
        """``GET /labels/{id}/pages``."""
        return self._labelled(request, "page", label_id)

    def label_blogposts(self, request: Request, label_id: str) -> Answer:
        """``GET /labels/{id}/blogposts``."""
        return self._labelled(request, "blogpost", label_id)

    # -- the tree

    def node(self, _request: Request, kind: str, content_id: str) -> Answer:
        """``GET /folders/{id}`` and its like for whiteboards, databases and embeds."""
        content = self.visible_content(kind, content_id)
        made = rows.node(
            self.site,
            content,
            date_as_number=kind == "folder" and self.switches.folder_date_as_number,
        )
        return Answer(made | {"_links": self._links(made["_links"]["webui"])})

    def direct_children(self, request: Request, kind: str, content_id: str) -> Answer:
        """``GET /pages/{id}/direct-children`` and ``GET /folders/{id}/direct-children``."""
        above = self.visible_content(kind, content_id)
        found = [child for child in self.site.children(above) if self._in_tree(child)]
        listing = Listing.of(found, lambda child: (child.position, child.number))
        return v2_page(request, listing, rows.child, cap=self.switches.caps.v2, base=self.base)

    def descendants(self, request: Request, content_id: str) -> Answer:
        """``GET /pages/{id}/descendants``: two levels unless asked for more, ten at most, the rest
        cut in silence."""
        above = self.visible_content("page", content_id)
        depth = request.one("depth", "2")
        if not depth.isdigit() or int(depth) < 1:
            raise invalid(depth, "depth")
        found = list(self._levels(above, 1, min(10, int(depth))))
        listing = Listing.of(found, lambda pair: (pair[1], pair[0].number))
        return v2_page(
            request,
            listing,
            lambda pair: rows.child(pair[0], pair[1]),
            cap=self.switches.caps.v2,
            base=self.base,
        )

    def _levels(self, above: Content, level: int, deepest: int) -> Iterator[tuple[Content, int]]:
        for child in self.site.children(above):
            if self._in_tree(child):
                yield child, level
                if level < deepest:
                    yield from self._levels(child, level + 1, deepest)

    def _in_tree(self, content: Content) -> bool:
        return content.status == "current" and self.site.visible(content)

    def ancestors(self, request: Request, content_id: str) -> Answer:
        """``GET /pages/{id}/ancestors``: the nearest ones, from the top down, without a cursor."""
        above = self.site.ancestors(self.visible_content("page", content_id))
        nearest = above[-limit_of(request, self.switches.caps.v2) :]
        return Answer(
            {
                "results": [{"id": each.id, "type": each.type} for each in nearest],
                "_links": self._links(),
            }
        )

    # -- by POST

    def users_bulk(self, request: Request) -> Answer:
        """``POST /users-bulk``."""
        wanted = _posted(request, "accountIds", 250)
        found = [
            self.site.people[each] for each in dict.fromkeys(wanted) if each in self.site.people
        ]
        return Answer({"results": [rows.person(each) for each in found], "_links": self._links()})

    def convert_ids(self, request: Request) -> Answer:
        """``POST /content/convert-ids-to-types``: null for what is not there or not visible."""
        types: dict[str, str | None] = {}
        for content_id in _posted(request, "contentIds", 100):
            content = self.site.content.get(content_id)
            types[content_id] = (
                content.type if content is not None and self.site.visible(content) else None
            )
        return Answer({"results": types})

    # -- inside

    def _links(self, webui: str = "") -> dict[str, str]:
        return {"base": self.base, "webui": webui} if webui else {"base": self.base}

    def space_number(self, space_id: str) -> int:
        """The id of a space that the one who asks sees; else an error is raised."""
        if not space_id.isdigit():
            raise invalid(space_id, "id")
        space = self.site.spaces.get(int(space_id))
        if space is None or not self.site.sees(space):
            raise RequestError(v2_error(404, f"Space with id [{space_id}] not found"))
        return space.id

    def visible_content(self, kind: str, content_id: str) -> Content:
        """Content of this type that the credential sees; else an error is raised."""
        if not content_id.isdigit():
            raise invalid(content_id, "id")
        content = self.site.content.get(content_id)
        if (
            content is None
            or content.type != kind
            or content.status == "deleted"
            or not self.site.visible(content)
        ):
            raise RequestError(v2_error(404, f"Cannot find a {kind} with id [{content_id}]"))
        return content

    def _single(self, request: Request, kind: str, content_id: str) -> Answer:
        content = self.visible_content(kind, content_id)
        body_format = request.one("body-format")
        if body_format and body_format not in SINGLE_FORMATS:
            raise invalid(body_format, "body-format")
        wanted = request.many("status") or ["current", "archived", "trashed"]
        wanted += ["draft"] if request.one("get-draft") == "true" else []
        if content.status not in wanted:
            raise RequestError(v2_error(404, f"Cannot find a {kind} with id [{content_id}]"))
        made = rows.row(self.site, content, body_format)
        made.pop("subtype", None)
        made["_links"] |= {"base": self.base}
        if request.one("include-labels") == "true":
            made["labels"] = self.included_labels(content, f"{kind}s/{content.id}")
        return Answer(made)

    def _content(
        self,
        request: Request,
        kind: str,
        *,
        space_ids: tuple[int, ...] = (),
        root_only: bool = False,
        label_id: int = 0,
    ) -> Answer:
        ids = tuple(str(each) for each in _integers(request, "id", 250))
        statuses = tuple(sorted(set(request.many("status")))) or DEFAULT_STATUSES[kind]
        for status in statuses:
            if status not in LIST_STATUSES[kind]:
                raise invalid(status, "status")
        body_format = request.one("body-format")
        if body_format and body_format not in LIST_FORMATS:
            raise invalid(body_format, "body-format")
        sort = request.one("sort", "id")
        if sort.lstrip("-") not in SORTS or (kind == "blogpost" and sort.lstrip("-") == "title"):
            raise invalid(sort, "sort")
        title, subtype = request.one("title"), request.one("subtype")

        def wanted(content: Content) -> bool:
            return (
                content.type == kind
                and content.status in statuses
                and (not space_ids or content.space_id in space_ids)
                and (not title or content.title == title)
                and (not subtype or (content.subtype or "page") == subtype)
                and (not root_only or content.parent_id is None)
                and (
                    not label_id
                    or any(self.site.label_id(*pair) == label_id for pair in content.labels)
                )
                and self.site.visible(content)
            )

        asked = (kind, ids, statuses, space_ids, sort, title, subtype, root_only, label_id)
        question = (self.site.viewer, *asked)
        listing = self._remembered(question, ids, wanted, sort)
        return v2_page(
            request,
            listing,
            lambda content: rows.row(self.site, content, body_format),
            cap=self.switches.caps.v2,
            base=self.base,
        )

    def _remembered(
        self,
        question: tuple[Any, ...],
        ids: tuple[str, ...],
        wanted: Callable[[Content], bool],
        sort: str,
    ) -> Listing[Content]:
        known = self._listings.get(question)
        if known is not None and known[0] == self.site.revision:
            return known[1]
        among = (
            self.site.content[each] for each in dict.fromkeys(ids) if each in self.site.content
        )
        found = filter(wanted, among if ids else self.site.content.values())
        listing = Listing.of(found, SORTS[sort.lstrip("-")], descending=sort.startswith("-"))
        if not ids:
            while len(self._listings) >= _REMEMBERED:
                self._listings.pop(next(iter(self._listings)))
            self._listings[question] = (self.site.revision, listing)
        return listing

    def _labelled(self, request: Request, kind: str, label_id: str) -> Answer:
        if not label_id.isdigit():
            raise invalid(label_id, "id")
        if int(label_id) not in self.site.label_ids.values():
            raise RequestError(v2_error(404, f"Cannot find a label with id [{label_id}]"))
        return self._content(
            request, kind, space_ids=_integers(request, "space-id", 100), label_id=int(label_id)
        )

    def included_labels(self, content: Content, where: str) -> dict[str, Any]:
        """The first fifty labels, within the row of what has them."""
        held = [rows.label(self.site, *pair) for pair in content.labels]
        more = {"hasMore": len(held) > 50, "cursor": ""}
        links = {"self": f"/wiki/api/v2/{where}/labels"}
        return {"results": held[:50], "meta": more, "_links": links}

    def label_page(self, request: Request, pairs: Iterable[tuple[str, str]]) -> Answer:
        """These labels, by id."""
        prefix = request.one("prefix")
        wanted = {pair for pair in pairs if not prefix or pair[0] == prefix}
        listing = Listing.of(wanted, lambda pair: (self.site.label_id(*pair),))
        return v2_page(
            request,
            listing,
            lambda pair: rows.label(self.site, *pair),
            cap=self.switches.caps.v2,
            base=self.base,
        )


def invalid(value: str, name: str) -> RequestError:
    """A parameter that is refused."""
    return RequestError(
        v2_error(400, f"Provided value {{{value}}} for '{name}' is not the correct type")
    )


def _integers(request: Request, name: str, most: int) -> tuple[int, ...]:
    values = request.many(name)
    for value in values:
        if not value.isdigit():
            raise invalid(value, name)
    if len(values) > most:
        raise RequestError(v2_error(400, f"'{name}' takes at most {most} values"))
    return tuple(int(value) for value in values)


def _posted(request: Request, name: str, most: int) -> list[str]:
    try:
        values = json.loads(request.body)[name]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(v2_error(400, f"'{name}' is missing")) from error
    if not isinstance(values, list) or len(values) > most:
        raise RequestError(v2_error(400, f"'{name}' takes at most {most} values"))
    return [str(value) for value in values]
