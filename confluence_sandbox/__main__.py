"""``python -m confluence_sandbox``: the gateway as a process of its own.

Prints one line of JSON when it is ready (``url``, ``elsewhere``, ``cloud_id``, ``user``, ``token``)
and runs until it is interrupted, terminated, or its standard input is closed (``--with-parent``).
Errors are one line on the standard error (a JSON object with ``LOG_FORMAT=json``) and an exit code
of sysexits, as those of the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

from confluence_sandbox.demo import demo_site
from confluence_sandbox.gateway import SampleGateway
from confluence_sandbox.generated import generated_site
from confluence_sandbox.generated_access import restricted_site
from confluence_sandbox.site import Site

USAGE, UNWRITABLE = 64, 74


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _refuse(f"{self.prog}: {message}. See {self.prog} --help.", USAGE)


def chosen_site(text: str, seed: int = 1) -> Site:
    """``demo``, ``empty``, ``generated:2000``, or ``restricted:1000``. ``ValueError`` for anything
    else."""
    kind, _, count = text.partition(":")
    if kind == "demo":
        return demo_site()
    if kind == "empty":
        return Site()
    if kind == "generated" and count.isdigit():
        return generated_site(int(count), seed=seed)
    if kind == "restricted" and count.isdigit():
        return restricted_site(int(count), seed=seed)
    raise ValueError(f"no such site: {text}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop."""
    parser = _Parser(
        prog="python -m confluence_sandbox", description="A Confluence to try things on"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument(
        "--site", default="demo", help="demo, empty, generated:PAGES or restricted:PAGES"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--latency", type=float, default=0.0, help="milliseconds before every answer"
    )
    parser.add_argument("--user", default="robot@lighthouse.example")
    parser.add_argument("--token", help="a random one unless given")
    parser.add_argument("--legacy", action="store_true", help="serve the removed v1 routes")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    given = parser.parse_args(arguments)
    try:
        site = chosen_site(given.site, given.seed)
    except ValueError as error:
        parser.error(str(error))
    options = {
        "user": given.user,
        "token": given.token,
        "latency": given.latency / 1000,
        "legacy": given.legacy,
    }
    try:
        gateway = SampleGateway(site, host=given.host, port=given.port, **options)
    except (OSError, OverflowError) as error:
        _refuse(f"Cannot listen on {given.host}, port {given.port}: {error}.", UNWRITABLE)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with gateway:
        if not _tell_ready(gateway):
            return 0
        if given.with_parent:
            threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()
        stop.wait()
    return 0


def _tell_ready(gateway: SampleGateway) -> bool:
    """False where the reader went away: nobody knows the address then."""
    names = ("url", "elsewhere", "cloud_id", "user", "token", "site_url")
    try:
        sys.stdout.write(json.dumps({name: getattr(gateway, name) for name in names}) + "\n")
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would fail once more at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            _refuse(f"The standard output cannot be written ({error.strerror}).", UNWRITABLE)
        return False
    return True


def _refuse(text: str, code: int) -> NoReturn:
    """One line on the standard error, in the format of the log, and the exit code."""
    if os.environ.get("LOG_FORMAT", "").strip() == "json":
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        text = json.dumps({"ts": now, "level": "error", "event": text, "exit_code": code})
    sys.stderr.write(f"{text}\n")
    sys.exit(code)


def _wait_for_parent(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
