"""Who may read what: restrictions in bulk from the index or one by one, and a space's viewers.

An element without restrictions is open to all who may read what stands above it. Restrictions are
inherited, but no row tells those of its ancestors: expanding them (``ancestors.restrictions``)
fails for a whole page of results where one ancestor is a draft or in the bin (CONFCLOUD-77618), so
each element is read once and the tree is walked elsewhere. What cannot be read is left out: unknown
is closed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluence_mirror.batches import in_batches
from confluence_mirror.confluence import cql, records
from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.labelling import labels_in_row
from confluence_mirror.confluence.paging import Row, iter_rows
from confluence_mirror.confluence.refusals import AccessRefused
from confluence_mirror.confluence.routes import (
    RESTRICTIONS,
    ROLE_ASSIGNMENTS,
    SEARCH,
    SPACE_PERMISSIONS,
    SPACE_ROLES,
)
from confluence_mirror.errors import NOT_ANSWERED, IncompleteEvidence
from confluence_mirror.model import (
    Audience,
    Indexed,
    Node,
    Restrictions,
    Space,
    group_principal,
    user_principal,
)

_EXPANDED_LIMIT = 200
_IDS_A_QUESTION = 100
_OWN_LIMIT = 100
_MOST_LISTS = 1000
"""Requests for one element's restrictions: 100,000 users."""
_FAILURES = 3
"""After so many elements in a row that cannot be read, the others are not asked for."""
_EXPAND = "restrictions.read.restrictions.user,restrictions.read.restrictions.group"
_READ_SPACE = ("read", "space")
_PRINCIPALS = {"user": user_principal, "group": group_principal}

_log = logging.getLogger(__name__)


