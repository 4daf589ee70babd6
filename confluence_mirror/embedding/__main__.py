"""``python -m confluence_mirror.embedding``: is the local model here, and if not, obtain it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from confluence_mirror import program, terminal
from confluence_mirror.embedding.weights import FILES, MODEL_ID, obtain_model
from confluence_mirror.errors import Exit, WrongSettings


def main() -> int:
    """One line about what is there; the exit code of wrong settings where the model cannot be
    obtained."""
    given = os.environ.get("EMBEDDING_MODEL_PATH")
    try:
        model = obtain_model(Path(os.path.expanduser(given)) if given else None)  # noqa: PTH111 raises nothing
    except WrongSettings as error:
        terminal.tell(str(error))
        return Exit.SETTINGS
    size = sum((model.folder / name).stat().st_size for name in FILES)
    terminal.say(
        f"{MODEL_ID}: {size / 1e6:.0f} MB in {model.folder} ({model.origin}), SHA-256 as published"
    )
    return Exit.OK


if __name__ == "__main__":
    sys.exit(program.ended(main))
