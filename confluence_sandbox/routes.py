"""Which path is answered by what, and which scope it takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluence_sandbox.legacy import Legacy
from confluence_sandbox.replies import Answer
from confluence_sandbox.v1 import V1
from confluence_sandbox.v1_access import AccessV1
from confluence_sandbox.v2 import V2
from confluence_sandbox.v2_access import AccessV2
from confluence_sandbox.v2_comments import CommentsV2
from confluence_sandbox.v2_files import FilesV2

PAGE, CONTENT, TREE = (
    "read:page:confluence",
    "read:content.metadata:confluence",
    "read:hierarchical-content:confluence",
)
SUMMARY = "read:confluence-content.summary"


@dataclass(frozen=True)
class Route:
    """A path with ``{}`` where a part of it is free."""

    method: str
    template: str
    scope: str
    """Without it the gateway answers 401 before anything is looked at."""
    handler: Callable[..., Answer]
    fixed: tuple[Any, ...] = ()
    legacy: bool = False

    def match(self, path: str) -> tuple[str, ...] | None:
        """The free parts, if the path fits."""
        found = re.fullmatch(self.template.replace("{}", "([^/]+)"), path)
        return None if found is None else found.groups()


def routes(v1: V1, v2: V2, legacy: Legacy) -> list[Route]:
    """Every route, the first that fits counts."""
    old, new = "/rest/api", "/api/v2"
    space = "read:space:confluence"
    table = [
        Route("GET", f"{old}/content/search", "search:confluence", v1.content_search),
        Route("GET", f"{old}/search", "search:confluence", v1.search),
        Route("GET", f"{old}/user/current", "read:confluence-user", v1.current_user),
        Route("GET", f"{old}/user/bulk", "read:confluence-user", v1.users),
        Route(
            "GET",
            f"{old}/content/{{}}/child/attachment/{{}}/download",
            "readonly:content.attachment:confluence",
            v1.download,
        ),
        Route("GET", f"{old}/content", SUMMARY, legacy.contents, legacy=True),
        Route("GET", f"{old}/content/{{}}", SUMMARY, legacy.content, legacy=True),
        Route("GET", f"{old}/content/{{}}/child/page", SUMMARY, legacy.child_pages, legacy=True),
        Route(
            "GET",
            f"{old}/content/{{}}/child/attachment",
            SUMMARY,
            legacy.child_attachments,
            legacy=True,
        ),
        Route("GET", f"{old}/content/{{}}/label", SUMMARY, legacy.labels, legacy=True),
        Route("GET", f"{old}/space", "read:confluence-space.summary", legacy.spaces, legacy=True),
        Route(
            "GET", f"{old}/space/{{}}", "read:confluence-space.summary", legacy.space, legacy=True
        ),
        Route("GET", f"{new}/spaces", space, v2.spaces),
        Route("GET", f"{new}/spaces/{{}}", space, v2.space),
        Route("GET", f"{new}/spaces/{{}}/pages", PAGE, v2.space_pages),
        Route("GET", f"{new}/spaces/{{}}/blogposts", PAGE, v2.space_blogposts),
        Route("GET", f"{new}/spaces/{{}}/content/labels", space, v2.space_labels),
        Route("GET", f"{new}/pages", PAGE, v2.pages),
        Route("GET", f"{new}/blogposts", PAGE, v2.blogposts),
        Route("GET", f"{new}/pages/{{}}", PAGE, v2.page),
        Route("GET", f"{new}/blogposts/{{}}", PAGE, v2.blogpost),
        Route("GET", f"{new}/pages/{{}}/labels", PAGE, v2.page_labels),
        Route("GET", f"{new}/blogposts/{{}}/labels", PAGE, v2.blogpost_labels),
        Route("GET", f"{new}/labels/{{}}/pages", PAGE, v2.label_pages),
        Route("GET", f"{new}/labels/{{}}/blogposts", PAGE, v2.label_blogposts),
        Route("GET", f"{new}/pages/{{}}/direct-children", TREE, v2.direct_children, ("page",)),
        Route("GET", f"{new}/folders/{{}}/direct-children", TREE, v2.direct_children, ("folder",)),
        Route("GET", f"{new}/pages/{{}}/descendants", TREE, v2.descendants),
        Route("GET", f"{new}/pages/{{}}/ancestors", CONTENT, v2.ancestors),
        Route("POST", f"{new}/users-bulk", "read:user:confluence", v2.users_bulk),
        Route("POST", f"{new}/content/convert-ids-to-types", CONTENT, v2.convert_ids),
    ]
    table += [
        Route("GET", f"{new}/{kind}s/{{}}", f"read:{kind}:confluence", v2.node, (kind,))
        for kind in ("folder", "whiteboard", "database", "embed")
    ]
    table += _comment_routes(new, CommentsV2(v2)) + _file_routes(new, FilesV2(v2))
    return table + _access_routes(old, new, AccessV1(v1), AccessV2(v2))


def _access_routes(old: str, new: str, first: AccessV1, second: AccessV2) -> list[Route]:
    scope, own = "read:confluence-content.all", f"{old}/content/{{}}/restriction"
    check, roles = "read:confluence-content.permission", "read:space.permission:confluence"
    by = f"{own}/byOperation"
    return [
        Route("GET", own, scope, first.restrictions),
        Route("GET", by, scope, first.by_operation),
        Route("GET", f"{by}/{{}}", scope, first.one_operation),
        Route("GET", f"{by}/{{}}/user", scope, first.names_user),
        Route("GET", f"{by}/{{}}/byGroupId/{{}}", scope, first.names_group),
        Route("GET", f"{old}/user/memberof", "read:confluence-user", first.groups_of_user),
        Route("POST", f"{old}/content/{{}}/permission/check", check, first.check_permission),
        Route("GET", f"{new}/spaces/{{}}/permissions", "read:space:confluence", second.permissions),
        Route("GET", f"{new}/spaces/{{}}/role-assignments", roles, second.role_assignments),
        Route("GET", f"{new}/space-roles", roles, second.roles),
        Route("GET", f"{new}/space-role-mode", "read:configuration:confluence", second.role_mode),
    ]


def _file_routes(new: str, files: FilesV2) -> list[Route]:
    scope, own = "read:attachment:confluence", f"{new}/attachments"
    return [
        Route("GET", f"{new}/pages/{{}}/attachments", scope, files.on_content, ("page",)),
        Route("GET", f"{new}/blogposts/{{}}/attachments", scope, files.on_content, ("blogpost",)),
        Route("GET", own, scope, files.everywhere),
        Route("GET", f"{own}/{{}}", scope, files.single),
        Route("GET", f"{own}/{{}}/labels", scope, files.labels),
        Route("GET", f"{own}/{{}}/versions", scope, files.versions),
    ]


def _comment_routes(new: str, comments: CommentsV2) -> list[Route]:
    scope, table = "read:comment:confluence", []
    for where in ("footer", "inline"):
        own = f"{new}/{where}-comments"
        table += [
            Route(
                "GET",
                f"{new}/{kind}s/{{}}/{where}-comments",
                scope,
                comments.on_content,
                (kind, where),
            )
            for kind in ("page", "blogpost")
        ]
        table += [
            Route("GET", own, scope, comments.everywhere, (where,)),
            Route("GET", f"{own}/{{}}", scope, comments.single, (where,)),
            Route("GET", f"{own}/{{}}/children", scope, comments.children, (where,)),
        ]
    return table