class Readers:
    """Everything about readers that a source answers. Used from several threads."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._reading_roles: frozenset[str] | None = None
        """Ids of the roles that may view a space; None: not asked yet."""
        self._has_roles = True

    def list_indexed(self, space_key: str) -> Iterator[Indexed]:
        """Pages and blog posts of a space with labels and restrictions, in one listing."""
        question = cql.content_in([space_key])
        for row in self._search(question, f"metadata.labels,{_EXPAND}"):
            yield Indexed(records.row_id(row), labels_in_row(row), restrictions_in_row(row))

    def list_containers(self, space_key: str) -> Iterator[tuple[Node, Restrictions | None]]:
        """Folders, whiteboards, databases and embeds of a space. One whose parents the answer does
        not show is left out."""
        for row in self._search(cql.containers_in(space_key), f"ancestors,{_EXPAND}"):
            node = records.parse_container(row)
            if node is not None:
                yield node, restrictions_in_row(row)

    def read_restrictions(self, ids: Sequence[str], most: int) -> dict[str, Restrictions]:
        """Those of these elements, whatever their type: from the index, then, of at most ``most``,
        from their own route. What cannot be learned is left out."""
        found = self._restrictions_from_index([each for each in ids if each.isdecimal()])
        failures = 0
        for element_id in [each for each in ids if each not in found][:most]:
            try:
                found[element_id] = self._restrictions_from_own_route(element_id)
            except NOT_ANSWERED as failure:
                if isinstance(failure, AccessRefused) and failure.scope:
                    raise
                _log.info("Restrictions of %s: %s", element_id, failure)
                gone = isinstance(failure, AccessRefused) and failure.genuine
                failures = 0 if gone else failures + 1
                if failures >= _FAILURES:
                    break
            else:
                failures = 0
        return found

    def _restrictions_from_index(self, ids: Sequence[str]) -> dict[str, Restrictions]:
        found: dict[str, Restrictions] = {}
        try:
            for some in in_batches(ids, _IDS_A_QUESTION):
                wanted = set(some)
                for row in self._search(cql.anything_with_ids(some), _EXPAND):
                    restrictions = restrictions_in_row(row)
                    if restrictions is not None and records.row_id(row) in wanted:
                        found[records.row_id(row)] = restrictions
        except NOT_ANSWERED as failure:
            if isinstance(failure, AccessRefused) and failure.scope:
                raise
            _log.info("Restrictions from the index: %s", failure)
        return found

    def _restrictions_from_own_route(self, element_id: str) -> Restrictions:
        """Both lists, to their ends."""
        names: set[str] = set()
        restricted = False
        for number in range(_MOST_LISTS):
            params: Params = {
                "expand": "restrictions.user,restrictions.group",
                "start": number * _OWN_LIMIT,
                "limit": _OWN_LIMIT,
            }
            answer = self._gateway.request_json(RESTRICTIONS, params, node_id=element_id)
            lists = _restriction_lists(answer.data)
            if lists is None:
                break
            restricted = restricted or any(rows for _, rows, _ in lists)
            names |= _named(lists)
            if all(len(rows) < _OWN_LIMIT for _, rows, _ in lists):
                return (frozenset(names),) if restricted else ()
        raise IncompleteEvidence(
            f"The restrictions of {element_id} cannot be read to their end.",
            hint="Nobody finds it until they can be.",
        )

    def list_viewers(self, space: Space) -> Audience | None:
        """Users and groups that may view a space, by its permissions and, where the tenant has
        them, by its roles; None where Confluence does not say."""
        names: set[str] = set()
        roles: set[str] = set()
        try:
            for row in iter_rows(
                self._gateway, SPACE_PERMISSIONS, {"limit": 250}, node_id=space.id
            ):
                operation, principal = _object(row, "operation"), _object(row, "principal")
                if (operation.get("key"), operation.get("targetType")) == _READ_SPACE:
                    kind, principal_id = principal.get("type"), _id_of(principal, "id")
                    if kind in _PRINCIPALS and principal_id:
                        names.add(_PRINCIPALS[kind](principal_id))
                    elif kind == "role" and principal_id:
                        roles.add(principal_id)
        except NOT_ANSWERED as failure:
            if isinstance(failure, AccessRefused) and failure.scope:
                raise
            _log.info("who may view space %s cannot be read: %s", space.key, failure)
            return None
        return frozenset(names | self._viewers_by_role(space, roles))

    def _viewers_by_role(self, space: Space, roles: set[str]) -> set[str]:
        """Those who have one of these roles, or another that may view a space. A tenant without
        roles refuses the question, once."""
        names: set[str] = set()
        if not self._has_roles:
            return names
        try:
            params: Params = {"limit": 250}
            rows = list(iter_rows(self._gateway, ROLE_ASSIGNMENTS, params, node_id=space.id))
            if rows and self._reading_roles is None:
                listed = iter_rows(self._gateway, SPACE_ROLES, params)
                self._reading_roles = frozenset(
                    records.row_id(row) for row in listed if _role_reads(row)
                )
        except NOT_ANSWERED as refusal:
            _log.info("Roles in space %s, of which none counts: %s", space.key, refusal)
            self._has_roles = not isinstance(refusal, AccessRefused)
            return names
        for row in rows:
            principal = _object(row, "principal")
            kind, principal_id = principal.get("principalType"), _id_of(principal, "principalId")
            make = _PRINCIPALS.get(str(kind).lower())
            if row.get("roleId") in roles | (self._reading_roles or set()):
                if make is not None and principal_id:
                    names.add(make(principal_id))
                else:
                    # Who belongs to an access class Confluence does not tell.
                    _log.info(
                        "space %s is open to %s %s, which counts for nobody",
                        space.key,
                        kind,
                        principal_id,
                    )
        return names

    def _search(self, question: str, expand: str) -> Iterator[Row]:
        params: Params = {"cql": question, "expand": expand, "limit": _EXPANDED_LIMIT}
        return iter_rows(self._gateway, SEARCH, params)


def restrictions_in_row(row: Row) -> Restrictions | None:
    """The restrictions on reading in a row of the index; None where they are missing, or where a
    list of them goes on."""
    lists = _restriction_lists(_object(_object(row, "restrictions"), "read"))
    if lists is None or any(goes_on for _, _, goes_on in lists):
        return None
    return (frozenset(_named(lists)),) if any(rows for _, rows, _ in lists) else ()


_List = tuple[str, list[Mapping[str, Any]], bool]
"""What is listed (``user``, ``group``), the rows, and whether there may be more."""


def _restriction_lists(read: Mapping[str, Any]) -> list[_List] | None:
    """The two lists of an operation's restrictions; None where one is not told."""
    lists: list[_List] = []
    for kind in _PRINCIPALS:
        given = _object(_object(read, "restrictions"), kind)
        rows = given.get("results")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return None
        limit, size = _number(given, "limit"), _number(given, "size")
        more = bool(_object(given, "_links").get("next"))
        lists.append((kind, rows, more or 0 < limit <= len(rows) or size > len(rows)))
    return lists


def _named(lists: Sequence[_List]) -> set[str]:
    """Whom the lists name. A row without an id restricts all the same, but names nobody."""
    keys = {"user": "accountId", "group": "id"}
    return {
        _PRINCIPALS[kind](name)
        for kind, rows, _ in lists
        for row in rows
        if (name := _id_of(row, keys[kind]))
    }


def _role_reads(row: Row) -> bool:
    permissions = row.get("spacePermissions")
    return isinstance(permissions, list) and any(
        str(each).casefold() in ("read/space", "read space", "read_space", "read:space")
        for each in permissions
    )


def _object(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _id_of(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return records.replace_unstorable(value) if isinstance(value, str) else ""


def _number(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
