"""The v1 routes that are still published: search by CQL, and users."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from confluence_sandbox import cql
from confluence_sandbox.clock import parse_stamp, stamp
from confluence_sandbox.content import Contained, Content
from confluence_sandbox.media import MediaHost
from confluence_sandbox.paging import Key, Listing, decode, encode
from confluence_sandbox.replies import Answer, Request, RequestError, v1_error
from confluence_sandbox.rows_v1 import RowsV1
from confluence_sandbox.site import Site
from confluence_sandbox.state import ROBOT
from confluence_sandbox.switches import Switches

_MARK = "_h_W10="
_START = "_t_"
_REMEMBERED = 16
_FOUND_TYPES = (
    "page",
    "blogpost",
    "folder",
    "whiteboard",
    "database",
    "embed",
    "comment",
    "attachment",
)


class V1:
    """Answers for ``/rest/api``."""

    def __init__(self, site: Site, switches: Switches) -> None:
        self.site = site
        self.switches = switches
        self.base = ""
        """The site's address as links give it, set by the gateway."""
        self.media = MediaHost(site, switches)
        self._found: dict[tuple[Any, ...], Listing[Content]] = {}

    def rows(self) -> RowsV1:
        """The maker of rows."""
        limits = {
            "nested_labels": self.switches.nested_labels,
            "nested_restrictions": self.switches.nested_restrictions,
        }
        return RowsV1(self.site, self.base, **limits)

    # -- search

    def content_search(self, request: Request) -> Answer:
        """``GET /content/search``: bare Content rows, and no total."""
        expand = _expand(request)
        rows, links, limit = self._search(request, expand)
        made = [self.rows().content(row, expand) for row in rows]
        return Answer(
            {"results": made, "start": 0, "limit": limit, "size": len(made), "_links": links}
        )

    def search(self, request: Request) -> Answer:
        """``GET /search``: the same in envelopes, with a total that is not to be trusted."""
        expand = _expand(request)
        rows, links, limit = self._search(request, expand)
        excerpt = request.one("excerpt", "highlight")
        made = [
            self.rows().hit(row, expand, "" if excerpt == "none" else row.title) for row in rows
        ]
        total = len(self._results(request.one("cql"), self._asked_at(self._state(request))).items)
        return Answer(
            {
                "results": made,
                "start": 0,
                "limit": limit,
                "size": len(made),
                "totalSize": total + self.switches.total_size_error,
                "cqlQuery": request.one("cql"),
                "searchDuration": 7,
                "archivedResultCount": 0,
                "_links": links,
            }
        )

    def _search(
        self, request: Request, expand: frozenset[str]
    ) -> tuple[list[Content], dict[str, str], int]:
        if "cql" not in request.query:
            raise RequestError(
                v1_error(400, "CQL parameter is required", kind="BadRequestException")
            )
        text, limit, state = request.one("cql"), self._limit(request, expand), self._state(request)
        asked_at = self._asked_at(state)
        listing = self._results(text, asked_at)
        links = {
            "base": self.base,
            "context": "/wiki",
            "self": f"{self.base}{request.path}?{urlencode({'cql': text})}",
        }
        page = int(state.get("page", 0))
        if self.switches.empty_pages and page > 0 and not state.get("empty"):
            links["next"] = self._next(request, text, limit, {**state, "empty": True})
            return [], links, limit
        short = page % 2 == 1 and limit > self.switches.short_pages
        after = tuple(state["after"]) if state.get("after") else None
        rows, following = listing.page(after, limit - self.switches.short_pages if short else limit)
        self._refuse_hidden_ancestors(rows, expand)
        if following is not None or self.switches.endless:
            onward = {
                "at": asked_at,
                "page": page + 1,
                "after": list(following or listing.end or ()),
            }
            if self.switches.duplicate_rows and rows:
                onward["again"] = rows[-1].id
            stuck = self.switches.repeat_cursor and state
            links["next"] = self._next(request, text, limit, state if stuck else onward)
        repeated = self.site.index.row(state.get("again"))
        rows = [repeated, *rows] if repeated is not None else rows
        return rows[::-1] if self.switches.swap_rows else rows, links, limit

    def _asked_at(self, state: dict[str, Any]) -> str:
        """When the query was first asked: the pages of one walk share it."""
        return str(state.get("at") or stamp(self.site.clock.now()))

    def _limit(self, request: Request, expand: frozenset[str]) -> int:
        text = request.one("limit", "25")
        if not text.lstrip("-").isdigit():
            raise RequestError(
                v1_error(400, f"For input string: {text}", kind="BadRequestException")
            )
        cap = self.cap(expand, self.switches.caps.expand if expand else self.switches.caps.search)
        return max(1, min(int(text), cap))

    def cap(self, expand: frozenset[str], otherwise: int) -> int:
        """Bodies are given by the dozen, rendered ones by fewer."""
        names = {name.removeprefix("content.") for name in expand}
        if any(name.startswith(("body.export_view", "body.styled_view")) for name in names):
            return self.switches.caps.export
        return (
            self.switches.caps.body if any(name.startswith("body") for name in names) else otherwise
        )

    def _results(self, text: str, asked_at: str) -> Listing[Content]:
        self.site.index.settle()
        state = (self.site.revision, self.site.index.revision)
        question = (self.site.viewer, text, asked_at, *state)
        if question not in self._found:
            context = cql.Context(
                now=parse_stamp(asked_at),
                zone=ZoneInfo(self.switches.cql_time_zone),
                spaces=self.site.spaces.get,
                parent=self.site.index.row,
                through_folders=self.switches.ancestor_through_folders,
            )
            try:
                query = cql.parse(text, context)
            except cql.CqlError as error:
                raise RequestError(v1_error(400, str(error), kind="BadRequestException")) from error
            found = [
                row
                for row in self.site.index.rows()
                if self._searchable(row) and query.matches(row)
            ]
            field, descending = query.order[0] if query.order else ("id", False)
            while len(self._found) >= _REMEMBERED:
                self._found.pop(next(iter(self._found)))
            self._found[question] = Listing.of(
                found, lambda row: self._key(row, field), descending=descending
            )
        return self._found[question]

    def _key(self, row: Content, field: str) -> Key:
        values = {
            "lastmodified": lambda: stamp(row.version.created_at),
            "created": lambda: stamp(row.created_at),
            "title": lambda: row.title.lower(),
            "space": lambda: self.site.spaces[row.space_id].key,
        }
        return (values[field](), row.number) if field in values else (row.number,)

    def _searchable(self, row: Content) -> bool:
        """Permissions are asked when the query is answered; an archived space is left out."""
        space = self.site.spaces.get(row.space_id)
        if (
            space is None
            or not self.site.sees(space)
            or space.status != "current"
            or row.type not in _FOUND_TYPES
        ):
            return False
        content = self.site.find(row.id)
        if content is None and not isinstance(row, Contained):
            return self.site.viewer == ROBOT
        return self.site.visible(content or row)

    def _refuse_hidden_ancestors(self, rows: list[Content], expand: frozenset[str]) -> None:
        """Expanding the restrictions of ancestors fails the whole page if one of them is a draft or
        in the trash."""
        if not any("ancestors.restrictions" in name for name in expand):
            return
        for row in rows:
            for above in self.rows().above(row) if self.site.find(row.id) else []:
                if above.status in ("draft", "trashed"):
                    raise RequestError(
                        v1_error(404, f"No content with id <ContentId{{id={above.id}}}>")
                    )

    def _state(self, request: Request) -> dict[str, Any]:
        cursor = request.one("cursor")
        if not cursor:
            return {}
        if not cursor.startswith(_START) or not cursor.endswith(_MARK):
            raise RequestError(
                v1_error(400, "XP-Search Aggregator: invalid cursor", kind="BadRequestException")
            )
        try:
            return decode(cursor[len(_START) : -len(_MARK)].rstrip("~"))
        except ValueError as error:
            raise RequestError(v1_error(500, "XP-Search Aggregator: cannot read cursor")) from error

    def _next(self, request: Request, text: str, limit: int, state: dict[str, Any]) -> str:
        """Relative to the context ``/wiki``; ``excerpt`` is not carried, ``start`` means
        nothing."""
        grown = "~" * (self.switches.cursor_growth * int(state.get("page", 0)))
        cursor = f"{_START}{encode(state)}{grown}{_MARK}"
        values = {"next": "true", "cursor": cursor, "limit": limit, "start": limit, "cql": text}
        if self.switches.next_keeps_expand and request.one("expand"):
            values["expand"] = request.one("expand")
        return f"{request.path}?{urlencode(values, quote_via=quote)}"

    # -- users and files

    def current_user(self, _request: Request) -> Answer:
        """``GET /user/current``: 200 for those who come without a good credential, where the site
        lets them in."""
        if self.site.anonymous:
            return Answer(self.rows().nobody())
        viewer = self.site.viewer
        return Answer(self.rows().user(self.site.people[viewer], viewer))

    def users(self, request: Request) -> Answer:
        """``GET /user/bulk``: a hundred at most, more are ignored in silence."""
        wanted = request.query.get("accountId", [])
        if not wanted:
            raise RequestError(v1_error(400, "accountId is required", kind="BadRequestException"))
        rows = self.rows()
        made = [rows.user(self.site.people.get(each), each) for each in wanted[:100]]
        results = [
            row | {"displayName": row["displayName"] or "", "email": row["email"] or ""}
            for row in made
        ]
        links = {"base": self.base, "context": "/wiki", "self": f"{self.base}/rest/api/user/bulk"}
        return Answer(
            {"results": results, "start": 0, "limit": 100, "size": len(results), "_links": links}
        )

    def download(self, request: Request, content_id: str, attachment_id: str) -> Answer:
        """``GET /content/{id}/child/attachment/{attachmentId}/download``: a redirect to another
        host."""
        file = self.site.files.get(attachment_id)
        held = file is not None and file.container_id == content_id
        if file is None or not held or file.status != "current" or not self.site.is_shown(file):
            raise RequestError(
                v1_error(404, f"No attachment with id {attachment_id}", kind="NotFoundException")
            )
        text = request.one("version")
        upload = file.upload(int(text)) if text.isdigit() else file.newest
        if upload is None:
            raise RequestError(v1_error(404, f"No version {text}", kind="NotFoundException"))
        return Answer("", 302, {"Location": self.media.address(file, upload)})


def _expand(request: Request) -> frozenset[str]:
    return frozenset(request.many("expand"))
