"""Content as v2 writes it. Shapes: Atlassian's OpenAPI description of the v2 API."""

from __future__ import annotations

import base64
import json
import re
from html import unescape
from typing import Any
from urllib.parse import quote_plus

from confluence_sandbox.clock import stamp
from confluence_sandbox.content import (
    Attached,
    Comment,
    Contained,
    Content,
    Person,
    SpaceInfo,
    Upload,
    VersionInfo,
)
from confluence_sandbox.paths import webui
from confluence_sandbox.render_macros import export_view
from confluence_sandbox.site import Site

Row = dict[str, Any]

RENDERED = ("view", "export_view", "anonymous_export_view", "styled_view")


def version(of: VersionInfo) -> Row:
    """A version."""
    return {
        "createdAt": stamp(of.created_at),
        "message": of.message,
        "number": of.number,
        "minorEdit": of.minor,
        "authorId": of.author,
    }


def links(site: Site, content: Content) -> Row:
    """Links for people."""
    if isinstance(content, Contained):
        return {"webui": webui(site, content)}
    tiny = (
        base64.urlsafe_b64encode(content.number.to_bytes(8, "little").rstrip(b"\0"))
        .decode()
        .rstrip("=")
    )
    return {
        "webui": webui(site, content),
        "editui": f"/pages/resumedraft.action?draftId={content.id}",
        "tinyui": f"/x/{tiny}",
    }


def row(site: Site, content: Content, body_format: str = "") -> Row:
    """A page or blog post in a listing; no body unless a format is named."""
    made: Row = {
        "id": content.id,
        "status": content.status,
        "title": content.title,
        "spaceId": str(content.space_id),
        "authorId": content.author,
        "createdAt": stamp(content.created_at),
        "version": version(content.version),
        "body": {},
        "_links": links(site, content),
    }
    if content.type == "page":
        parent = site.content.get(content.parent_id or "")
        made |= {
            "parentId": content.parent_id,
            "parentType": parent.type if parent is not None else None,
            "position": content.position if content.status not in ("trashed", "deleted") else None,
            "ownerId": content.author,
            "lastOwnerId": None,
            "subtype": content.subtype,
        }
    if body_format:
        made["body"] = {body_format: body(site, content, body_format)}
    return made


def body(site: Site, content: Content, body_format: str) -> Row:
    """A body in one representation."""
    storage = content.body
    if body_format == "atlas_doc_format":
        value = json.dumps(document(storage), ensure_ascii=False)
    elif body_format in RENDERED:
        value = export_view(storage, site, content)
    else:
        value = storage
    return {"representation": body_format, "value": value}


def document(storage: str) -> Row:
    """A plain ADF document: one paragraph a block, the text without its marks."""
    blocks = (
        unescape(re.sub(r"<[^>]+>", "", part)).strip()
        for part in re.split(r"</(?:p|h\d|li|td|th)>", storage)
    )
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": text}]}
        for text in blocks
        if text
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}


def node(site: Site, content: Content, *, date_as_number: bool = False) -> Row:
    """A folder, whiteboard, database or embed: metadata only."""
    parent = site.content.get(content.parent_id or "")
    made: Row = {
        "id": content.id,
        "type": content.type,
        "status": content.status,
        "title": content.title,
        "parentId": content.parent_id,
        "parentType": parent.type if parent is not None else None,
        "position": content.position,
        "authorId": content.author,
        "ownerId": content.author,
        "createdAt": (
            int(content.created_at.timestamp() * 1000)
            if date_as_number
            else stamp(content.created_at)
        ),
        "spaceId": str(content.space_id),
        "version": version(content.version),
        "_links": {"webui": webui(site, content)},
    }
    if content.type == "embed":
        made["embedUrl"] = content.body
    return made


def child(content: Content, depth: int | None = None) -> Row:
    """A child or, with a depth, a descendant."""
    made: Row = {
        "id": content.id,
        "status": content.status,
        "title": content.title,
        "type": content.type,
    }
    if depth is None:
        return made | {"spaceId": str(content.space_id), "childPosition": content.position}
    return made | {"parentId": content.parent_id, "depth": depth, "childPosition": content.position}


def space(of: SpaceInfo) -> Row:
    """A space."""
    return {
        "id": str(of.id),
        "key": of.key,
        "name": of.name,
        "type": of.type,
        "status": of.status,
        "authorId": of.author,
        "spaceOwnerId": of.author,
        "currentActiveAlias": of.alias or of.key,
        "createdAt": stamp(of.created_at),
        "homepageId": of.homepage,
        "description": None,
        "icon": None,
        "_links": {"webui": f"/spaces/{of.key}"},
    }


def label(site: Site, prefix: str, name: str) -> Row:
    """A label."""
    return {"id": str(site.label_id(prefix, name)), "name": name, "prefix": prefix}


def comment(
    site: Site, of: Comment, body_format: str = "", *, holder: bool = False, above: bool = False
) -> Row:
    """A comment; with what it is on, and what it answers."""
    made: Row = {
        "id": of.id,
        "status": of.status,
        "title": of.title,
        "version": version(of.version),
        "body": {body_format: body(site, of, body_format)} if body_format else {},
        "_links": {"webui": webui(site, of)},
    }
    if holder:
        kind = site.content[of.container_id].type
        made["pageId" if kind == "page" else "blogPostId"] = of.container_id
    if above and of.reply_to is not None:
        made["parentCommentId"] = of.reply_to
    if of.location == "inline":
        made["resolutionStatus"] = of.resolution
        made["properties"] = {
            "inlineMarkerRef": of.marker,
            "inlineOriginalSelection": of.selection,
        }
    return made


def attachment(site: Site, of: Attached, upload: Upload | None = None) -> Row:
    """A file on a page, in one of its versions; the download link is the one of the user
    interface, which refuses tokens."""
    given = upload or of.newest
    file = f"{of.container_id}/{quote_plus(of.title)}"
    download = f"/download/attachments/{file}?version={given.version.number}&api=v2"
    kind = site.content[of.container_id].type
    return {
        "id": of.id,
        "status": of.status,
        "title": of.title,
        "createdAt": stamp(of.created_at),
        "pageId" if kind == "page" else "blogPostId": of.container_id,
        "mediaType": given.media_type,
        "mediaTypeDescription": "File",
        "comment": given.comment,
        "fileId": given.file_id,
        "fileSize": len(given.data),
        "webuiLink": webui(site, of),
        "downloadLink": download,
        "version": version(given.version),
        "_links": {"webui": webui(site, of), "download": download},
    }


def named(of: Content) -> Row:
    """What a version is of."""
    return {"id": of.id, "title": of.title}


def person(of: Person) -> Row:
    """A user; what the credential may not see is empty or null."""
    return {
        "accountId": of.account_id,
        "accountType": of.account_type or "unknown",
        "accountStatus": of.status,
        "displayName": of.display_name,
        "publicName": of.display_name or "Former user",
        "email": of.email,
        "timeZone": of.time_zone,
        "isExternalCollaborator": False,
        "profilePicture": {"path": "/wiki/aa-avatar/default", "isDefault": True},
    }
