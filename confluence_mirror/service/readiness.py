"""Whether the database and the store answer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import httpx2

from confluence_mirror.service.db.database import Database
from confluence_mirror.settings import Settings

_KEPT_S = 1.0
_ASKED_S = 2.0


class Readiness:
    """Asks both, at most once per second."""

    def __init__(
        self, database: Database, engine: Settings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._engine, self._clock = database, engine, clock
        self._lock = threading.Lock()
        self._known: tuple[float, dict[str, bool]] | None = None

    def look(self) -> dict[str, bool]:
        """``database`` and ``store``, each with whether it answers."""
        with self._lock:
            now = self._clock()
            if self._known is None or now - self._known[0] > _KEPT_S:
                found = {"database": self._database.answers(), "store": store_answers(self._engine)}
                self._known = (now, found)
            return self._known[1]


def store_answers(engine: Settings) -> bool:
    """Whether something answers where the store is."""
    store = engine.store
    if store.kind == "embedded":
        return True
    if store.pgvector_url is not None and store.kind == "pgvector":
        import psycopg

        with contextlib.suppress(psycopg.Error):
            with psycopg.connect(store.pgvector_url.reveal(), connect_timeout=2) as connection:
                connection.execute("SELECT 1")
            return True
        return False
    address = {
        "chroma": f"{store.chroma.url}/api/v2/heartbeat",
        "llama": f"{store.llama.base_url}/v1/health",
        "vector-api": str(store.vector_api.base_url),
    }[store.kind]
    bundle = str(engine.net.ca_bundle) if engine.net.ca_bundle else True
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(address, timeout=_ASKED_S, verify=bundle).status_code < 500
    return False
