"""The settings of the documents themselves (see ``groups``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from confluence_mirror.settings import values as v
from confluence_mirror.settings.values import Secret
from confluence_mirror.settings.variables import variable

MOST_PREFIX_BYTES = 200
"""So that every document's key stays within the 1,024 bytes that S3 allows."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of S3, or what lies below a prefix in it."""

    name: str
    prefix: str
    """Without a slash at its ends; may be empty."""

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


def document_place(value: str) -> Path | Bucket:
    """A folder, or ``s3://bucket/prefix``."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", value):
        return v.path(value)
    found = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/.*)?", v.text(value))
    if not found:
        raise ValueError("is neither a folder nor s3://bucket/prefix")
    prefix = (found[2] or "").strip("/")
    if any(segment in ("", ".", "..") for segment in prefix.split("/")) and prefix:
        raise ValueError("has a prefix with an empty segment, or one of dots")
    if len(prefix.encode()) > MOST_PREFIX_BYTES:
        raise ValueError(f"has a prefix of more than {MOST_PREFIX_BYTES} bytes")
    return Bucket(found[1], prefix)


def endpoint(value: str) -> Secret:
    """The address of a server, which no output holds."""
    return Secret(v.http_url(value))


def region(value: str) -> str:
    """A region of AWS, or what another server calls one."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", value):
        raise ValueError("is not a region")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSettings:
    """Where whole documents are written, too."""

    place: Path | Bucket | None = variable(
        "DOCUMENT_STORE",
        document_place,
        "a folder, or `s3://bucket/prefix` (extra `[s3]`), where each page is kept whole, too: as a"
        " file, in folders as in Confluence (docs/document-store.md)",
        example="/srv/documents",
        steers=True,
        mistaken=("DOCUMENTS_STORE", "DOCUMENT_DIR", "DOCUMENTS_DIR"),
    )
    """None: nowhere."""
    key_id: Secret | None = variable(
        "AWS_ACCESS_KEY_ID",
        v.credential,
        "the bucket's access key; required with `s3://`",
        shared=True,
    )
    secret_key: Secret | None = variable(
        "AWS_SECRET_ACCESS_KEY", v.credential, "its secret; required with `s3://`", shared=True
    )
    region: str | None = variable(
        "AWS_REGION",
        region,
        "the bucket's region",
        shown="`us-east-1`",
        example="eu-central-1",
        shared=True,
    )
    endpoint: Secret | None = variable(
        "AWS_ENDPOINT_URL",
        endpoint,
        "address of another server that speaks S3, as MinIO does",
        shown="Amazon's",
        example="http://minio.storage.svc:9000",
        shared=True,
    )
