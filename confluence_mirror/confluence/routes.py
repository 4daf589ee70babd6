"""The routes of the gateway that this program asks, and the scope that each needs.

The scopes are those of Atlassian's OpenAPI descriptions (July 2026). Classic and granular scopes
are separate grants: v1 routes want the classic one (a granular one is accepted as beta), v2 routes
know only granular ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

V1 = "/wiki/rest/api"
V2 = "/wiki/api/v2"


@dataclass(frozen=True, slots=True)
class Route:
    """One route: what is counted in reports, and what is named when a scope is missing."""

    template: str
    """Path below the site's address on the gateway, with ``{id}`` where an id goes."""
    scope: str
    """The scope that it needs: classic for v1, granular for v2."""
    granular: str = ""
    """For v1, the granular scope that does as well; empty for v2."""
    method: Literal["GET", "POST"] = "GET"
    redirects: bool = False
    """A good answer is the address of another host, which is asked without the credential."""

    @property
    def name(self) -> str:
        """Method and template: the key of the statistics."""
        return f"{self.method} {self.template}"

    def path(self, node_id: str, part_id: str = "") -> str:
        """The path for one id, and that of a part of it; templates without ``{id}`` are paths
        already."""
        path = self.template.replace("{id}", quote(node_id, safe=""))
        return path.replace("{part}", quote(part_id, safe=""))


SEARCH = Route(f"{V1}/content/search", "search:confluence", "read:content-details:confluence")
USER_BULK = Route(f"{V1}/user/bulk", "read:confluence-user", "read:content-details:confluence")
CURRENT_USER = Route(
    f"{V1}/user/current", "read:confluence-user", "read:content-details:confluence"
)
USERS_BULK = Route(f"{V2}/users-bulk", "read:user:confluence", method="POST")

SPACES = Route(f"{V2}/spaces", "read:space:confluence")
SPACE_PAGES = Route(f"{V2}/spaces/{{id}}/pages", "read:page:confluence")
SPACE_BLOGPOSTS = Route(f"{V2}/spaces/{{id}}/blogposts", "read:page:confluence")
SPACE_LABELS = Route(f"{V2}/spaces/{{id}}/content/labels", "read:space:confluence")

PAGES = Route(f"{V2}/pages", "read:page:confluence")
PAGE = Route(f"{V2}/pages/{{id}}", "read:page:confluence")
PAGE_LABELS = Route(f"{V2}/pages/{{id}}/labels", "read:page:confluence")
BLOGPOSTS = Route(f"{V2}/blogposts", "read:page:confluence")
BLOGPOST = Route(f"{V2}/blogposts/{{id}}", "read:page:confluence")
BLOGPOST_LABELS = Route(f"{V2}/blogposts/{{id}}/labels", "read:page:confluence")
LABEL_PAGES = Route(f"{V2}/labels/{{id}}/pages", "read:page:confluence")
LABEL_BLOGPOSTS = Route(f"{V2}/labels/{{id}}/blogposts", "read:page:confluence")

RESTRICTIONS = Route(
    f"{V1}/content/{{id}}/restriction/byOperation/read",
    "read:confluence-content.all",
    "read:content-details:confluence",
)
SPACE_PERMISSIONS = Route(f"{V2}/spaces/{{id}}/permissions", "read:space:confluence")
ROLE_ASSIGNMENTS = Route(f"{V2}/spaces/{{id}}/role-assignments", "read:space.permission:confluence")
SPACE_ROLES = Route(f"{V2}/space-roles", "read:space.permission:confluence")
MEMBER_OF = Route(f"{V1}/user/memberof", "read:confluence-user", "read:group:confluence")
PERMISSION_CHECK = Route(
    f"{V1}/content/{{id}}/permission/check",
    "read:confluence-content.permission",
    "read:content.permission:confluence",
    method="POST",
)

ATTACHMENT = Route(f"{V2}/attachments/{{id}}", "read:attachment:confluence")
PAGE_ATTACHMENTS = Route(f"{V2}/pages/{{id}}/attachments", "read:attachment:confluence")
BLOGPOST_ATTACHMENTS = Route(f"{V2}/blogposts/{{id}}/attachments", "read:attachment:confluence")
DOWNLOAD = Route(
    f"{V1}/content/{{id}}/child/attachment/{{part}}/download",
    "readonly:content.attachment:confluence",
    "read:attachment:confluence",
    redirects=True,
)

NODES = {
    "page": PAGE,
    "blogpost": BLOGPOST,
    "folder": Route(f"{V2}/folders/{{id}}", "read:folder:confluence"),
    "whiteboard": Route(f"{V2}/whiteboards/{{id}}", "read:whiteboard:confluence"),
    "database": Route(f"{V2}/databases/{{id}}", "read:database:confluence"),
    "embed": Route(f"{V2}/embeds/{{id}}", "read:embed:confluence"),
}
"""The route on which an element of the page tree is asked, by its type."""

COMMENT = {
    "footer": Route(f"{V2}/footer-comments/{{id}}", "read:comment:confluence"),
    "inline": Route(f"{V2}/inline-comments/{{id}}", "read:comment:confluence"),
}
"""The route on which a comment is asked, by where it stands."""
COMMENT_CHILDREN = {
    location: Route(f"{route.template}/children", route.scope)
    for location, route in COMMENT.items()
}
"""The route of the direct answers to a comment."""
