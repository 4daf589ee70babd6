"""The life of a process around a program's ``main``: whatever becomes of it, one line and a code of
the table."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from confluence_mirror import terminal
from confluence_mirror.errors import Exit, Interrupted, StateUnusable, SyncError, of_the_system


def ended(main: Callable[[], int | None]) -> int:
    """Run it; its exit code. Only a bug prints a traceback."""
    terminal.prepare()
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
            terminal.say(traceback.format_exc().rstrip(), sys.stderr)
        code = int(Exit.BUG) if known is None else refuse(known)
    if (failed := terminal.flush()) is not None and code == Exit.OK:
        code = refuse(StateUnusable(f"The standard output cannot be written ({failed.strerror})."))
    return code


def refuse(error: SyncError, mask: Callable[[str], str] = str) -> int:
    """Say what is wrong, masked; the exit code."""
    terminal.say(mask(str(error)), sys.stderr)
    return int(error.exit)
