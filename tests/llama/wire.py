"""The store's wire over ``requests``, so that its tests need neither Python 3.12 nor the client."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from confluence_sync.stores.llama_wire import Answer, LostAnswerError


class RequestsWire:
    """As ``ClientWire`` sends it: no redirects, no retries, a lost answer said to be one."""

    def __init__(self, base_url: str, *, api_key: str = "") -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False
        if api_key:
            self._session.headers["Authorization"] = f"Bearer {api_key}"

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
        file: tuple[str, str] | None = None,
    ) -> Answer:
        content: dict = {"json": body} if body is not None else {}
        if file:
            content = {"data": body, "files": {"file": (file[0], file[1].encode(), "text/markdown")}}
        try:
            answer = self._session.request(
                method, self._base_url + path, params=query, timeout=10, allow_redirects=False, **content
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            raise LostAnswerError(str(error)) from error
        parsed = answer.json() if "json" in answer.headers.get("content-type", "") and answer.text else answer.text
        return Answer(answer.status_code, parsed)

    def close(self) -> None:
        self._session.close()
