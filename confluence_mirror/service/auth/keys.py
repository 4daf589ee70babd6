"""Keys of the API: made, kept as hashes, and looked up."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy.orm import Session

from confluence_mirror.service.db.tables import Key, make_id

Role: TypeAlias = Literal["reader", "editor", "admin"]
WORKSPACE = re.compile(r"[a-z0-9-]{1,63}")
DEFAULT_WORKSPACE = "default"
_RANKS = {"reader": 0, "editor": 1, "admin": 2}
_FORM = re.compile(r"cm_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    workspace: str
    role: Role
    key_id: str
    """``admin`` for the administrator's own."""
    account_id: str | None
    """On whose behalf it always asks."""

    def may(self, role: Role) -> bool:
        """Whether its role is this one or a higher one."""
        return _RANKS[self.role] >= _RANKS[role]


def make_key(
    session: Session,
    now: float,
    *,
    workspace: str,
    name: str,
    role: Role,
    account_id: str | None,
    expires_at: float | None,
) -> tuple[Key, str]:
    """A new key: its row, and its text, which is not kept."""
    key_id, secret = make_id(), secrets.token_urlsafe(32)
    text = f"cm_{key_id.replace('-', '')}_{secret}"
    row = Key(
        id=key_id,
        workspace=workspace,
        name=name,
        role=role,
        hash=_hash(text),
        account_id=account_id,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    return row, text


def find_caller(
    session: Session, now: float, text: str, admin_key: str, workspace: str
) -> Caller | None:
    """Whose key this is; None: nobody's. ``workspace`` is where an administrator acts."""
    if hmac.compare_digest(_hash(text), _hash(admin_key)):
        return Caller(workspace or DEFAULT_WORKSPACE, "admin", "admin", None)
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    hexed = found[1]
    key_id = "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:]))
    row = session.get(Key, key_id)
    if row is None or not hmac.compare_digest(row.hash, _hash(text)):
        return None
    if row.expires_at is not None and row.expires_at <= now:
        return None
    role: Role = row.role  # type: ignore[assignment]
    named = workspace if role == "admin" and workspace else row.workspace
    return Caller(named, role, row.id, row.account_id)


def _hash(text: str) -> str:
    """Keys are random: a plain hash of 256 bits cannot be guessed back."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
