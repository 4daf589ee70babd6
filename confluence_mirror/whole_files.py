"""Small files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from confluence_mirror.errors import StateUnusable

_STREAM = re.compile(r"/(?:dev|proc/self)/(?:fd/)?(\d+|stdout|stderr)")


def write_whole(path: Path, text: str, what: str, *, durable: bool = True) -> None:
    """Write a file beside its place and rename it, so that a reader never sees half of it.

    Makes missing folders; a link stays a link, to the new file. What is not a file is written to
    and never replaced: a pipe, ``/dev/null``, and ``/dev/stdout`` also where that is a file just
    now. Raises ``StateUnusable``, which calls the file ``what``. ``durable``: it is there after a
    loss of power, too.
    """
    try:
        if is_device(path):
            _write_into(path, text)
        else:
            _replace(Path(os.path.realpath(path)), text, durable=durable)
    except OSError as error:
        raise StateUnusable(
            f"{what} could not be written to {path} ({error.strerror}).",
            hint="Free the disk, fix the permissions, or name another place.",
        ) from error


def is_device(path: Path) -> bool:
    """Whether this is something to write into: a device, a pipe, one of this process's own
    streams."""
    return _stream(path) is not None or (
        os.path.lexists(path) and path.exists() and not path.is_file()
    )


def _stream(path: Path) -> int | None:
    """The descriptor that ``/dev/stdout`` and its like name."""
    named = _STREAM.fullmatch(os.path.abspath(path))  # noqa: PTH100 a link stays one
    return None if named is None else {"stdout": 1, "stderr": 2}.get(named[1]) or int(named[1])


def _replace(path: Path, text: str, *, durable: bool) -> None:
    beside: Path | None = None
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            errors="backslashreplace",
            dir=path.parent,
            prefix=f".{path.name[:40]}.",
            delete=False,
        ) as file:
            beside = Path(file.name)
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        # mkstemp makes files for the owner alone; others collect metrics and reports.
        with contextlib.suppress(OSError):  # there are file systems that know no permissions
            beside.chmod(0o644)
        beside.replace(path)
    except OSError:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise


def _write_into(path: Path, text: str) -> None:
    stream = _stream(path)
    if stream is None:
        # A pipe that nobody reads is an error, not a wait.
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        os.set_blocking(descriptor, True)
    else:
        # Opened by its name a log file would be cut to nothing, and a socket cannot be opened.
        descriptor = os.dup(stream)
    with os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
