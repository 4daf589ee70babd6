"""Every route in use answers as Atlassian's own descriptions say. They lie beside the repository in
CI only.

``CONFLUENCE_SPECS`` names the folder that holds ``confluence-cloud-v1.openapi.json`` and the same
for v2.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample_client import V2, Client, Reply
from sample_specs import Description

from confluence_sandbox import ROBOT, SampleGateway, Site, demo_site

Validator = pytest.importorskip("jsonschema").Draft202012Validator
FOLDER = os.environ.get("CONFLUENCE_SPECS", "")

pytestmark = [pytest.mark.ci, pytest.mark.skipif(not FOLDER, reason="CONFLUENCE_SPECS is not set")]

WITHOUT_BODY = ("/download", "/{}/user", "/byGroupId/{}")
"""Routes that answer with a status and headers alone."""
NOT_DESCRIBED = {"._links.context", "._links.self"}
"""Sent by the live API, left out of the description."""


@pytest.fixture(scope="module")
def specs() -> tuple[Description, Description]:
    folder = Path(FOLDER)
    v1 = Description(folder / "confluence-cloud-v1.openapi.json", "")
    return v1, Description(folder / "confluence-cloud-v2.openapi.json", V2)


@pytest.fixture(scope="module")
def demo() -> Site:
    site = demo_site()
    site.add(
        "PLAT",
        "A whiteboard's page",
        parent="1310804",
        subtype="live",
        labels=["my:own", "team:ours"],
    )
    site.add_comment("1310880", "<p>Well measured.</p>")
    site.attach_file("1310880", "load.csv", b"at,rate\n", id="att1310699", author="nobody")
    site.relabel("att1310699", ["measured"])
    site.add_group("writers", [ROBOT])
    site.restrict_to("1310850", users=site.people, groups=["writers"])
    return site


@pytest.fixture(scope="module")
def served(demo: Site) -> Iterator[SampleGateway]:
    with SampleGateway(demo, role_mode="ROLES_TRANSITION") as gateway:
        yield gateway
    assert gateway.bugs == []


@pytest.fixture
def asker(served: SampleGateway) -> Iterator[Client]:
    client = Client(served)
    yield client
    client.connection.close()


def questions(site: Site) -> list[tuple[str, str, dict[str, Any]]]:
    """(template, path, query) of every published route, with every kind of row that it may give."""
    space, label = site.space("PLAT").id, site.label_id("global", "runbook")
    search = {
        "cql": "type in (page, blogpost, folder, whiteboard, database, embed, comment, attachment)",
        "limit": "50",
        "expand": "space,version,history,ancestors,metadata.labels,body.storage,container,"
        "children.comment,restrictions.read.restrictions.user,restrictions.read.restrictions.group,"
        "ancestors.restrictions.read.restrictions.group",
    }
    said = {
        "cql": "type = comment and space = PLAT",
        "limit": "50",
        "expand": "body.storage,version,history,container,ancestors,extensions.inlineProperties,"
        "extensions.resolution",
    }
    files = {
        "cql": "type = attachment and space = PLAT",
        "limit": "200",
        "expand": "version,container,extensions,metadata.labels",
    }
    wrapped = {
        **search,
        "expand": ",".join(f"content.{name}" for name in search["expand"].split(",")),
    }
    every = {"limit": "250", "body-format": "storage", "status": ["current", "archived", "trashed"]}
    posts = {**every, "status": ["current", "trashed"]}
    single = {"body-format": "storage", "include-labels": "true"}
    texts = {"body-format": "storage"}
    return [
        ("/wiki/rest/api/content/search", "/wiki/rest/api/content/search", search),
        ("/wiki/rest/api/content/search", "/wiki/rest/api/content/search", said),
        ("/wiki/rest/api/content/search", "/wiki/rest/api/content/search", files),
        ("/wiki/rest/api/search", "/wiki/rest/api/search", wrapped),
        ("/wiki/rest/api/user/current", "/wiki/rest/api/user/current", {}),
        (
            "/wiki/rest/api/user/bulk",
            "/wiki/rest/api/user/bulk",
            {"accountId": [*site.people, "nobody"]},
        ),
        (
            "/wiki/rest/api/content/{id}/restriction/byOperation",
            "/wiki/rest/api/content/1310850/restriction/byOperation",
            {},
        ),
        (
            "/wiki/rest/api/content/{id}/restriction/byOperation/{id}",
            "/wiki/rest/api/content/1310850/restriction/byOperation/read",
            {"limit": "2"},
        ),
        (
            "/wiki/rest/api/content/{id}/restriction",
            "/wiki/rest/api/content/1310850/restriction",
            {},
        ),
        ("/wiki/rest/api/user/memberof", "/wiki/rest/api/user/memberof", {"accountId": ROBOT}),
        ("/spaces/{id}/permissions", f"/spaces/{space}/permissions", {}),
        ("/spaces/{id}/role-assignments", f"/spaces/{space}/role-assignments", {}),
        ("/space-roles", "/space-roles", {}),
        ("/space-role-mode", "/space-role-mode", {}),
        ("/spaces", "/spaces", {}),
        ("/spaces", "/spaces", {"limit": "1"}),
        ("/spaces/{id}", f"/spaces/{space}", {}),
        ("/spaces/{id}/pages", f"/spaces/{space}/pages", every),
        ("/spaces/{id}/blogposts", f"/spaces/{space}/blogposts", posts),
        ("/spaces/{id}/content/labels", f"/spaces/{space}/content/labels", {"limit": "3"}),
        ("/pages", "/pages", every),
        ("/pages", "/pages", {"limit": "250", "body-format": "atlas_doc_format"}),
        ("/blogposts", "/blogposts", posts),
        ("/pages/{id}", "/pages/1310850", single),
        ("/pages/{id}", "/pages/1310891", single),
        ("/blogposts/{id}", "/blogposts/1310880", single),
        ("/pages/{id}/labels", "/pages/1310810/labels", {}),
        ("/blogposts/{id}/labels", "/blogposts/1310880/labels", {}),
        ("/labels/{id}/pages", f"/labels/{label}/pages", {"limit": "2"}),
        ("/labels/{id}/blogposts", f"/labels/{site.label_id('global', 'tide')}/blogposts", {}),
        ("/pages/{id}/attachments", "/pages/1310850/attachments", {}),
        ("/pages/{id}/direct-children", "/pages/1310850/direct-children", {}),
        ("/folders/{id}/direct-children", "/folders/1310801/direct-children", {}),
        ("/pages/{id}/descendants", "/pages/1310800/descendants", {"depth": "5", "limit": "100"}),
        ("/pages/{id}/ancestors", "/pages/1310816/ancestors", {}),
        ("/folders/{id}", "/folders/1310801", {}),
        ("/whiteboards/{id}", "/whiteboards/1310804", {}),
        ("/databases/{id}", "/databases/1310805", {}),
        ("/embeds/{id}", "/embeds/1310806", {}),
        ("/blogposts/{id}/attachments", "/blogposts/1310880/attachments", {}),
        ("/attachments", "/attachments", {"limit": "2"}),
        ("/attachments/{id}", "/attachments/att1310699", {"include-labels": "true"}),
        ("/attachments/{id}/labels", "/attachments/att1310699/labels", {}),
        ("/attachments/{id}/versions", "/attachments/att1310699/versions", {}),
        ("/pages/{id}/footer-comments", "/pages/1310810/footer-comments", texts),
        ("/pages/{id}/inline-comments", "/pages/1310815/inline-comments", texts),
        ("/blogposts/{id}/footer-comments", "/blogposts/1310880/footer-comments", texts),
        ("/blogposts/{id}/inline-comments", "/blogposts/1310880/inline-comments", texts),
        ("/footer-comments", "/footer-comments", texts),
        ("/inline-comments", "/inline-comments", texts),
        ("/footer-comments/{id}", "/footer-comments/1310602", texts),
        ("/inline-comments/{id}", "/inline-comments/1310607", texts),
        ("/footer-comments/{id}/children", "/footer-comments/1310601/children", texts),
        ("/inline-comments/{id}/children", "/inline-comments/1310605/children", texts),
    ]


CHECKED = "/wiki/rest/api/content/{id}/permission/check"
POSTED = [
    (CHECKED, {"subject": {"type": "user", "identifier": ROBOT}, "operation": "read"}),
    ("/users-bulk", {"accountIds": [ROBOT, "557058:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c05"]}),
    ("/content/convert-ids-to-types", {"contentIds": ["1310800", "1310880"]}),
]


def misfits(description: Description, method: str, template: str, reply: Reply) -> list[str]:
    """How an answer differs from its description."""
    if reply.status != 200:
        return [f"{template}: {reply.status} {reply.body!r}"]
    schema = description.answer(method, template)
    wrong = [
        f"{error.json_path}: {error.message[:200]}"
        for error in Validator(schema).iter_errors(reply.json)
    ]
    unnamed = sorted(description.unknown(reply.json, schema) - NOT_DESCRIBED)
    return [f"{template} {each}" for each in [*wrong, *unnamed]]


def test_every_answer_fits_its_description(
    specs: tuple[Description, Description], demo: Site, asker: Client
) -> None:
    found: list[str] = []
    for template, path, query in questions(demo):
        description = specs[0] if template.startswith("/wiki") else specs[1]
        reply = asker.get(description.prefix + path, **query)
        assert reply.json.get("results", True), f"{path} shows nothing"
        found += misfits(description, "GET", template, reply)
    for path, values in POSTED:
        description = specs[0] if path.startswith("/wiki") else specs[1]
        where = description.prefix + path.replace("{id}", "1310850")
        found += misfits(description, "POST", path, asker.post(where, values))
    assert found == []


def test_no_published_route_is_left_unchecked(demo: Site, served: SampleGateway) -> None:
    asked = {template.replace("{id}", "{}") for template, _, _ in questions(demo)} | {
        path.replace("{id}", "{}") for path, _ in POSTED
    }
    served_routes = {
        route.template.removeprefix("/api/v2")
        if route.template.startswith("/api/v2")
        else f"/wiki{route.template}"
        for route in served.routes
        if not route.legacy and not route.template.endswith(WITHOUT_BODY)
    }
    assert served_routes == asked


def test_removed_routes_are_in_no_description(
    specs: tuple[Description, Description], served: SampleGateway
) -> None:
    paths = specs[0].document["paths"]
    published = {
        path.replace("{id}", "{}").replace("{spaceKey}", "{}")
        for path in paths
        if "get" in paths[path]
    }
    removed = [f"/wiki{route.template}" for route in served.routes if route.legacy]
    assert [path for path in removed if path in published] == []


def test_the_limits_are_those_of_the_description(
    specs: tuple[Description, Description], served: SampleGateway
) -> None:
    parameters = {
        each["name"]: each["schema"]
        for each in specs[1].document["paths"]["/pages"]["get"]["parameters"]
    }
    assert parameters["limit"]["maximum"] == served.switches.caps.v2
    assert parameters["id"]["maxItems"] == 250
