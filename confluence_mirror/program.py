"""The life of a process around a program's ``main``: whatever becomes of it, one line and a code of
the table."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

from confluence_mirror import terminal
from confluence_mirror.errors import (
    Exit,
    Interrupted,
    StateUnusable,
    SyncError,
    of_the_system,
)


def ended(main: Callable[[], int | None]) -> int:
    """Run it; its exit code. Only a bug prints a traceback."""
    terminal.prepare()
    terminal.tell_json(os.environ.get("LOG_FORMAT", "").strip() == "json")
    try:
        code = int(main() or Exit.OK)
    except (
        SystemExit
    ) as leaving:  # argparse: 0 after --help, 2 for wrong usage, which the table does not know
        code = int(Exit.USAGE if leaving.code == 2 else leaving.code or Exit.OK)
    except KeyboardInterrupt:
        code = refuse(Interrupted("Stopped by SIGINT."))
    except BrokenPipeError:  # whoever read the output has seen enough
        code = int(Exit.OK)
    except Exception as error:
        known = error if isinstance(error, SyncError) else of_the_system(error)
        if known is None:
            terminal.tell(traceback.format_exc().rstrip(), exit_code=int(Exit.BUG))
        code = int(Exit.BUG) if known is None else refuse(known)
    if (failed := terminal.flush()) is not None and code == Exit.OK:
        code = refuse(StateUnusable(f"The standard output cannot be written ({failed.strerror})."))
    return code


def refuse(error: SyncError, mask: Callable[[str], str] = str) -> int:
    """Say what is wrong, masked; the exit code."""
    terminal.tell(mask(str(error)), exit_code=int(error.exit))
    return int(error.exit)
