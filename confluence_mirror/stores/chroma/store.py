"""A Chroma server."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluence_mirror.addresses import server_name
from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.stores.base import Capabilities, Dimension, Embedding
from confluence_mirror.stores.chroma.base import CAN, ChromaCollections
from confluence_mirror.stores.chroma.http import RemoteClient
from confluence_mirror.stores.http import Api

HEARTBEAT = "/api/v2/heartbeat"


class ChromaStore(ChromaCollections):
    """Fulfils ``Store`` over a Chroma server (1.x, API v2).

    ``token`` goes out as ``Authorization: Bearer`` and as ``X-Chroma-Token``: servers and the
    proxies before them want one or the other. ``timeout`` in seconds. Every request is one that may
    be repeated, and is.
    """

    kind = "chroma"

    def __init__(
        self,
        url: str,
        embed: Embedding,
        dimension: Dimension,
        model_id: str,
        *,
        token: str | None = None,
        tenant: str | None = None,
        database: str | None = None,
        ca_bundle: str | None = None,
        timeout: float = 30.0,
        batch_size: int = 100,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(embed, dimension, model_id, batch_size)
        self._tenant = tenant or "default_tenant"
        self._database = database or "default_database"
        self._api = Api(
            url,
            token or "",
            timeout=timeout,
            ca_bundle=ca_bundle or "",
            headers={"X-Chroma-Token": token} if token else {},
            variable="CHROMA_URL",
            sleep=sleep,
        )
        self.location = self._api.location
        self.place = f"{server_name(self.location)} {self._tenant}/{self._database}"

    def connect(self) -> Capabilities:
        """Whether a Chroma answers there, and knows the tenant and the database."""
        answer = self._api.get(HEARTBEAT)
        if (
            not answer.ok
            or not isinstance(answer.data, dict)
            or "nanosecond heartbeat" not in answer.data
        ):
            said = f"GET {HEARTBEAT}: {answer.describe()}"
            if answer.status >= 500:
                raise StoreUnavailable(
                    f"Chroma at {self.location} fails ({said}); nothing was written."
                )
            raise WrongSettings(
                f"There is no sign of a Chroma server at {self.location} ({said}); nothing was"
                " written.",
                hint="Check CHROMA_URL: its scheme, host, port and path.",
            )
        self._remote_client().check_database()
        return CAN

    def close(self) -> None:
        """Let go of the connections."""
        super().close()
        self._api.close()

    def _open_client(self) -> RemoteClient:
        return self._remote_client()

    def _remote_client(self) -> RemoteClient:
        return RemoteClient(self._api, self._tenant, self._database)
