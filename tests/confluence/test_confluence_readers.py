"""Who may read what, as Confluence tells it: restrictions, viewers of spaces, accounts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import responses
from confluence_fakes import ROOT

from confluence_mirror.confluence.accounts import Accounts
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.restrictions import Readers, restrictions_in_row
from confluence_mirror.errors import IncompleteEvidence, PermissionRefused
from confluence_mirror.model import Caller, Space, group_principal, user_principal

OPS = Space("7", "OPS", "Operations", "global", "current")
SEARCH = f"{ROOT}/wiki/rest/api/content/search"
OWN = f"{ROOT}/wiki/rest/api/content/11/restriction/byOperation/read"
PERMISSIONS = f"{ROOT}/wiki/api/v2/spaces/7/permissions"
ROLES = f"{ROOT}/wiki/api/v2/spaces/7/role-assignments"
MEMBER_OF = f"{ROOT}/wiki/rest/api/user/memberof"
USERS = f"{ROOT}/wiki/api/v2/users-bulk"
CHECK = f"{ROOT}/wiki/rest/api/content/11/permission/check"
MISSING_SCOPE = {"code": 401, "message": "Unauthorized; scope does not match"}


def users(*ids: str, **about: Any) -> dict[str, Any]:
    rows = [{"type": "known", "accountId": each} for each in ids]
    return {"results": rows, "start": 0, "limit": 200, "size": len(ids), **about}


def groups(*ids: str, **about: Any) -> dict[str, Any]:
    rows = [{"type": "group", "name": f"name of {each}", "id": each} for each in ids]
    return {"results": rows, "start": 0, "limit": 200, "size": len(ids), **about}


def restricted(user: object, group: object) -> dict[str, Any]:
    return {"operation": "read", "restrictions": {"user": user, "group": group}}


def indexed(user: object, group: object, page_id: str = "11") -> dict[str, Any]:
    return {"id": page_id, "restrictions": {"read": restricted(user, group)}}


@pytest.mark.parametrize(
    ("row", "restrictions"),
    [
        (indexed(users(), groups()), ()),
        (indexed(users("a"), groups()), (frozenset({user_principal("a")}),)),
        (
            indexed(users("a", "b"), groups("g")),
            (frozenset({user_principal("a"), user_principal("b"), group_principal("g")}),),
        ),
        # Somebody without an id restricts it all the same.
        (indexed({"results": [{"type": "unknown"}], "size": 1}, groups()), (frozenset(),)),
        # Not told, or not to its end.
        ({"id": "11"}, None),
        ({"id": "11", "restrictions": {"update": restricted(users(), groups())}}, None),
        (indexed(users(), None), None),
        (indexed(users(), {"results": [None]}), None),
        (indexed(users("a"), groups(), "11") | {"restrictions": []}, None),
        (indexed(users("a", limit=1), groups()), None),
        (indexed(users("a", size=2), groups()), None),
        (indexed(users(_links={"next": "/rest/api/more"}), groups()), None),
    ],
)
def test_a_row_of_the_index_tells_its_restrictions_whole_or_not_at_all(
    row: dict[str, Any], restrictions: object
) -> None:
    assert restrictions_in_row(row) == restrictions


def test_what_the_index_cuts_off_is_read_to_its_end_on_its_own_route(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    found = {"results": [indexed(users("a", limit=1), groups())], "_links": {}}
    web.get(SEARCH, json=found)

    def page(request: Any) -> tuple[int, dict[str, str], str]:
        start = int(request.params["start"])
        some = [str(number) for number in range(start, min(start + 100, 250))]
        body = restricted(users(*some, limit=100), groups(*(["g"] if start == 0 else [])))
        return 200, {}, json.dumps(body)

    web.add_callback("GET", OWN, page, content_type="application/json")

    (audience,) = Readers(gateway).read_restrictions(["11"], 10)["11"]

    assert len(audience) == 251
    assert {user_principal("0"), user_principal("249"), group_principal("g")} <= audience


def test_an_element_that_cannot_be_read_is_left_out_and_a_missing_scope_is_named(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(SEARCH, json={"results": [], "_links": {}})
    gone = {"statusCode": 404, "message": "No content with id 11"}
    web.get(OWN, json=gone, status=404)
    assert Readers(gateway).read_restrictions(["11"], 10) == {}
    web.replace("GET", OWN, json=MISSING_SCOPE, status=401)
    with pytest.raises(PermissionRefused, match=r"read:confluence-content\.all"):
        Readers(gateway).read_restrictions(["11"], 10)
    assert Readers(gateway).read_restrictions(["11"], 0) == {}


def permission(kind: str, name: str, key: str = "read", target: str = "space") -> dict[str, Any]:
    return {
        "id": f"{kind}-{name}-{key}",
        "principal": {"type": kind, "id": name},
        "operation": {"key": key, "targetType": target},
    }


def test_viewers_of_a_space_are_those_with_the_permission_to_read_it(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    rows = [
        permission("user", "a"),
        permission("group", "g"),
        permission("user", "writer", "create", "page"),
        permission("group", "h", "read", "page"),
        permission("anonymous", "x"),
    ]
    web.get(PERMISSIONS, json={"results": rows, "_links": {}})
    web.get(ROLES, json={"errors": [{"status": 404, "title": "Roles are not enabled"}]}, status=404)
    readers = Readers(gateway)

    assert readers.list_viewers(OPS) == {user_principal("a"), group_principal("g")}
    readers.list_viewers(OPS)
    web.assert_call_count(f"{ROLES}?limit=250", 1)


def test_roles_that_may_view_a_space_count_where_the_tenant_has_them(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    assigned = [("USER", "u", "viewer"), ("GROUP", "g", "listed"), ("GROUP", "h", "none")]
    assigned += [("ACCESS_CLASS", "all-licensed-users", "viewer")]
    web.get(PERMISSIONS, json={"results": [permission("role", "listed")], "_links": {}})
    given = [
        {"principal": {"principalType": kind, "principalId": name}, "roleId": role}
        for kind, name, role in assigned
    ]
    web.get(ROLES, json={"results": given, "_links": {}})
    known = [
        {"id": "viewer", "name": "Viewer", "spacePermissions": ["read/space"]},
        {"id": "none", "name": "Nothing", "spacePermissions": ["create/page"]},
    ]
    web.get(f"{ROOT}/wiki/api/v2/space-roles", json={"results": known, "_links": {}})

    assert Readers(gateway).list_viewers(OPS) == {user_principal("u"), group_principal("g")}


def test_where_confluence_does_not_say_who_may_view_a_space_it_is_not_known(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(PERMISSIONS, json={"errors": [{"status": 400, "title": "No"}]}, status=400)

    assert Readers(gateway).list_viewers(OPS) is None


def test_an_account_comes_with_all_of_its_groups_and_whether_it_is_active(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    rows = [{"accountId": "a", "accountStatus": "active"}]
    web.post(USERS, json={"results": rows})

    def page(request: Any) -> tuple[int, dict[str, str], str]:
        start = int(request.params["start"])
        some = [f"g{number}" for number in range(start, min(start + 200, 450))]
        return 200, {}, json.dumps(groups(*some))

    web.add_callback("GET", MEMBER_OF, page, content_type="application/json")
    accounts = Accounts(gateway)

    wanted = frozenset(f"g{number}" for number in range(450))
    assert accounts.find_caller("a") == Caller("a", wanted, active=True)
    for status in ("inactive", "closed", "unknown", None):
        web.replace("POST", USERS, json={"results": [{"accountId": "a", "accountStatus": status}]})
        assert accounts.find_caller("a") == Caller("a", frozenset(), active=False)
    web.replace("POST", USERS, json={"results": [{"accountId": "b", "accountStatus": "active"}]})
    assert accounts.find_caller("a") is None


def test_groups_that_cannot_be_read_to_their_end_are_not_known(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.post(USERS, json={"results": [{"accountId": "a", "accountStatus": "active"}]})
    web.get(MEMBER_OF, json={"results": "nothing"})
    with pytest.raises(IncompleteEvidence):
        Accounts(gateway).find_caller("a")


def test_what_others_may_read_now_is_told_to_an_administrator_alone(
    gateway: Gateway, web: responses.RequestsMock
) -> None:
    web.get(f"{ROOT}/wiki/rest/api/user/current", json={"accountId": "ourselves"})
    asked: list[Any] = []

    def check(request: Any) -> tuple[int, dict[str, str], str]:
        asked.append(json.loads(request.body))
        return 200, {}, json.dumps({"hasPermission": len(asked) == 1})

    web.add_callback("POST", CHECK, check, content_type="application/json")
    accounts = Accounts(gateway)
    assert accounts.readable_now("ann", ["11"], []) == {"11"}
    assert accounts.readable_now("ann", ["11"], []) == set()
    assert asked[0] == {"subject": {"type": "user", "identifier": "ann"}, "operation": "read"}

    web.remove("POST", CHECK)
    web.post(
        CHECK, json={"statusCode": 403, "message": "You need administrator rights"}, status=403
    )
    assert accounts.readable_now("ann", ["11"], []) is None

    web.get(f"{ROOT}/wiki/api/v2/pages", json={"results": [{"id": "12"}], "_links": {}})
    web.get(f"{ROOT}/wiki/api/v2/blogposts", json={"results": [], "_links": {}})
    assert accounts.readable_now("ourselves", ["11", "12"], ["13"]) == {"12"}


def test_a_page_that_is_gone_meanwhile_is_readable_by_nobody(
    make_gateway: Callable[..., Gateway], web: responses.RequestsMock
) -> None:
    web.get(f"{ROOT}/wiki/rest/api/user/current", json={"accountId": "ourselves"})
    web.post(CHECK, json={"statusCode": 404, "message": "No content with id 11"}, status=404)
    assert Accounts(make_gateway()).readable_now("ann", ["11"], []) == set()
