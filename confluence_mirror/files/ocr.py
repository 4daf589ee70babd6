"""Text of pictures, by the program ``tesseract`` where it is installed."""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .sections import NoText, Unreadable

PROGRAM = "tesseract"
MEMORY = 200_000_000
"""Bytes of address space that it may use beside the process that reads the file."""


def has_ocr() -> bool:
    """Whether pictures can be read here."""
    return shutil.which(PROGRAM) is not None


def image_text(source: Path | bytes, languages: str) -> str:
    """The text of a picture: of a file, or of its bytes."""
    if not has_ocr():
        raise NoText("it is a picture, and there is no tesseract here that would read it")
    command = [PROGRAM, "stdin", "stdout", "-l", languages]
    if isinstance(source, bytes):
        found = _run(command, input=source)
    else:
        with source.open("rb") as file:
            found = _run(command, stdin=file)
    if found.returncode:
        said = found.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unreadable(f"tesseract could not read it: {said[-1] if said else found.returncode}")
    return found.stdout.decode("utf-8", "replace")


def _run(command: list[str], **given: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, capture_output=True, check=False, preexec_fn=_bound_memory, **given
    )


def _bound_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
