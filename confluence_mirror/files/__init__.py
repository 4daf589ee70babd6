"""Text of files: PDF, documents, sheets, slides and plain text, as Markdown in sections.

Each file is read by a process of its own, whose memory, time and output are bounded: files come
from anyone who can edit a page, and the libraries that read them are large.
"""

from .kinds import kind_of
from .process import Limits, read_file
from .reader import FileReader
from .sections import FILES_REVISION

__all__ = ["FILES_REVISION", "FileReader", "Limits", "kind_of", "read_file"]
