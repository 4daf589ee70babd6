"""PID 1 of the image: runs one of the programs by name, as the same process.

``podman run IMAGE`` runs ``sync.py``; ``podman run IMAGE plan`` or ``--dry-run`` gives it the
command or the option; ``podman run IMAGE ingest_conf.py`` or ``test_confluence.py`` runs those;
anything else is a command to execute (``python -m …``). A first word that is none of these is
wrong usage (64).
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

CODE = Path("/opt/confluence-sync")
# Where a cluster mounts its authorities (OpenShift injects them), and where Red Hat base images
# have theirs.
BUNDLE = Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
PROGRAMS = ("sync.py", "ingest_conf.py", "test_confluence.py")
COMMANDS = frozenset(
    {
        *("sync", "plan", "verify", "repair", "purge", "query"),
        *("mcp", "serve", "worker", "check", "demo"),
    }
)
"""Of ``sync.py``. Every Linux has a ``sync``, too: that one is ``/bin/sync`` here."""
USAGE = 64
"""``Exit.USAGE`` of ``confluence_mirror/errors.py``."""


def stop(number: int, _frame: FrameType | None) -> None:
    """A signal before the program has handlers of its own: nothing was begun, so nothing is to be
    finished."""
    sys.exit(128 + number)


def refuse(word: str) -> None:
    """Wrong usage, said in one line, and in the format of the log."""
    text = (
        f"{word!r} is no option, no command of sync.py, no program of this image and nothing to"
        f" execute. The programs are {', '.join(PROGRAMS)}; see sync.py --help."
    )
    if os.environ.get("LOG_FORMAT") == "json":
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        text = json.dumps({"ts": now, "level": "error", "event": text, "exit_code": USAGE})
    print(text, file=sys.stderr)
    sys.exit(USAGE)


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
        if shutil.which(arguments[0]) is None:
            refuse(arguments[0])
        os.execvp(arguments[0], arguments)  # noqa: S606
    sys.argv = [str(CODE / arguments[0]), *arguments[1:]]
    sys.path[0] = str(CODE)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
