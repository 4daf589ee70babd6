"""The tables. Times are seconds since 1970 by the database's clock, but where a column says
otherwise; ids are UUIDs as text."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Double, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables of the service."""

    type_annotation_map = {  # noqa: RUF012 SQLAlchemy's own
        str: Text,
        float: Double,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


def make_id() -> str:
    """A new id."""
    return str(uuid.uuid4())


def _id() -> Any:
    return mapped_column(String(36), primary_key=True, default=make_id)


def _reference(column: str) -> Any:
    return mapped_column(String(36), ForeignKey(column), index=True)


class SealedRow(Base):
    """A table with a secret that is sealed for its row; empty where it was destroyed."""

    __abstract__ = True
    id: Mapped[str] = _id()
    workspace: Mapped[str] = mapped_column(String(63), index=True)
    secret: Mapped[str]


class Key(Base):
    """A key of the API: its hash, whose it is, and what it may do."""

    __tablename__ = "keys"
    id: Mapped[str] = _id()
    workspace: Mapped[str] = mapped_column(String(63), index=True)
    name: Mapped[str]
    role: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64))
    account_id: Mapped[str | None]
    """For whom it always asks; None: for whom the call says."""
    created_at: Mapped[float]
    expires_at: Mapped[float | None]


class Connection(SealedRow):
    """One site and one credential."""

    __tablename__ = "confluence_credentials"
    name: Mapped[str]
    deployment: Mapped[str] = mapped_column(String(16))
    method: Mapped[str] = mapped_column(String(16))
    cloud_id: Mapped[str] = mapped_column(String(64))
    site_url: Mapped[str]
    account_id: Mapped[str] = mapped_column(String(255))
    account_name: Mapped[str]
    user_name: Mapped[str]
    """The e-mail address that goes with the token."""
    state: Mapped[str] = mapped_column(String(16))
    checked_at: Mapped[float]
    created_at: Mapped[float]
    removed_at: Mapped[float | None]
    __table_args__ = (
        Index(
            "one_connection",
            "workspace",
            "cloud_id",
            "account_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )


class Folder(Base):
    """What a front end calls a folder or knowledge base."""

    __tablename__ = "folders"
    id: Mapped[str] = _id()
    workspace: Mapped[str] = mapped_column(String(63), index=True)
    name: Mapped[str]
    standard: Mapped[bool]
    """The one that is meant where none is named."""
    schedule_minutes: Mapped[int | None]
    paused: Mapped[bool]
    readers: Mapped[list[str]]
    created_at: Mapped[float]
    removed_at: Mapped[float | None]
    __table_args__ = (
        Index(
            "one_standard_folder",
            "workspace",
            unique=True,
            sqlite_where=text("standard AND removed_at IS NULL"),
            postgresql_where=text("standard AND removed_at IS NULL"),
        ),
    )


class Mirror(Base):
    """What a connection brings into a folder: site, scope and collection."""

    __tablename__ = "mirrors"
    id: Mapped[str] = _id()
    workspace: Mapped[str] = mapped_column(String(63), index=True)
    folder_id: Mapped[str] = _reference("folders.id")
    connection_id: Mapped[str] = _reference("confluence_credentials.id")
    collection: Mapped[str]
    due_at: Mapped[float | None]
    """When the next scheduled run is due; None: not scheduled."""
    created_at: Mapped[float]
    __table_args__ = (Index("one_mirror", "folder_id", "connection_id", unique=True),)


class Import(Base):
    """An item of a mirror's scope."""

    __tablename__ = "confluence_imports"
    id: Mapped[str] = _id()
    workspace: Mapped[str] = mapped_column(String(63), index=True)
    folder_id: Mapped[str] = _reference("folders.id")
    connection_id: Mapped[str] = _reference("confluence_credentials.id")
    mirror_id: Mapped[str] = _reference("mirrors.id")
    import_type: Mapped[str] = mapped_column(String(16))
    """``page``, ``space`` or ``page_tree``."""
    space_key: Mapped[str | None]
    space_id: Mapped[str | None] = mapped_column(String(32))
    """Of its space: by this the record knows the pages."""
    page_id: Mapped[str | None] = mapped_column(String(32))
    title: Mapped[str]
    include_attachments: Mapped[bool]
    include_comments: Mapped[bool]
    schedule_minutes: Mapped[int | None]
    last_sync_at: Mapped[datetime | None]
    sync_status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float]
    removed_at: Mapped[float | None]


class Run(Base):
    """One execution over a mirror, or over named pages of it: the ledger."""

    __tablename__ = "runs"
    id: Mapped[str] = _id()
    workspace: Mapped[str] = mapped_column(String(63), index=True)
    folder_id: Mapped[str] = _reference("folders.id")
    connection_id: Mapped[str] = mapped_column(String(36), index=True)
    mirror_id: Mapped[str] = _reference("mirrors.id")
    trigger: Mapped[str] = mapped_column(String(16))
    pages: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Ids of the only pages that are looked at; None: the whole scope."""
    removes: Mapped[bool]
    """Somebody took something out of the scope: what leaves the store is meant to."""
    status: Mapped[str] = mapped_column(String(16))
    merged_into: Mapped[str | None] = mapped_column(String(36), index=True)
    """The run of the same mirror that does its work, too, and whose end is its end."""
    cancel_asked: Mapped[bool]
    attempts: Mapped[int]
    fence: Mapped[int]
    """Raised by each take: who holds an older one writes nothing any more."""
    worker: Mapped[str | None]
    queued_at: Mapped[float]
    due_at: Mapped[float]
    lease_until: Mapped[float | None]
    first_started_at: Mapped[float | None]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    exit_code: Mapped[int | None]
    problem: Mapped[str | None]
    hint: Mapped[str | None]
    needs: Mapped[str | None] = mapped_column(String(16))
    phase: Mapped[str | None] = mapped_column(String(16))
    counts: Mapped[dict[str, Any]]
    """By import: its pages that are recorded, and those that are written. Neither ever falls."""
    eta_seconds: Mapped[float | None]
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    approved: Mapped[str | None] = mapped_column(String(64))
    """Hash of the removals that it may do beyond what the guard lets pass."""
    guard: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What the guard stopped: ``hash`` and ``removals``."""
    __table_args__ = (
        Index(
            "one_queued_run",
            "mirror_id",
            unique=True,
            sqlite_where=text("status = 'queued' AND merged_into IS NULL"),
            postgresql_where=text("status = 'queued' AND merged_into IS NULL"),
        ),
        Index(
            "one_running_run",
            "mirror_id",
            unique=True,
            sqlite_where=text("status = 'running' AND merged_into IS NULL"),
            postgresql_where=text("status = 'running' AND merged_into IS NULL"),
        ),
        Index("runs_due", "status", "due_at"),
    )


class Hook(Base):
    """An address that events of a connection are posted to."""

    __tablename__ = "hooks"
    id: Mapped[str] = _id()
    workspace: Mapped[str] = mapped_column(String(63), index=True)
    connection_id: Mapped[str] = _reference("confluence_credentials.id")
    dialect: Mapped[str] = mapped_column(String(16))
    header: Mapped[str]
    """Of the dialect ``automation``: the header that carries the secret."""
    created_at: Mapped[float]
    removed_at: Mapped[float | None]


class HookSecret(SealedRow):
    """A secret of a hook; a former one is good for a while."""

    __tablename__ = "hook_secrets"
    hook_id: Mapped[str] = _reference("hooks.id")
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
