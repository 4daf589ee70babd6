"""The media host: gives a file to those who come without a credential, with an address that was
just given out."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from confluence_sandbox.content import Attached, Upload
from confluence_sandbox.paging import decode, encode
from confluence_sandbox.replies import Answer, Request
from confluence_sandbox.site import Site
from confluence_sandbox.switches import Switches

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class MediaHost:
    """Addresses of files, and what they lead to."""

    def __init__(self, site: Site, switches: Switches) -> None:
        self.site = site
        self.switches = switches
        self.origin = ""
        """Where it listens, set by the gateway."""
        self._given = 0
        self._used: set[int] = set()

    def address(self, file: Attached, upload: Upload) -> str:
        """Where to fetch a file from, for a short while and (with that switch) once."""
        self._given += 1
        ends = self.site.clock.now().timestamp() + self.switches.media_seconds
        token = encode({"file": upload.file_id, "ends": ends, "number": self._given})
        query = urlencode({"token": token, "client": self.site.cloud_id, "name": file.title})
        return f"{self.origin}/file/{upload.file_id}/binary?{query}"

    def serve(self, request: Request, file_id: str) -> Answer:
        """``GET /file/{fileId}/binary``: 400 for whoever sends a credential, 401 for an address
        that has run out, 404 for a file that is gone."""
        if "authorization" in request.headers:
            return Answer({"error": "Only one auth mechanism allowed"}, 400)
        try:
            token = decode(request.one("token"))
        except ValueError:
            return Answer({"error": "Unauthorized"}, 401)
        number, now = token.get("number", 0), self.site.clock.now().timestamp()
        if token.get("file") != file_id or token.get("ends", 0) < now or number in self._used:
            return Answer({"error": "Unauthorized"}, 401)
        if self.switches.media_once:
            self._used.add(number)
        found = self.site.uploaded(file_id)
        if found is None or found[0].status != "current":
            return Answer({"error": "Not found"}, 404)
        return self._bytes(request, *found)

    def _bytes(self, request: Request, file: Attached, upload: Upload) -> Answer:
        headers = {
            "Content-Type": upload.media_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.title)}",
            "ETag": f'"{upload.file_id}"',
        }
        if not self.switches.media_ranges:
            return Answer(upload.data, headers=headers)
        headers["Accept-Ranges"] = "bytes"
        wanted = _RANGE.fullmatch(request.headers.get("range", ""))
        if wanted is None or request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
            return Answer(upload.data, headers=headers)
        size, start = len(upload.data), int(wanted[1])
        if start >= size:
            return Answer(b"", 416, headers | {"Content-Range": f"bytes */{size}"})
        end = min(int(wanted[2] or size - 1), size - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        return Answer(upload.data[start : end + 1], 206, headers)
