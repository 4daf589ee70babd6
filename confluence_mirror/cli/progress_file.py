"""The progress of a run for programs: one small file that is replaced as a whole."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from confluence_mirror.errors import StateUnusable
from confluence_mirror.progress import Tracker
from confluence_mirror.whole_files import write_whole

_LOG = logging.getLogger("confluence_mirror.progress")


class ProgressFile:
    """Writes what ``tracker`` knows. A file that cannot be written is one warning, once
    ``warns`` says that the log is set up."""

    def __init__(self, path: Path, tracker: Tracker) -> None:
        self._path = path
        self._tracker = tracker
        self.warns = False
        self._warned = False

    def write(self) -> None:
        """Replace the file by what is known now."""
        try:
            write_whole(self._path, f"{self._to_json()}\n", "Progress", durable=False)
        except StateUnusable as error:
            if self.warns and not self._warned:
                self._warned = True
                _LOG.warning("%s The run goes on without it.", Exception.__str__(error))

    def _to_json(self) -> str:
        now = self._tracker.snapshot()
        found = {
            "phase": now.phase,
            "done": now.done,
            "total": now.total,
            "chunks": now.chunks,
            "eta_seconds": None if now.eta_s is None else round(now.eta_s),
            "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        }
        if now.exit_code is not None:
            found["exit_code"] = now.exit_code
        return json.dumps(found)
