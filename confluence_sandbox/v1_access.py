"""The v1 routes of restrictions, of a user's groups, and of what somebody may do."""

from __future__ import annotations

import json
from urllib.parse import urlencode
from zlib import crc32

from confluence_sandbox.content import Content
from confluence_sandbox.replies import Answer, Request, RequestError, v1_error
from confluence_sandbox.rows_access import OPERATIONS
from confluence_sandbox.v1 import V1

_MOST_GROUPS = 200


class AccessV1:
    """Answers for the permissions' part of ``/rest/api``."""

    def __init__(self, v1: V1) -> None:
        self.v1 = v1
        self.site = v1.site

    def restrictions(self, request: Request, content_id: str) -> Answer:
        """``GET /content/{id}/restriction``: every operation, with lists from ``start`` on."""
        content = self._visible(content_id)
        start, limit = _number(request, "start", 0), _number(request, "limit", 100)
        rows = self.v1.rows().access
        made = [rows.restriction(content, each, start=start, limit=limit) for each in OPERATIONS]
        where = f"{self.v1.base}{request.path}"
        return Answer(
            {
                "results": made,
                "start": start,
                "limit": limit,
                "size": len(made),
                "restrictionsHash": f"{crc32(repr(rows.readers(content)).encode()):08x}",
                "_links": {"self": where, "base": self.v1.base, "context": "/wiki"},
            }
        )

    def by_operation(self, request: Request, content_id: str) -> Answer:
        """``GET /content/{id}/restriction/byOperation``: the first hundred of each list."""
        content = self._visible(content_id)
        rows = self.v1.rows().access
        made = {operation: rows.restriction(content, operation) for operation in OPERATIONS}
        links = {
            "self": f"{self.v1.base}{request.path}",
            "base": self.v1.base,
            "context": "/wiki",
        }
        return Answer({**made, "_links": links})

    def one_operation(self, request: Request, content_id: str, operation: str) -> Answer:
        """``GET /content/{id}/restriction/byOperation/{operation}``: lists from ``start`` on."""
        content = self._visible(content_id)
        if operation not in OPERATIONS:
            raise _missing(f"No such operation: {operation}")
        start, limit = _number(request, "start", 0), _number(request, "limit", 100)
        rows = self.v1.rows().access
        return Answer(rows.restriction(content, operation, start=start, limit=limit))

    def names_user(self, request: Request, content_id: str, operation: str) -> Answer:
        """``GET /content/{id}/restriction/byOperation/{operation}/user``: 200 without a body for
        one who is named, 404 for another."""
        readers = self.v1.rows().access.readers(self._visible(content_id))
        if operation != "read" or request.one("accountId") not in readers.users:
            raise _missing("No restriction for this user")
        return Answer("")

    def names_group(
        self, _request: Request, content_id: str, operation: str, group_id: str
    ) -> Answer:
        """``GET /content/{id}/restriction/byOperation/{operation}/byGroupId/{groupId}``."""
        readers = self.v1.rows().access.readers(self._visible(content_id))
        if operation != "read" or group_id not in readers.groups:
            raise _missing("No restriction for this group")
        return Answer("")

    def groups_of_user(self, request: Request) -> Answer:
        """``GET /user/memberof``: two hundred groups at most, also of one who cannot sign in."""
        account_id = request.one("accountId")
        if account_id not in self.site.people:
            raise _missing(f"No user found with account id: {account_id}")
        start = _number(request, "start", 0)
        limit = min(_number(request, "limit", _MOST_GROUPS), _MOST_GROUPS)
        groups = self.site.groups_of(account_id)
        given = groups[start : start + limit]
        own = f"{request.path}?{urlencode({'accountId': account_id})}"
        links = {"base": self.v1.base, "context": "/wiki", "self": f"{self.v1.base}{own}"}
        if start + limit < len(groups):
            links["next"] = f"{own}&limit={limit}&start={start + limit}"
        rows = self.v1.rows().access
        return Answer(
            {
                "results": [rows.group(each) for each in given],
                "start": start,
                "limit": limit,
                "size": len(given),
                "_links": links,
            }
        )

    def check_permission(self, request: Request, content_id: str) -> Answer:
        """``POST /content/{id}/permission/check``: 200 also where the answer is no; 403 for one who
        asks about others and is no administrator."""
        content = self._visible(content_id)
        try:
            asked = json.loads(request.body)
            kind, subject = asked["subject"]["type"], asked["subject"]["identifier"]
            operation = asked["operation"]
        except (ValueError, KeyError, TypeError) as error:
            raise _bad("subject and operation are required") from error
        if kind not in ("user", "group") or operation not in ("read", "update", "delete"):
            raise _bad("The subject or the operation is not valid")
        if subject != self.site.viewer and not self.v1.switches.administrator:
            raise RequestError(
                v1_error(403, "Confluence Administrator is needed", kind="PermissionException")
            )
        refusal = self._refusal(kind, subject, content)
        errors = [{"translation": refusal, "args": []}] if refusal else []
        links = {"base": self.v1.base, "context": "/wiki"}
        return Answer({"hasPermission": not refusal, "errors": errors, "_links": links})

    def _refusal(self, kind: str, subject: str, content: Content) -> str:
        """Why not; empty: they may."""
        space = self.site.spaces[content.space_id]
        if kind == "user":
            person = self.site.people.get(subject)
            if person is None or person.status != "active":
                return "User is not allowed to use Confluence"
            if not self.site.can_view(subject, space):
                return "User does not have permission to the space"
            seen = self.site.can_read(subject, content)
            return "" if seen else "User does not have permission to the content"
        if subject not in self.site.viewers(space).groups:
            return "Group does not have permission to the space"
        chain = [content, *self.site.ancestors(content)]
        open_to = all(each.readers is None or subject in each.readers.groups for each in chain)
        return "" if open_to else "Group does not have permission to the content"

    def _visible(self, content_id: str) -> Content:
        content = self.site.find(content_id)
        if content is None or not self.site.visible(content):
            raise _missing(f"No content with id {content_id}")
        return content


def _missing(message: str) -> RequestError:
    return RequestError(v1_error(404, message, kind="NotFoundException"))


def _bad(message: str) -> RequestError:
    return RequestError(v1_error(400, message, kind="BadRequestException"))


def _number(request: Request, name: str, default: int) -> int:
    text = request.one(name, str(default))
    if not text.isdigit():
        raise _bad(f"For input string: {text}")
    return int(text)
