"""``conf_known_issues.vdb``: the vector store's id, kept between nights.

A hint: whoever reads it asks the server whether that id is there and has the right name. Without
it, the list by name decides.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from confluence_mirror.settings import working_folder
from confluence_mirror.whole_files import write_whole

NAME = "conf_known_issues.vdb"
_MOST_CHARS = 200


def recall(state_dir: Path) -> str:
    """The id that an earlier run left in the state folder or, as the first version did, in the
    working directory.

    Empty where there is none.
    """
    for path in dict.fromkeys((state_dir / NAME, working_folder() / NAME)):
        # A hint that cannot be read is none: the list by name decides.
        with contextlib.suppress(OSError):
            if path.is_file():
                return path.read_text(encoding="utf-8", errors="replace").strip()[:_MOST_CHARS]
    return ""


def remember(state_dir: Path, collection_id: str) -> None:
    """Keep the id for the next night. Raises ``StateUnusable``."""
    write_whole(state_dir / NAME, f"{collection_id}\n", "the vector store's id")
