"""PID 1 of the image: runs one of the programs by name, as the same process.

``podman run IMAGE`` runs ``sync.py``; ``podman run IMAGE plan`` or ``--dry-run`` gives it the
command or the option; ``podman run IMAGE ingest_conf.py`` or ``test_confluence.py`` runs those;
anything else is a command to execute (``python -m …``).
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType

CODE = Path("/opt/confluence-sync")
# Where a cluster mounts its authorities (OpenShift injects them), and where Red Hat base images
# have theirs.
BUNDLE = Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
PROGRAMS = ("sync.py", "ingest_conf.py", "test_confluence.py")
COMMANDS = frozenset({"plan", "verify", "repair", "purge", "query", "check", "demo"})
"""Of ``sync.py``; ``sync`` itself is a program of every Linux, too, and means ours only after its
name."""


def stop(number: int, _frame: FrameType | None) -> None:
    """A signal before the program has handlers of its own: nothing was begun, so nothing is to be
    finished."""
    sys.exit(128 + number)


def main(arguments: list[str]) -> None:
    # PID 1 has no default action for signals: without a handler, SIGTERM is ignored until the grace
    # period is over.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    os.umask(
        0o002
    )  # a volume's files belong to a group: another uid of it must be able to go on with them
    if BUNDLE.is_file() and not any(
        os.environ.get(n)
        for n in ("CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    ):
        os.environ["CA_BUNDLE"] = str(BUNDLE)
    if not arguments or arguments[0].startswith("-") or arguments[0] in COMMANDS:
        arguments = [PROGRAMS[0], *arguments]
    if arguments[0] not in PROGRAMS:
        os.execvp(arguments[0], arguments)  # noqa: S606
    sys.argv = [str(CODE / arguments[0]), *arguments[1:]]
    sys.path[0] = str(CODE)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
