"""Text of pictures, by the program ``tesseract`` where it is installed."""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path

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
    given = source if isinstance(source, bytes) else b""
    found = subprocess.run(
        [
            PROGRAM,
            "stdin" if isinstance(source, bytes) else str(source),
            "stdout",
            "-l",
            languages,
        ],
        input=given,
        capture_output=True,
        check=False,
        preexec_fn=_bound_memory,
    )
    if found.returncode:
        said = found.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unreadable(f"tesseract could not read it: {said[-1] if said else found.returncode}")
    return found.stdout.decode("utf-8", "replace")


def _bound_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
