"""Content as v1 writes it. Shapes: Atlassian's OpenAPI description of the v1 API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any

from confluence_sandbox import rows_v2
from confluence_sandbox.clock import stamp
from confluence_sandbox.content import Attached, Comment, Contained, Content, Person, SpaceInfo
from confluence_sandbox.paths import webui
from confluence_sandbox.rows_access import RowsAccess
from confluence_sandbox.site import Site

Row = dict[str, Any]

NESTED = 25
"""Comments in one ``expand=children.comment``; more have a next link of their own."""
_EXPANDABLE = (
    "container",
    "metadata",
    "operations",
    "children",
    "restrictions",
    "history",
    "ancestors",
    "body",
)
_ICON = {
    "path": "/images/logo/default-space-logo.svg",
    "width": 48,
    "height": 48,
    "isDefault": True,
}


class RowsV1:
    """Makes rows; what is not expanded is named under ``_expandable``."""

    def __init__(
        self, site: Site, base: str, *, nested_labels: int = 200, nested_restrictions: int = 200
    ) -> None:
        self.site = site
        self.base = base
        self.nested_labels = nested_labels
        self.nested_restrictions = nested_restrictions
        self.access = RowsAccess(site, base, self.user)
        """The maker of restrictions and groups."""

    def content(self, of: Content, expand: frozenset[str] = frozenset()) -> Row:
        """A Content object."""
        own, tops = f"/rest/api/content/{of.id}", _tops(expand)
        made: Row = {
            "id": of.id,
            "type": of.type,
            "status": of.status,
            "title": of.title,
            "extensions": {"position": of.position},
            "_expandable": {name: "" for name in _EXPANDABLE if name not in tops},
            "_links": {"self": f"{self.base}{own}", **rows_v2.links(self.site, of)},
        }
        if isinstance(of, Comment):
            made["extensions"] = self.place_of_comment(of, expand)
        if isinstance(of, Attached):
            made |= self.attachment(of)
            made["_links"]["download"] = (
                f"/rest/api/content/{of.container_id}/child/attachment/{of.id}/download"
            )
        if "container" in tops:
            made["container"] = self.container(of)
        if "children.comment" in expand:
            made["children"] = self.comments(of)
        if "space" in tops:
            made["space"] = self.space(self.site.spaces[of.space_id])
        if "version" in tops:
            made["version"] = self.version(of)
        if "history" in tops:
            made["history"] = self.history(of)
        if "ancestors" in tops:
            inner = frozenset(
                name.removeprefix("ancestors.") for name in expand if name.startswith("ancestors.")
            )
            made["ancestors"] = [self.content(above, inner) for above in self.above(of)]
        if "restrictions" in tops:
            made["restrictions"] = self.access.expanded(of, expand, self.nested_restrictions)
        if "metadata.labels" in expand:
            made.setdefault("metadata", {})
            made["metadata"] |= {
                "labels": self.labels(of, self.nested_labels),
                "_expandable": {"currentuser": ""},
            }
        formats = [name.split(".")[1] for name in sorted(expand) if name.startswith("body.")]
        if formats:
            made["body"] = {
                name: rows_v2.body(self.site, of, name)
                | {"embeddedContent": [], "_expandable": {"content": own}}
                for name in formats
            }
        return made

    def above(self, of: Content) -> Sequence[Content]:
        """What a row gives as ancestors: of a comment, the ones that it answers."""
        if isinstance(of, Comment):
            return self.site.comments_above(of)
        return self.site.ancestors(of)

    def container(self, of: Content) -> Row | None:
        """The space of a page, the page of what belongs to one."""
        if not isinstance(of, Contained):
            return self.space(self.site.spaces[of.space_id])
        holder = self.site.content.get(of.container_id)
        return None if holder is None else self.content(holder)

    def place_of_comment(self, of: Comment, expand: frozenset[str]) -> Row:
        """Where a comment stands and, of an inline one, on which words and whether it is
        settled."""
        parts: Row = {}
        if of.location == "inline":
            at = of.resolved_at
            parts["inlineProperties"] = {
                "originalSelection": of.selection,
                "markerRef": of.marker,
            }
            parts["resolution"] = {"status": of.resolution}
            if at is not None:
                who = self.site.people.get(of.resolved_by)
                parts["resolution"] |= {
                    "lastModifier": self.user(who, of.resolved_by),
                    "lastModifiedDate": stamp(at),
                }
        given = {name: part for name, part in parts.items() if f"extensions.{name}" in expand}
        left = {name: "" for name in parts if name not in given}
        return {"location": of.location, **given, "_expandable": left}

    def comments(self, of: Content) -> Row:
        """``children.comment``: the first threads, with a next link of their own."""
        if isinstance(of, Comment):
            found = self.site.replies(of) if of.id in self.site.comments else []
        else:
            held = self.site.comments_of(of) if of.id in self.site.content else []
            found = [each for each in held if each.reply_to is None]
        own = f"/rest/api/content/{of.id}/child"
        links = {"self": f"{self.base}{own}/comment"}
        if len(found) > NESTED:
            links["next"] = f"{own}/comment?next=true&limit={NESTED}&start={NESTED}"
        given = [self.content(each) for each in found[:NESTED]]
        nested = {
            "results": given,
            "start": 0,
            "limit": NESTED,
            "size": len(given),
            "_links": links,
        }
        return {"comment": nested, "_links": {"self": f"{self.base}{own}"}}

    def labels(self, of: Content, limit: int, start: int = 0) -> Row:
        """A page of labels, with a next link of its own."""
        given = of.labels[start : start + limit]
        links = {"self": f"{self.base}/rest/api/content/{of.id}/label"}
        if start + limit < len(of.labels):
            links["next"] = f"/rest/api/content/{of.id}/label?limit={limit}&start={start + limit}"
        results = [
            {
                "prefix": prefix,
                "name": name,
                "id": str(self.site.label_id(prefix, name)),
                "label": name,
            }
            for prefix, name in given
        ]
        return {
            "results": results,
            "start": start,
            "limit": limit,
            "size": len(given),
            "_links": links,
        }

    def version(self, of: Content) -> Row:
        """The current version."""
        return {
            "by": self.user(self.site.people.get(of.version.author), of.version.author),
            "when": stamp(of.version.created_at),
            "friendlyWhen": friendly(of.version.created_at),
            "message": of.version.message,
            "number": of.version.number,
            "minorEdit": of.version.minor,
            "confRev": f"confluence$content${of.id}.{of.version.number}",
            "contentTypeModified": False,
            "_expandable": {"collaborators": "", "content": f"/rest/api/content/{of.id}"},
            "_links": {"self": f"{self.base}/rest/api/content/{of.id}/version/{of.version.number}"},
        }

    def history(self, of: Content) -> Row:
        """Who made it, and when."""
        return {
            "latest": True,
            "createdBy": self.user(self.site.people.get(of.author), of.author),
            "createdDate": stamp(of.created_at),
            "lastUpdated": self.version(of),
            "_expandable": {"previousVersion": "", "contributors": "", "nextVersion": ""},
            "_links": {"self": f"{self.base}/rest/api/content/{of.id}/history"},
        }

    def space(self, of: SpaceInfo) -> Row:
        """A space; its id is a number here."""
        return {
            "id": of.id,
            "key": of.key,
            "alias": of.alias or of.key,
            "name": of.name,
            "type": of.type,
            "status": of.status,
            "_expandable": {
                "settings": "",
                "metadata": "",
                "operations": "",
                "homepage": "",
                "permissions": "",
            },
            "_links": {
                "webui": f"/spaces/{of.key}",
                "self": f"{self.base}/rest/api/space/{of.key}",
            },
        }

    def user(self, of: Person | None, account_id: str = "") -> Row:
        """A user; a deleted one is ``unknown``."""
        name = of.display_name if of is not None else None
        kind = of.account_type if of is not None else ""
        return {
            "type": "known" if of is not None and of.known else "unknown",
            "accountId": of.account_id if of is not None else account_id,
            "accountType": kind if kind in ("atlassian", "app") else "",
            "email": of.email if of is not None else "",
            "publicName": name or "Former user",
            "displayName": name,
            "timeZone": of.time_zone if of is not None else None,
            "profilePicture": {
                "path": "/wiki/aa-avatar/default",
                "width": 48,
                "height": 48,
                "isDefault": True,
            },
            "isExternalCollaborator": False,
            "_expandable": {"operations": "", "personalSpace": ""},
            "_links": {"self": f"{self.base}/rest/api/user?accountId={account_id}"},
        }

    def nobody(self) -> Row:
        """An anonymous visitor."""
        return {
            "type": "anonymous",
            "displayName": "Anonymous",
            "profilePicture": {
                "path": "/wiki/aa-avatar/default",
                "width": 48,
                "height": 48,
                "isDefault": True,
            },
            "_expandable": {"operations": ""},
            "_links": {"self": f"{self.base}/rest/api/user/anonymous"},
        }

    def hit(self, of: Content, expand: frozenset[str], excerpt: str) -> Row:
        """A row of ``/search``: the envelope's title is escaped and marked, ``content.title`` is
        not."""
        space = self.site.spaces[of.space_id]
        inner = frozenset(
            name.removeprefix("content.") for name in expand if name.startswith("content.")
        )
        return {
            "content": self.content(of, inner),
            "title": f"@@@hl@@@{escape(of.title)}@@@endhl@@@",
            "excerpt": excerpt,
            "url": webui(self.site, of),
            "resultGlobalContainer": {"title": space.name, "displayUrl": f"/spaces/{space.key}"},
            "breadcrumbs": [],
            "entityType": "content",
            "iconCssClass": f"aui-icon content-type-{of.type}",
            "lastModified": stamp(of.version.created_at),
            "friendlyLastModified": friendly(of.version.created_at),
            "score": 0.0,
        }

    def attachment(self, of: Attached) -> Row:
        """What a row of a file has beside the rest: what v2 has at the top stands under
        ``extensions`` here."""
        newest = of.newest
        extensions = {
            "mediaType": newest.media_type,
            "fileSize": len(newest.data),
            "comment": newest.comment,
            "mediaTypeDescription": "File",
            "fileId": newest.file_id,
            "collectionName": f"contentId-{of.container_id}",
        }
        return {"extensions": extensions, "metadata": {"mediaType": newest.media_type}}


def friendly(moment: datetime) -> str:
    """A date for people."""
    return f"{moment:%b} {moment.day:02d}, {moment.year}"


@lru_cache
def _tops(expand: frozenset[str]) -> frozenset[str]:
    """What is expanded at the top: ``metadata`` for ``metadata.labels``."""
    return frozenset(name.partition(".")[0] for name in expand)
