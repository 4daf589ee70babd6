"""Facts about a credential, for the connectivity check: each by one harmless question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from confluence_mirror.confluence import cql
from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.paging import iter_rows, next_cursor
from confluence_mirror.confluence.refusals import AccessRefused, QuestionRefused
from confluence_mirror.confluence.routes import (
    ATTACHMENT,
    COMMENT,
    CURRENT_USER,
    DOWNLOAD,
    MEMBER_OF,
    NODES,
    PAGES,
    PERMISSION_CHECK,
    RESTRICTIONS,
    ROLE_ASSIGNMENTS,
    SEARCH,
    SPACES,
    USERS_BULK,
    Route,
)
from confluence_mirror.errors import PermissionRefused


@dataclass(frozen=True, slots=True)
class MissingScope:
    """A scope that the token lacks."""

    scope: str
    """Classic for v1 routes, granular for v2."""
    granular: str
    """A granular scope that does as well; empty where there is none."""
    needed_for: str
    required: bool
    """False: a sync works without it, and leaves out what it is for."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who the credential belongs to, as far as Confluence tells."""

    account_id: str
    display_name: str
    account_type: str
    """``atlassian``, ``app``, ``customer`` …; empty where Confluence does not say."""


_ONE: Params = {"limit": 1}
_QUESTIONS: tuple[tuple[Route, Params, str, bool], ...] = (
    (SPACES, _ONE, "listing spaces", True),
    (PAGES, _ONE, "listing and reading pages and blog posts", True),
    (NODES["folder"], {}, "names of folders", False),
    (CURRENT_USER, {}, "names of authors", False),
    (NODES["whiteboard"], {}, "names of whiteboards", False),
    (NODES["database"], {}, "names of databases", False),
    (NODES["embed"], {}, "names of smart links", False),
)
_OF_SEARCHES: tuple[tuple[Route, Params, str, bool], ...] = (
    (SEARCH, {"cql": "type = page", "limit": 1}, "finding what changed, and labels in bulk", True),
)
_OF_TREES: tuple[tuple[Route, Params, str, bool], ...] = (
    (NODES["folder"], {}, "what lies in which folder", True),
)
_OF_READERS: tuple[tuple[Route, Params, str, bool], ...] = (
    (RESTRICTIONS, {}, "restrictions that the index cuts off or does not know", True),
    (USERS_BULK, {}, "whether an account that asks is active", True),
    (MEMBER_OF, {}, "the groups of an account that asks", True),
    (ROLE_ASSIGNMENTS, _ONE, "viewers of spaces by role", False),
    (PERMISSION_CHECK, {}, "what was restricted after the last run", False),
)


_OF_COMMENTS: tuple[tuple[Route, Params, str, bool], ...] = (
    (COMMENT["footer"], {}, "comments that the index does not show", True),
)
_OF_FILES: tuple[tuple[Route, Params, str, bool], ...] = (
    (ATTACHMENT, {}, "files that the index does not show", True),
    (DOWNLOAD, {}, "the bytes of files", True),
)
_COUNTED = 200


def missing_scopes(
    gateway: Gateway,
    *,
    searches: bool = True,
    trees: bool = False,
    readers: bool = False,
    comments: bool = False,
    files: bool = False,
) -> list[MissingScope]:
    """The scopes that the token lacks, required ones first. ``searches``: the index is asked;
    ``trees``: folders decide what is in the scope; ``readers``: it is recorded who may read what;
    ``comments``, ``files``: those are mirrored.

    The gateway checks scopes before anything else, so a question about an id that cannot be proves
    a scope too. Raises ``PermissionRefused`` when the credential is refused altogether: its scopes
    cannot be known then.
    """
    missing: list[MissingScope] = []
    accepted = False
    asked_elsewhere = {route for route, *_ in _OF_TREES} if trees else set()
    questions = [each for each in _QUESTIONS if each[0] not in asked_elsewhere]
    questions += _OF_SEARCHES if searches else ()
    questions += _OF_TREES if trees else ()
    questions += _OF_READERS if readers else ()
    questions += _OF_COMMENTS if comments else ()
    questions += _OF_FILES if files else ()
    for route, params, needed_for, required in questions:
        try:
            gateway.request_json(route, params, node_id="1", part_id="1")
            accepted = True
        except AccessRefused as refusal:
            if refusal.scope:
                accepted = True
                missing.append(MissingScope(refusal.scope, route.granular, needed_for, required))
            elif not accepted:
                raise
        except QuestionRefused:
            accepted = True
    return sorted(missing, key=lambda each: not each.required)


def count_comments(gateway: Gateway, space_keys: Sequence[str]) -> tuple[int, bool]:
    """How many comments the index shows in these spaces, and whether there are more than are
    counted: it is asked once."""
    question: Params = {"cql": cql.comments_in(space_keys), "limit": _COUNTED}
    answer = gateway.request_json(SEARCH, question)
    results = answer.data.get("results")
    return len(results) if isinstance(results, list) else 0, next_cursor(answer) is not None


def read_account(gateway: Gateway) -> Account | None:
    """The account of the credential; None where Confluence does not tell us. Raises
    ``PermissionRefused`` for a bad credential, and for one that Confluence treats as anonymous, as
    it does on a site that is open to all."""
    try:
        data = gateway.request_json(CURRENT_USER).data
    except AccessRefused as refusal:
        if refusal.scope:
            return None
        raise
    if data.get("type") == "anonymous":
        raise PermissionRefused(
            "Confluence does not recognise this credential: it answers as to an anonymous visitor.",
            hint=(
                "The API token has expired, was revoked or belongs to another site: make a new one"
                " and set CONF_API_TOKEN (and CONF_USER to its account)."
            ),
        )
    known = {
        key: str(data.get(key) or "")
        for key in ("accountId", "displayName", "publicName", "accountType")
    }
    return Account(
        known["accountId"], known["displayName"] or known["publicName"], known["accountType"]
    )


def count_attachments(gateway: Gateway, space_keys: Sequence[str], most: int) -> int:
    """How many files the index knows in these spaces (none: in all), counted up to ``most``."""
    params: Params = {"cql": cql.files_in(space_keys), "limit": 250}
    return sum(1 for _ in islice(iter_rows(gateway, SEARCH, params), most))
