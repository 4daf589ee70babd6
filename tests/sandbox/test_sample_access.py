"""Who may see what: restrictions, groups, spaces, and users with tokens of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sample_client import SEARCH, V2, Client, basic

from confluence_sandbox import (
    ROBOT,
    Content,
    Person,
    SampleGateway,
    Site,
    demo_site,
    restricted_site,
)

CONTENT = "/wiki/rest/api/content"
EXPANDED = "restrictions.read.restrictions.user,restrictions.read.restrictions.group"


@pytest.fixture
def ann(site: Site) -> Person:
    return site.add_person("Ann")


@pytest.fixture
def bob(site: Site) -> Person:
    return site.add_person("Bob")


@contextmanager
def signed_in(gateway: SampleGateway, account_id: str) -> Iterator[Client]:
    """A client that asks as this user."""
    client = Client(gateway)
    client.headers["Authorization"] = basic(*gateway.sign_in(account_id))
    yield client
    client.connection.close()


def readable(site: Site, account_id: str, content: Content) -> bool:
    """The rule, written down once more: the space, and every restriction on the way up."""
    chain = [content, *site.ancestors(content)]
    named = [each.readers for each in chain if each.readers is not None]
    named.append(site.viewers(site.space_of(content)))
    mine = {group.id for group in site.groups_of(account_id)}
    return all(account_id in each.users or mine & set(each.groups) for each in named)


def test_each_user_of_a_random_site_sees_what_the_rule_says_and_nothing_else() -> None:
    site = restricted_site(250, users=12, groups=5, seed=7)
    assert len(site.current()) == 250
    counts = set()
    with SampleGateway(site) as gateway:
        for account_id in list(site.people)[1:-2]:
            with signed_in(gateway, account_id) as client:
                pages = client.listed("/pages", limit=250) + client.listed("/blogposts", limit=250)
                files = client.found("type = attachment", limit=200)
                said = client.listed("/footer-comments", limit=250)
            expected = {each.id for each in site.current() if readable(site, account_id, each)}
            assert set(pages) == expected
            assert set(files) == {
                each.id for each in site.files.values() if each.container_id in expected
            }
            assert set(said) == {
                each.id for each in site.comments.values() if each.container_id in expected
            }
            counts.add(len(expected))
        with signed_in(gateway, list(site.people)[-1]) as client:
            assert client.get(f"{V2}/pages").status == 404
        assert gateway.bugs == []
    assert len(counts) > 5


def test_restrictions_hold_for_all_that_is_below_on_every_route(
    site: Site, gateway: SampleGateway, client: Client, ann: Person, bob: Person
) -> None:
    folder = site.add("OPS", "Folder", type="folder")
    page = site.add(
        "OPS", "Page", parent=site.add("OPS", "Board", type="whiteboard", parent=folder)
    )
    below = site.add("OPS", "Below", parent=page, labels=["x"])
    said = site.add_comment(below, "<p>a</p>")
    file = site.attach_file(below, "a.txt", b"a")
    site.add_group("team", [ann.account_id, bob.account_id])
    site.restrict_to(folder, groups=["team"])
    site.restrict_to(page, users=[ann.account_id])
    routes = [
        f"{V2}/pages/{below.id}",
        f"{V2}/pages/{below.id}/labels",
        f"{V2}/pages/{below.id}/ancestors",
        f"{V2}/pages/{below.id}/footer-comments",
        f"{V2}/footer-comments/{said.id}",
        f"{V2}/attachments/{file.id}",
        f"{CONTENT}/{below.id}/restriction/byOperation/read",
    ]
    download = f"{CONTENT}/{below.id}/child/attachment/{file.id}/download"
    with signed_in(gateway, ann.account_id) as own:
        assert [own.get(route).status for route in routes] == [200] * len(routes)
        assert own.get(download).status == 302
        assert set(own.found("space = OPS")) == set(client.found("space = OPS"))
        assert own.get("/wiki/rest/api/user/current").json["accountId"] == ann.account_id
    with signed_in(gateway, bob.account_id) as own:
        assert [own.get(route).status for route in [*routes, download]] == [404] * 8
        assert own.listed(f"/folders/{folder.id}/direct-children") != []
        assert not {below.id, said.id, file.id} & set(own.found("space = OPS"))
        assert own.get(f"{V2}/pages", id=[below.id, page.id]).ids == []
        types = own.post(f"{V2}/content/convert-ids-to-types", {"contentIds": [below.id]})
        assert types.results == {below.id: None}


def test_search_rows_name_readers_up_to_a_limit_without_a_word_about_the_rest(
    site: Site, gateway: SampleGateway, client: Client
) -> None:
    people = [site.add_person(f"Person {at}").account_id for at in range(7)]
    groups = [site.add_group(f"group {at}", people) for at in range(7)]
    base = site.add("OPS", "Base", type="database")
    site.restrict_to(base, users=people, groups=groups)
    gateway.switches.nested_restrictions = 5
    row = client.search("type = database", expand=EXPANDED).results[0]["restrictions"]["read"]
    assert [each["accountId"] for each in row["restrictions"]["user"]["results"]] == people[:5]
    assert row["restrictions"]["group"]["size"] == row["restrictions"]["group"]["limit"] == 5
    where = f"{CONTENT}/{base.id}/restriction/byOperation/read"
    rest = client.get(where, start=5, limit=5).json["restrictions"]
    assert [each["accountId"] for each in rest["user"]["results"]] == [*people[5:], ROBOT]
    assert [each["id"] for each in rest["group"]["results"]] == [each.id for each in groups[5:]]
    assert client.get(f"{where}/user", accountId=people[6]).status == 200
    assert client.get(f"{where}/user", accountId="nobody").status == 404
    assert client.get(f"{where}/byGroupId/{groups[6].id}").status == 200
    assert client.get(f"{CONTENT}/{base.id}/restriction").json["results"][0]["operation"] == "read"
    bare = client.search("type = database", expand="restrictions.read").results[0]
    assert bare["restrictions"]["read"]["restrictions"] == {
        "_expandable": {"user": "", "group": ""}
    }


def test_a_removed_group_is_named_still_and_admits_nobody(
    site: Site, client: Client, ann: Person
) -> None:
    page = site.add("OPS", "Page")
    group = site.add_group("team", [ann.account_id])
    site.restrict_to(page, groups=["team"])
    assert site.can_read(ann.account_id, page)
    site.remove_group("team")
    assert not site.can_read(ann.account_id, page)
    row = client.search("type = page", expand=EXPANDED).results[0]["restrictions"]["read"]
    assert [each["id"] for each in row["restrictions"]["group"]["results"]] == [group.id]


def test_the_groups_of_a_user_come_two_hundred_at_a_time(
    site: Site, client: Client, ann: Person
) -> None:
    names = {site.add_group(f"group {at}", [ann.account_id]).id for at in range(230)}
    where = "/wiki/rest/api/user/memberof"
    pages = client.walk(where, context="/wiki", accountId=ann.account_id, limit=500)
    assert [each.json["size"] for each in pages] == [200, 31]
    assert {row["id"] for each in pages for row in each.results} == {*names, site.everyone.id}
    assert client.get(where, accountId="nobody").status == 404
    site.deactivate(ann.account_id)
    status = client.post(f"{V2}/users-bulk", {"accountIds": [ann.account_id]}).results[0]
    assert status["accountStatus"] == "inactive"


def test_who_views_a_space_stands_in_permissions_or_in_roles(
    site: Site, gateway: SampleGateway, client: Client, ann: Person, bob: Person
) -> None:
    page = site.add("OPS", "Page")
    group = site.add_group("team", [ann.account_id])
    site.grant_space("OPS", groups=["team"])
    site.add_archivists("OPS", [bob.account_id])
    where = f"{V2}/spaces/{site.space('OPS').id}"

    def viewers() -> set[tuple[str, str]]:
        return {
            (row["principal"]["type"], row["principal"]["id"])
            for row in client.get(f"{where}/permissions").results
            if row["operation"] == {"key": "read", "targetType": "space"}
        }

    assert viewers() == {("user", ROBOT), ("group", group.id)}
    assert client.get(f"{where}/role-assignments").status == 404
    gateway.switches.role_mode = "ROLES"
    assert {kind for kind, _ in viewers()} == {"role"}
    viewing = {
        role["id"]
        for role in client.get(f"{V2}/space-roles").results
        if "read/space" in role["spacePermissions"]
    }
    named = {
        row["principal"]["principalId"]: row["roleId"] in viewing
        for row in client.get(f"{where}/role-assignments").results
    }
    assert named == {ROBOT: True, group.id: True, bob.account_id: False}
    with signed_in(gateway, bob.account_id) as own:
        assert own.get(f"{V2}/pages/{page.id}").status == own.get(where).status == 404
    site.open_space("OPS")
    everybody = client.get(f"{where}/role-assignments", principal_type="ACCESS_CLASS").results
    assert everybody[0]["principal"]["principalId"] == "all-licensed-users"
    assert site.can_read(bob.account_id, page)


def test_only_an_administrator_asks_what_others_may_do(
    site: Site, gateway: SampleGateway, client: Client, ann: Person
) -> None:
    page = site.add("OPS", "Page")
    site.restrict_to(page)
    where = f"{CONTENT}/{page.id}/permission/check"
    about_ann = {"subject": {"type": "user", "identifier": ann.account_id}, "operation": "read"}
    about_itself = {"subject": {"type": "user", "identifier": ROBOT}, "operation": "read"}
    assert client.post(where, about_itself).json["hasPermission"] is True
    assert client.post(where, about_ann).status == 403
    gateway.switches.administrator = True
    refused = client.post(where, about_ann)
    assert (refused.status, refused.json["hasPermission"]) == (200, False)
    assert refused.json["errors"][0]["translation"].endswith("permission to the content")
    site.restrict_to(page, users=[ann.account_id])
    assert client.post(where, about_ann).json["hasPermission"] is True


def test_a_restriction_makes_no_version_and_needs_no_index(
    site: Site, gateway: SampleGateway, client: Client, ann: Person
) -> None:
    page = site.add("OPS", "Page")
    gateway.run("index", lag_seconds=3600)
    gateway.run("restrict_to", id=page.id, users=[ann.account_id])
    assert page.version.number == 1
    row = client.search("type = page", expand=EXPANDED).results[0]["restrictions"]["read"]
    assert row["restrictions"]["user"]["size"] == 2
    made = gateway.run("sign_in", account_id=ann.account_id)
    own = Client(gateway)
    own.headers["Authorization"] = f"Bearer {made['token']}"
    assert own.get(SEARCH, cql="type = page").ids == [page.id]
    gateway.run("deactivate", account_id=ann.account_id)
    assert own.get(SEARCH, cql="type = page").status == 403
    own.connection.close()


def test_the_bundled_site_looks_different_to_its_people() -> None:
    site = demo_site()
    people = {person.display_name: account_id for account_id, person in site.people.items()}
    everything = {page.title for page in site.current()}

    def hidden_from(name: str) -> set[str]:
        account_id = people[name]
        return everything - {
            page.title for page in site.current() if site.can_read(account_id, page)
        }

    own = {page.title for page in site.current("~712020c4d5e6f7")}
    failover = {"Failover to region north-2"}
    drill = {"Restore drill protocol 2025"}
    keys, vendors = {"Runbook: Rotate the Keel signing keys"}, {"Vendor contacts and contracts"}
    assert hidden_from("Mara Lindqvist") == own
    assert hidden_from("Priya Raman") == own | failover | keys
    assert hidden_from("Tom Okafor") == own | vendors
    assert hidden_from("佐藤 健二") == failover | drill | keys | vendors
