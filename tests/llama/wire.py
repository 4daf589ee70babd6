"""The store's wire without the client, so that its tests need neither Python 3.12 nor it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from urllib3 import encode_multipart_formdata

from confluence_mirror.net.reachability import NoAnswer
from confluence_mirror.net.session import Credential, Session
from confluence_mirror.stores.llama.wire import LlamaAnswer, lost, read


class RequestsWire:
    """As ``ClientWire`` sends it, over the same session."""

    def __init__(self, base_url: str, *, api_key: str = "") -> None:
        self._base_url = base_url
        credential = Credential.bearer(base_url, api_key)
        self._session = Session(
            base_url, variable="LLAMA_BASE_URL", credential=credential, timeout=10, pool_size=16
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        file: tuple[str, str] | None = None,
    ) -> LlamaAnswer:
        content, headers = None if body is None else json.dumps(body).encode(), {}
        if file:
            fields = {**(body or {}), "file": (file[0], file[1].encode(), "text/markdown")}
            content, headers["Content-Type"] = encode_multipart_formdata(fields)  # type: ignore[arg-type]
        try:
            return read(
                self._session.send(method, path, params=query, content=content, headers=headers)
            )
        except NoAnswer as failed:
            raise lost(failed, self._base_url) from None

    def close(self) -> None:
        self._session.close()
