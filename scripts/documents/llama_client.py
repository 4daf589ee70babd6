"""Stands in for ``llama_stack_client`` where that has no wheel (Python 3.11): the generic calls
that the program uses, and no more. Copied into the clone's environment under that name."""

from typing import Any

__version__ = "0.2.23"


class APIStatusError(Exception):
    """An answer of 400 or more."""

    def __init__(self, response: Any) -> None:
        super().__init__(str(response.status_code))
        self.response = response


class APIConnectionError(Exception):
    """No answer."""


class LlamaStackClient:
    """As the real one, by the arguments that are used."""

    def __init__(self, *, base_url: str, api_key: str | None, http_client: Any, **_: Any) -> None:
        self.api_key: str | None = api_key
        self._base_url = base_url.rstrip("/")
        self._http = http_client

    def get(self, path: str, **options: Any) -> Any:
        return self._send("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        return self._send("POST", path, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self._send("DELETE", path, **options)

    def _send(
        self,
        method: str,
        path: str,
        *,
        options: dict[str, Any],
        body: Any = None,
        files: Any = None,
        **_: Any,
    ) -> Any:
        given: dict[str, Any] = {"params": options.get("params")}
        if files:
            given |= {"data": body, "files": files}
        elif body is not None:
            given["json"] = body
        try:
            response = self._http.request(method, self._base_url + path, **given)
        except Exception as error:
            raise APIConnectionError from error
        if response.status_code >= 400:
            raise APIStatusError(response)
        return response
