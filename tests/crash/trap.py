"""Where a run dies. The program itself has no hooks for tests: what it sends and commits is watched
from around it.

A *moment* is an instant in a run at which something outside the process may just have changed, or
is about to: a request to the gateway or to the store, a change in an embedded store, a commit of
the manifest. Each is counted twice, before and after, so that the instants between a store's work
and our knowing of it are among them.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Trap:
    """Counts the moments of a run, and sends the process ``number`` at the ``nth`` (from 1; 0:
    never)."""

    nth: int = 0
    number: int = signal.SIGKILL
    on_broken_answer: bool = False
    """Strike where a connection breaks off instead: the store has done some of the work, and we
    never hear of it."""
    moments: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def moment(self, what: str) -> None:
        with self._lock:
            self.moments.append(what)
            struck = len(self.moments) == self.nth
        if struck:
            os.kill(os.getpid(), self.number)

    def around(self, what: str, act: Callable[[], Any]) -> Any:
        self.moment(f"before {what}")
        try:
            result = act()
        except OSError:
            if self.on_broken_answer:
                os.kill(os.getpid(), self.number)
            raise
        self.moment(f"after {what}")
        return result

    def set(self) -> None:
        """Watch this process from now on."""
        self._watch_requests()
        self._watch_commits()
        self._watch_embedded()

    def _watch_requests(self) -> None:
        import requests

        send = requests.Session.send

        @functools.wraps(send)
        def watched(session: Any, request: Any, **options: Any) -> Any:
            what = f"{request.method} {urlsplit(request.url).path}"
            return self.around(what, lambda: send(session, request, **options))

        requests.Session.send = watched  # type: ignore[method-assign]

    def _watch_commits(self) -> None:
        from confluence_mirror.manifest import Database

        run = Database.run

        @functools.wraps(run)
        def watched(database: Any, statement: str, values: Any = ()) -> Any:
            alone = not database._connection.in_transaction and statement.startswith(
                ("INSERT", "UPDATE", "DELETE")
            )
            if statement != "COMMIT" and not alone:
                return run(database, statement, values)
            what = "COMMIT" if statement == "COMMIT" else " ".join(statement.split()[:3])
            return self.around(what, lambda: run(database, statement, values))

        Database.run = watched  # type: ignore[method-assign]

    def _watch_embedded(self) -> None:
        from confluence_mirror.stores.chroma.embedded import EmbeddedStore

        for name in (
            "create_collection",
            "drop_collection",
            "write_chunks",
            "update_metadata",
            "remove_chunks",
        ):
            setattr(EmbeddedStore, name, self._watched(name, getattr(EmbeddedStore, name)))

    def _watched(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *values: self.around(f"store.{name}", lambda: act(*values))
