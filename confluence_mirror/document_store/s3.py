"""Documents in a bucket of S3, or of a server that speaks its protocol (MinIO).

What obstore says of a failure names addresses, so none of its texts is passed on: only the status
and the code of S3 are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from confluence_mirror.document_store.base import Content
from confluence_mirror.errors import (
    DocumentStoreUnavailable,
    DocumentStoreUnusable,
    SyncError,
    WrongSettings,
)

AT_ONCE = 8
"""Requests in flight."""
RETRIES = 5
LISTED = 1000
"""Keys in one answer."""
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """How a bucket is asked. No field of it is shown anywhere."""

    key_id: str
    secret_key: str
    region: str = ""
    endpoint: str = ""
    """Empty: Amazon's own."""
    timeout: float = 30.0
    """Seconds for one request."""
    ca_bundle: bytes = b""
    """PEM; empty: the system's CAs alone."""

    def __repr__(self) -> str:
        return "BucketAccess(***)"


class DocumentBucket:
    """A bucket, or what lies below a prefix in it."""

    def __init__(self, bucket: str, prefix: str, access: BucketAccess) -> None:
        """``prefix``: without a slash at its ends; empty: the whole bucket."""
        self.place = f"s3://{bucket}/{prefix}".rstrip("/")
        self._store = _make_store(bucket, prefix, access)

    def check(self, *, writes: bool) -> None:
        """See ``DocumentStore``: asks for the first keys."""
        next(self.list_paths(), None)

    def write(self, files: Mapping[str, Content]) -> Sequence[str]:
        """See ``DocumentStore``. In a bucket nothing is ever in the way."""
        import obstore

        def put(file: tuple[str, Content]) -> None:
            path, content = file
            parts = None if isinstance(content, Path) else False  # a large file goes in parts
            obstore.put(self._store, path, content, use_multipart=parts)

        self._each(put, list(files.items()))
        return ()

    def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """See ``DocumentStore``."""
        import obstore

        def get(path: str) -> bytes | None:
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError as error:
                if _code(error) == "NoSuchBucket":
                    raise
                return None

        found = self._each(get, paths)
        return {
            path: content for path, content in zip(paths, found, strict=True) if content is not None
        }

    def remove(self, paths: Sequence[str]) -> None:
        """See ``DocumentStore``. A bucket has no folders that could stay behind."""
        import obstore

        with self._explain_errors():
            if paths:
                obstore.delete(self._store, list(paths))

    def remove_empty_folders(self, folders: Sequence[str]) -> None:
        """See ``DocumentStore``: there are none."""

    def list_paths(self) -> Iterator[str]:
        """See ``DocumentStore``."""
        import obstore

        with self._explain_errors():
            batches = iter(obstore.list(self._store, chunk_size=LISTED))
        while True:
            with self._explain_errors():
                batch = next(batches, None)
            if batch is None:
                return
            for row in batch:
                yield str(row["path"])

    def _each(self, act: Callable[[_Given], _Found], given: Sequence[_Given]) -> list[_Found]:
        """What it gives for each, several at a time."""
        with self._explain_errors(), ThreadPoolExecutor(AT_ONCE, "documents") as pool:
            try:
                return list(pool.map(act, given))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            raise _explained(self.place, error) from None


def _make_store(bucket: str, prefix: str, access: BucketAccess) -> Any:
    try:
        from obstore.store import S3Store
    except ImportError:
        raise WrongSettings(
            "DOCUMENT_STORE is a bucket of S3, and obstore is not installed; nothing was read or"
            " written.",
            hint="In the checkout of this program: pip install '.[s3]'.",
        ) from None
    client: dict[str, Any] = {
        "timeout": timedelta(seconds=access.timeout),
        "connect_timeout": timedelta(seconds=access.timeout),
        "allow_http": access.endpoint.startswith("http://"),
    }
    if access.ca_bundle:
        client["root_certificate"] = access.ca_bundle
    options: dict[str, Any] = {
        "access_key_id": access.key_id,
        "secret_access_key": access.secret_key,
        "prefix": prefix or None,
        "client_options": client,
        "retry_config": {
            "max_retries": RETRIES,
            "retry_timeout": timedelta(seconds=2 * access.timeout),
        },
    }
    named = {"region": access.region, "endpoint": access.endpoint}
    options |= {name: value for name, value in named.items() if value}
    return S3Store(bucket, **options)


def _code(error: Exception) -> str:
    """The code that S3 gave (``NoSuchBucket``, ``AccessDenied`` …); empty: none."""
    found = re.search(r"<Code>(\w+)</Code>", str(error))
    return found[1] if found else ""


def _explained(place: str, error: Exception) -> SyncError:
    """By what S3 answered."""
    code, status = _code(error), re.search(r"status code: (\d{3})", str(error))
    answer = " ".join(filter(None, (status[1] if status else "", code))) or type(error).__name__
    if code in _FULL or (status and status[1] == "507"):
        return DocumentStoreUnusable(
            f"The documents' bucket {place} is full ({answer}).",
            hint=(
                "Documents that are there are whole, and the next run writes what is missing. Make"
                " room, or raise the quota."
            ),
        )
    if status and status[1] in ("301", "307", "400", "401", "403", "404", "405"):
        return WrongSettings(
            f"DOCUMENT_STORE: {place} is refused ({answer}).",
            hint=(
                "Check bucket, AWS_ENDPOINT_URL, AWS_REGION, the keys and what they may do: list,"
                " read, write and delete objects."
            ),
        )
    return DocumentStoreUnavailable(
        f"The documents' bucket {place} does not answer ({answer}).",
        hint=(
            "Documents that are there are whole, and the next run writes what is missing. Check"
            " AWS_ENDPOINT_URL, and run again."
        ),
    )
