"""From settings to the place where whole documents are written."""

from __future__ import annotations

from pathlib import Path

from confluence_mirror.document_store.base import DocumentStore
from confluence_mirror.document_store.folder import DocumentFolder
from confluence_mirror.document_store.s3 import BucketAccess, DocumentBucket
from confluence_mirror.settings.document_store import DocumentSettings
from confluence_mirror.settings.groups import NetSettings
from confluence_mirror.settings.values import Secret


def make_document_store(documents: DocumentSettings, net: NetSettings) -> DocumentStore | None:
    """The place that is set; None where none is."""
    place = documents.place
    if place is None:
        return None
    if isinstance(place, Path):
        return DocumentFolder(place)
    access = BucketAccess(
        _revealed(documents.key_id),
        _revealed(documents.secret_key),
        documents.region or "",
        _revealed(documents.endpoint),
        net.request_timeout,
        net.ca_bundle.read_bytes() if net.ca_bundle else b"",
    )
    return DocumentBucket(place.name, place.prefix, access)


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret else ""
