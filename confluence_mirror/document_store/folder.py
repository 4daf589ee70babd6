"""Documents in a folder."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from confluence_mirror.document_store.base import Content
from confluence_mirror.errors import (
    DocumentStoreUnavailable,
    DocumentStoreUnusable,
    SyncError,
    WrongSettings,
)

_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENOTEMPTY})
_AWAY = frozenset(
    {errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}
)


class DocumentFolder:
    """A folder of this machine, or of a volume."""

    def __init__(self, folder: Path) -> None:
        """``folder``: made where it is missing, when the first document is written."""
        self._folder = folder
        self.place = os.path.abspath(folder)  # noqa: PTH100 - resolve() would follow links

    def check(self, *, writes: bool) -> None:
        """See ``DocumentStore``. A folder that may be made is as good as one that is there."""
        with self._explain_errors():
            there = self._folder
            while not os.path.lexists(there):
                there = there.parent
            if not there.is_dir():
                raise WrongSettings(
                    f"DOCUMENT_STORE: {there} is not a folder; nothing was read or written.",
                    hint="Name a folder, or s3://bucket/prefix.",
                )
            read_only = os.statvfs(there).f_flag & os.ST_RDONLY
            if writes and (read_only or not os.access(there, os.W_OK | os.X_OK)):
                raise DocumentStoreUnusable(
                    f"The documents' folder {there} cannot be written; nothing was read or"
                    " written.",
                    hint="Check the volume and its permissions.",
                )

    def write(self, files: Mapping[str, Content]) -> Sequence[str]:
        """See ``DocumentStore``. What it returns from lasts, whatever happens to the machine."""
        hindered: list[str] = []
        folders: set[Path] = set()
        with self._explain_errors():
            for path, content in files.items():
                target = self._folder / path
                try:
                    folders |= _make_folders(target.parent)
                    _write_whole(target, content)
                except OSError as error:
                    if error.errno not in _IN_THE_WAY:
                        raise
                    hindered.append(path)
            for folder in folders:
                _flush_folder(folder)
        return hindered

    def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """See ``DocumentStore``."""
        found: dict[str, bytes] = {}
        with self._explain_errors():
            for path in paths:
                try:
                    found[path] = (self._folder / path).read_bytes()
                except OSError as error:
                    if error.errno not in _IN_THE_WAY | {errno.ENOENT}:
                        raise
        return found

    def remove(self, paths: Sequence[str]) -> None:
        """See ``DocumentStore``. What an interrupted write left beside a file goes with it."""
        with self._explain_errors():
            for path in paths:
                target = self._folder / path
                for file in (target, _unfinished(target)):
                    try:
                        file.unlink()
                    except OSError as error:
                        if error.errno not in _IN_THE_WAY | {errno.ENOENT, errno.EPERM}:
                            raise
                self._remove_empty(target.parent)

    def remove_empty_folders(self, folders: Sequence[str]) -> None:
        """See ``DocumentStore``."""
        with self._explain_errors():
            for folder in folders:
                for path, below, files in os.walk(self._folder / folder, topdown=False):
                    if not files and not any(os.path.lexists(Path(path, each)) for each in below):
                        Path(path).rmdir()

    def list_paths(self) -> Iterator[str]:
        """See ``DocumentStore``."""
        waiting = [self._folder]
        while waiting:
            with self._explain_errors():
                folder = waiting.pop()
                try:
                    entries = list(os.scandir(folder))
                except FileNotFoundError:
                    continue
                waiting += [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]
                files = [e.path for e in entries if e.is_file(follow_symlinks=False)]
            for file in files:
                yield Path(file).relative_to(self._folder).as_posix()

    def _remove_empty(self, folder: Path) -> None:
        """Remove a folder and those above it, as far as they are empty."""
        while folder != self._folder:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno not in _IN_THE_WAY:
                    raise
                return
            folder = folder.parent

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._explained(error) from None

    def _explained(self, error: OSError) -> SyncError:
        what = error.strerror or type(error).__name__
        if error.errno in _AWAY:
            return DocumentStoreUnavailable(
                f"The documents' folder {self.place} does not answer: {what}.",
                hint="Documents that are there are whole. Run again when the volume is back.",
            )
        return DocumentStoreUnusable(
            f"The documents' folder {self.place} cannot be used: {what}.",
            hint=(
                "Documents that are there are whole, and the next run writes what is missing. Check"
                " the volume, its room and its permissions."
            ),
        )


def _make_folders(folder: Path) -> set[Path]:
    """Make a folder with those above it; those in which something changes by that, or by a file in
    the folder."""
    changed = {folder}
    above = folder
    while not above.exists():
        above = above.parent
        changed.add(above)
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _write_whole(target: Path, content: Content) -> None:
    unfinished = _unfinished(target)
    try:
        descriptor = os.open(
            unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666
        )
        with os.fdopen(descriptor, "wb") as file:
            if isinstance(content, Path):
                with content.open("rb") as source:
                    shutil.copyfileobj(source, file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _unfinished(target: Path) -> Path:
    """Where a file is written before it has its name. The same each time, so that what a killed run
    left goes with the next write or removal; longer than a segment, so that no document has it."""
    digest = hashlib.sha256(target.name.encode()).hexdigest()
    return target.with_name(f".confluence-mirror.{digest}.unfinished-document")


def _flush_folder(folder: Path) -> None:
    """Names in it last. Not every file system can say so."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
