"""Start a program in place of this process, so that it dies with whoever started it.

``python launch.py PARENT COMMAND…``. Standard library alone: it is run as a file, without the
package. Linux ends a process with its parent by itself (``PR_SET_PDEATHSIG``); elsewhere the worker
that goes on finds the run after its lease.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Does not return."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
