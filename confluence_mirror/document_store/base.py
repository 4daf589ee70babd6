"""What the mirror asks of the place where documents are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

Content: TypeAlias = bytes | Path
"""Of a file: its bytes, or where on this machine they are."""


class DocumentStore(Protocol):
    """Files by path, relative and with ``/`` between segments. What is not named in a call is never
    touched.

    ``DocumentStoreUnavailable`` is raised where it does not answer, ``DocumentStoreUnusable`` where
    it is full or may not be written, ``WrongSettings`` where it is not what the settings say.
    """

    @property
    def place(self) -> str:
        """Where it is, for people and for the manifest: an absolute path, or
        ``s3://bucket/prefix``."""

    def check(self, *, writes: bool) -> None:
        """Raise what a run would end with that cannot use it. Writes nothing; ``writes``: whether
        the run will."""

    def write(self, files: Mapping[str, Content]) -> Sequence[str]:
        """Write files, each whole or not at all, over what is there. Given back are the paths that
        cannot be written because something that is no such file is in the way."""

    def read(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The files that are there."""

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, and the folders that this leaves empty. One that is not there is no
        error."""

    def remove_empty_folders(self, folders: Sequence[str]) -> None:
        """Remove these folders and those in them, as far as there is no file in them: a removal
        may have died over them."""

    def list_paths(self) -> Iterator[str]:
        """Every file, of whomever, in any order."""
