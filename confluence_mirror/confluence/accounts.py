"""Accounts that ask questions: whether they are active, their groups, and what they may read at
this moment."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from confluence_mirror.confluence import records
from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.paging import iter_rows
from confluence_mirror.confluence.refusals import AccessRefused, QuestionRefused
from confluence_mirror.confluence.routes import (
    BLOGPOSTS,
    CURRENT_USER,
    MEMBER_OF,
    PAGES,
    PERMISSION_CHECK,
    USERS_BULK,
)
from confluence_mirror.errors import IncompleteEvidence
from confluence_mirror.model import Caller

_GROUPS_A_REQUEST = 200
_MOST_REQUESTS = 100
_IDS_A_QUESTION = 100
_ATTEMPTS = 2
"""Somebody waits for the answer."""

_log = logging.getLogger(__name__)


class Accounts:
    """What Confluence tells of accounts, to the credential that we have."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._own_id: str | None = None

    def find_caller(self, account_id: str) -> Caller | None:
        """An account with its groups; None for one that Confluence does not know. Raises the
        ``SyncError`` for which nothing is known of it."""
        answer = self._gateway.request_json(
            USERS_BULK, body={"accountIds": [account_id]}, attempts=_ATTEMPTS
        )
        rows = answer.data.get("results")
        found = [
            row
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict) and row.get("accountId") == account_id
        ]
        if not found:
            return None
        if found[0].get("accountStatus") != "active":
            return Caller(account_id, frozenset(), active=False)
        return Caller(account_id, self._groups_of(account_id), active=True)

    def _groups_of(self, account_id: str) -> frozenset[str]:
        groups: set[str] = set()
        start = 0
        for _ in range(_MOST_REQUESTS):
            params: Params = {"accountId": account_id, "start": start, "limit": _GROUPS_A_REQUEST}
            data = self._gateway.request_json(MEMBER_OF, params, attempts=_ATTEMPTS).data
            rows, links = data.get("results"), data.get("_links")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                break
            groups.update(records.row_id(row) for row in rows if row.get("id"))
            start += len(rows)
            more = isinstance(links, dict) and bool(links.get("next"))
            if not rows or (len(rows) < _GROUPS_A_REQUEST and not more):
                return frozenset(groups)
        raise IncompleteEvidence(
            f"The groups of account {account_id} cannot be read to their end.",
            hint="Ask again later.",
        )

    def readable_now(
        self, account_id: str, pages: Sequence[str], blogposts: Sequence[str]
    ) -> set[str] | None:
        """Of these ids those that the account may read at this moment; None where our credential
        may not ask: about others only an administrator may."""
        if account_id == self._own_account():
            return self._seen_by_ourselves(pages, blogposts)
        readable: set[str] = set()
        for page_id in (*pages, *blogposts):
            try:
                if self._may_read(account_id, page_id):
                    readable.add(page_id)
            except (AccessRefused, QuestionRefused) as refusal:
                if isinstance(refusal, AccessRefused) and refusal.genuine:
                    continue  # it is gone, or hidden from us as well
                _log.info("What %s may read now: %s", account_id, refusal)
                return None
        return readable

    def _may_read(self, account_id: str, page_id: str) -> bool:
        subject = {"type": "user", "identifier": account_id}
        question = {"subject": subject, "operation": "read"}
        answer = self._gateway.request_json(
            PERMISSION_CHECK, node_id=page_id, body=question, attempts=_ATTEMPTS
        )
        return answer.data.get("hasPermission") is True

    def _own_account(self) -> str:
        if self._own_id is None:
            found = self._gateway.request_json(CURRENT_USER, attempts=_ATTEMPTS).data.get(
                "accountId"
            )
            self._own_id = found if isinstance(found, str) else ""
        return self._own_id

    def _seen_by_ourselves(self, pages: Sequence[str], blogposts: Sequence[str]) -> set[str]:
        seen: set[str] = set()
        for route, ids in ((PAGES, pages), (BLOGPOSTS, blogposts)):
            for start in range(0, len(ids), _IDS_A_QUESTION):
                some = ids[start : start + _IDS_A_QUESTION]
                params: Params = {"id": list(some), "status": "current", "limit": 250}
                seen.update(records.row_id(row) for row in iter_rows(self._gateway, route, params))
        return seen & {*pages, *blogposts}
