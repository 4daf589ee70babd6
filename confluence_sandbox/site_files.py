"""The files on pages: uploads, new versions, names, places, the trash.

Only an upload makes a version, and it is the file's own: the page's stays as it is.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TypeAlias

from confluence_sandbox.content import Attached, Upload, VersionInfo
from confluence_sandbox.state import ROBOT, Ref, SiteState

FileRef: TypeAlias = str | Attached
"""A file on a page, or its id."""


class SiteFiles(SiteState):
    """A site's files, and what becomes of them."""

    def attach_file(
        self,
        ref: Ref,
        filename: str,
        data: bytes,
        *,
        media_type: str = "application/octet-stream",
        comment: str = "",
        author: str = ROBOT,
        id: str | None = None,
        created_at: datetime | None = None,
    ) -> Attached:
        """A file on a page; where the page has one of this name, a new version of it."""
        with self.lock:
            page = self.get(ref)
            for same in self.files_of(page):
                if same.title == filename:
                    self.upload_version(
                        same,
                        data,
                        media_type=media_type,
                        comment=comment,
                        author=author,
                        created_at=created_at,
                    )
                    return same
            number = int(id.removeprefix("att")) if id is not None else self._take_number()
            self._next_id = max(self._next_id, number + 1)
            created = created_at or self.clock.now()
            version = VersionInfo(1, created, author, comment)
            file = Attached(
                id=f"att{number}",
                number=number,
                type="attachment",
                title=filename,
                space_id=page.space_id,
                author=author,
                created_at=created,
                version=version,
                container_id=page.id,
            )
            file.uploads = (self._upload(file, version, data, media_type),)
            self.files[file.id] = file
            self._contained.setdefault(page.id, {})[file.id] = file
            self._changed(file)
            return file

    def upload_version(
        self,
        ref: FileRef,
        data: bytes,
        *,
        media_type: str = "",
        comment: str = "",
        author: str | None = None,
        created_at: datetime | None = None,
    ) -> VersionInfo:
        """New bytes, which are a new version of the file."""
        with self.lock:
            file = self.file(ref)
            before = file.version
            now = created_at or self.clock.now()
            file.version = VersionInfo(before.number + 1, now, author or before.author, comment)
            kind = media_type or file.newest.media_type
            file.uploads = (*file.uploads, self._upload(file, file.version, data, kind))
            self._changed(file)
            return file.version

    def rename_file(self, ref: FileRef, filename: str) -> None:
        """Another name; no new version."""
        with self.lock:
            file = self.file(ref)
            file.title = filename
            self._changed(file)

    def move_file(self, ref: FileRef, to: Ref) -> None:
        """Onto another page; no new version."""
        with self.lock:
            file, page = self.file(ref), self.get(to)
            del self._contained[file.container_id][file.id]
            file.container_id, file.space_id = page.id, page.space_id
            self._contained.setdefault(page.id, {})[file.id] = file
            self._changed(file)

    def trash_file(self, ref: FileRef) -> None:
        """To the trash, from where it can be restored."""
        with self.lock:
            file = self.file(ref)
            file.status = "trashed"
            self._changed(file)

    def restore_file(self, ref: FileRef) -> None:
        """Out of the trash; the version keeps its old date."""
        with self.lock:
            file = self.file(ref)
            file.status = "current"
            self._changed(file)

    def purge_file(self, ref: FileRef) -> None:
        """Gone for good."""
        with self.lock:
            file = self.file(ref)
            del self.files[file.id]
            del self._contained[file.container_id][file.id]
            self.index.drop(file.id)
            self._changed()

    def file(self, ref: FileRef) -> Attached:
        """A file by id. ``KeyError`` if it is gone for good."""
        return ref if isinstance(ref, Attached) else self.files[ref]

    def uploaded(self, file_id: str) -> tuple[Attached, Upload] | None:
        """What the media host keeps under this id."""
        for file in self.files.values():
            for upload in file.uploads:
                if upload.file_id == file_id:
                    return file, upload
        return None

    def _upload(self, file: Attached, version: VersionInfo, data: bytes, media_type: str) -> Upload:
        name = f"{self.host}/{file.id}/{version.number}"
        file_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        return Upload(version, data, media_type, version.message, file_id)
