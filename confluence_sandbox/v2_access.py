"""The v2 routes of who may do what in a space: permissions and, on sites that have them, roles."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from confluence_sandbox.content import SpaceInfo
from confluence_sandbox.paging import Listing, v2_page
from confluence_sandbox.replies import Answer, Request, RequestError, v2_error
from confluence_sandbox.state import ROBOT
from confluence_sandbox.v2 import V2

Row = dict[str, Any]

_OPERATIONS = (("read", "space"), ("create", "page"), ("create", "comment"))
"""What whoever views a space may do there."""
_VIEWER, _MANAGER, _ARCHIVIST = (
    str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("viewer", "manager", "archivist")
)
_ROLES: tuple[Row, ...] = (
    {
        "id": _VIEWER,
        "type": "SYSTEM",
        "name": "Viewer",
        "description": "Views what is in the space",
        "spacePermissions": ["read/space"],
    },
    {
        "id": _MANAGER,
        "type": "SYSTEM",
        "name": "Manager",
        "description": "Does everything",
        "spacePermissions": ["read/space", "create/page", "administer/space"],
    },
    {
        "id": _ARCHIVIST,
        "type": "CUSTOM",
        "name": "Archivist",
        "description": "Archives pages whose addresses they are given; views nothing",
        "spacePermissions": ["archive/page"],
    },
)


class AccessV2:
    """Answers for the permissions' part of ``/api/v2``."""

    def __init__(self, v2: V2) -> None:
        self.v2 = v2
        self.site = v2.site
        self.switches = v2.switches

    def permissions(self, request: Request, space_id: str) -> Answer:
        """``GET /spaces/{id}/permissions``: a row for each operation of each principal; on sites
        with roles, the roles are the principals."""
        space = self.site.spaces[self.v2.space_number(space_id)]
        return self._listed(request, list(self._permission_rows(space)))

    def role_assignments(self, request: Request, space_id: str) -> Answer:
        """``GET /spaces/{id}/role-assignments``."""
        space = self.site.spaces[self.v2.space_number(space_id)]
        self._require_roles()
        kind, role = request.one("principal-type"), request.one("role-id")
        rows = [
            row
            for row in self._assignments(space)
            if (not kind or row["principal"]["principalType"] == kind)
            and (not role or row["roleId"] == role)
        ]
        return self._listed(request, rows)

    def roles(self, request: Request) -> Answer:
        """``GET /space-roles``."""
        self._require_roles()
        return self._listed(request, list(_ROLES))

    def role_mode(self, _request: Request) -> Answer:
        """``GET /space-role-mode``."""
        return Answer({"mode": self.switches.role_mode})

    def _require_roles(self) -> None:
        if self.switches.role_mode == "PRE_ROLES":
            raise RequestError(v2_error(404, "Space roles are not available on this site"))

    def _permission_rows(self, space: SpaceInfo) -> Iterator[Row]:
        principals = [("user", ROBOT)] if self.switches.role_mode != "ROLES" else []
        if self.switches.role_mode == "ROLES":
            principals += [("role", role["id"]) for role in _ROLES[:2]]
        else:
            readers = self.site.viewers(space)
            principals += [("group", each) for each in readers.groups]
            principals += [("user", each) for each in readers.users]
        for kind, principal in principals:
            for operation, target in _OPERATIONS:
                name = f"{space.id}/{kind}/{principal}/{operation}/{target}"
                yield {
                    "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
                    "principal": {"type": kind, "id": principal},
                    "operation": {"key": operation, "targetType": target},
                }

    def _assignments(self, space: SpaceInfo) -> Iterator[Row]:
        principals = [("USER", ROBOT, _MANAGER)]
        if space.readers is None:
            principals.append(("ACCESS_CLASS", "all-licensed-users", _VIEWER))
        else:
            principals += [("GROUP", each, _VIEWER) for each in space.readers.groups]
            principals += [("USER", each, _VIEWER) for each in space.readers.users]
        principals += [("USER", each, _ARCHIVIST) for each in space.archivists]
        if space.public:
            principals.append(("ACCESS_CLASS", "anonymous-users", _VIEWER))
        for kind, principal, role in principals:
            yield {"principal": {"principalType": kind, "principalId": principal}, "roleId": role}

    def _listed(self, request: Request, rows: list[Row]) -> Answer:
        listing = Listing.of(enumerate(rows), lambda pair: (pair[0],))
        return v2_page(
            request,
            listing,
            lambda pair: pair[1],
            cap=self.switches.caps.v2,
            base=self.v2.base,
        )
