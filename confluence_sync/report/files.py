"""Small files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from confluence_sync.errors import StateUnusable


def write_whole(path: Path, text: str, what: str) -> None:
    """Write a file beside its place and rename it, so that a reader never sees half of it.

    Makes missing folders. Raises ``StateUnusable``, which calls the file ``what``.
    """
    beside = ""
    if path.exists() and not path.is_file():
        return _write_into(path, text, what)  # a device or a pipe: /dev/stdout is written to, never replaced
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            beside = file.name
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for the owner alone; others collect metrics and reports.
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except OSError as error:
        if beside:
            Path(beside).unlink(missing_ok=True)
        raise StateUnusable(
            f"{what} could not be written to {path} ({error.strerror}).", hint="Free the disk or mend its rights."
        ) from error


def _write_into(path: Path, text: str, what: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StateUnusable(f"{what} could not be written to {path} ({error.strerror}).") from error
