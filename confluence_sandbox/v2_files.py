"""The v2 routes of files on pages: what they are. The bytes are fetched by v1's download route."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from confluence_sandbox import rows_v2 as rows
from confluence_sandbox.clock import stamp
from confluence_sandbox.content import Attached
from confluence_sandbox.paging import Key, Listing, v2_page
from confluence_sandbox.replies import Answer, Request, RequestError, v2_error
from confluence_sandbox.v2 import V2, invalid

STATUSES = ("current", "archived", "trashed")
SORTS: dict[str, Callable[[Attached], Key]] = {
    "created-date": lambda file: (stamp(file.created_at), file.number),
    "modified-date": lambda file: (stamp(file.version.created_at), file.number),
}
_USUAL_LIMIT = 50


class FilesV2:
    """Answers for the files' part of ``/api/v2``."""

    def __init__(self, v2: V2) -> None:
        self.v2 = v2
        self.site = v2.site

    def on_content(self, request: Request, kind: str, content_id: str) -> Answer:
        """``GET /pages/{id}/attachments``, and its like for blog posts."""
        holder = self.v2.visible_content(kind, content_id)
        if holder.status in ("trashed", "draft"):
            raise RequestError(v2_error(404, f"Cannot find a {kind} with id [{content_id}]"))
        return self._listed(request, self.site.files_of(holder, *STATUSES))

    def everywhere(self, request: Request) -> Answer:
        """``GET /attachments``: of the whole site."""
        return self._listed(request, filter(self.site.is_shown, self.site.files.values()))

    def single(self, request: Request, file_id: str) -> Answer:
        """``GET /attachments/{id}``, in the version that is asked for."""
        file = self._file(file_id)
        number = request.one("version", str(file.version.number))
        if not number.isdigit():
            raise invalid(number, "version")
        upload = file.upload(int(number))
        if upload is None:
            raise RequestError(
                v2_error(404, f"Cannot find version {number} of the attachment [{file_id}]")
            )
        made = rows.attachment(self.site, file, upload)
        if request.one("include-labels") == "true":
            made["labels"] = self.v2.included_labels(file, f"attachments/{file.id}")
        made["_links"] |= {"base": self.v2.base}
        return Answer(made)

    def versions(self, request: Request, file_id: str) -> Answer:
        """``GET /attachments/{id}/versions``: the newest first."""
        file = self._file(file_id)
        listing = Listing.of(
            [upload.version for upload in file.uploads],
            lambda version: (version.number,),
            descending=request.one("sort", "-modified-date").startswith("-"),
        )
        return v2_page(
            request,
            listing,
            lambda version: rows.version(version) | {"attachment": rows.named(file)},
            cap=self.v2.switches.caps.v2,
            base=self.v2.base,
        )

    def labels(self, request: Request, file_id: str) -> Answer:
        """``GET /attachments/{id}/labels``."""
        return self.v2.label_page(request, self._file(file_id).labels)

    def _file(self, file_id: str) -> Attached:
        if not file_id.removeprefix("att").isdigit():
            raise invalid(file_id, "id")
        file = self.site.files.get("att" + file_id.removeprefix("att"))
        if file is None or not self.site.is_shown(file):
            raise RequestError(v2_error(404, f"Cannot find an attachment with id [{file_id}]"))
        return file

    def _listed(self, request: Request, files: Iterable[Attached]) -> Answer:
        statuses = request.many("status") or ["current", "archived"]
        for status in statuses:
            if status not in STATUSES:
                raise invalid(status, "status")
        sort = request.one("sort", "created-date")
        if sort.lstrip("-") not in SORTS:
            raise invalid(sort, "sort")
        name, kind = request.one("filename"), request.one("mediaType")
        found = [
            file
            for file in files
            if file.status in statuses
            and (not name or file.title == name)
            and (not kind or file.newest.media_type == kind)
        ]
        return v2_page(
            request,
            Listing.of(found, SORTS[sort.lstrip("-")], descending=sort.startswith("-")),
            lambda file: rows.attachment(self.site, file),
            cap=self.v2.switches.caps.v2,
            base=self.v2.base,
            usual=_USUAL_LIMIT,
        )
