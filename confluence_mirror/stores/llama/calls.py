"""Requests to a Llama Stack or OGX, and what each answer that is not the expected one means.

The one place that retries: what is harmless to send twice is sent again a few times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluence_mirror.errors import PermissionRefused, StoreUnavailable, WrongSettings
from confluence_mirror.net.retry import BUSY, RetryPolicy
from confluence_mirror.stores.llama.answers import Json, kind, one_line, sentence
from confluence_mirror.stores.llama.wire import LlamaAnswer, LostAnswerError, Wire

ATTEMPTS = 4


class LlamaCalls:
    """Requests to one server. ``prefix`` is where its OpenAI-like routes are: ``/v1``, or
    ``/v1/openai/v1`` on 0.2."""

    def __init__(
        self,
        wire: Wire,
        *,
        location: str,
        prefix: str = "/v1",
        variables: tuple[str, str] = ("LLAMA_BASE_URL", "LLAMA_API_KEY"),
        late_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.wire = wire
        self.location = location
        self.prefix = prefix
        self.variables = variables
        """Those that hold the address and the key, for what is said to the operator."""
        self.late_seconds = late_seconds
        self.sleep = sleep
        self._retry = RetryPolicy(f"Llama Stack at {location}", ATTEMPTS, longest=10.0, sleep=sleep)

    # Sending

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Json | None = None,
        expect: Collection[int] = (),
        plain: bool = False,
    ) -> LlamaAnswer:
        """Send what is harmless to send twice. ``expect``: statuses beyond 200 that the caller
        understands.
        ``plain``: the answer is a text, and may be any."""
        try:
            answer = self._retry.call_with_retries(
                self._send_once, method, path, query=query, body=body
            )
        except LostAnswerError as lost:
            raise self.gone(lost) from lost
        return self.check(answer, f"{method} {path}", expect, plain=plain)

    def _send_once(self, method: str, path: str, **more: Any) -> LlamaAnswer:
        """One request; a gateway's own error is a lost answer too, as it does not say what became
        of the request."""
        answer = self.wire.send(method, path, **more)
        if answer.status in BUSY:
            raise LostAnswerError(
                f"HTTP {answer.status}: {sentence(answer.body)}", wait=answer.wait
            )
        return answer

    def gone(self, lost: LostAnswerError) -> StoreUnavailable:
        """What a lost answer means once this layer has given up."""
        check = lost.hint or f"Check that it runs and that {self.variables[0]} is right."
        return StoreUnavailable(
            f"Llama Stack at {self.location} does not answer: {one_line(str(lost))}.",
            hint=f"{check} Then run again: the next run finishes the work.",
        )

    def check(
        self, answer: LlamaAnswer, what: str, expect: Collection[int] = (), *, plain: bool = False
    ) -> LlamaAnswer:
        """The answer, if it is one that the caller understands; else the error that fits it."""
        status, said = answer.status, sentence(answer.body)
        if status in expect:
            return answer
        if status == 200:
            if not plain and isinstance(answer.body, str) and answer.body.strip():
                raise WrongSettings(
                    f"{self.location} answers {what} with {kind(answer.body)}: something else"
                    " answers there.",
                    hint=(
                        f"Set {self.variables[0]} to the server's own address. What was written"
                        " stays, and the next run goes on from it."
                    ),
                )
            return answer
        if status in (401, 403):
            raise PermissionRefused(
                f"Llama Stack at {self.location} refuses the credential (HTTP {status}: {said}).",
                hint=f"Check {self.variables[1]}.",
            )
        if status == 426:
            raise WrongSettings(
                f"Llama Stack at {self.location} refuses the version of its client: {said}",
                hint=(
                    "We send none, so a proxy on the way adds it: have the proxy drop"
                    " X-LlamaStack-Client-Version."
                ),
            )
        if 300 <= status < 400:
            raise WrongSettings(
                f"{self.location} redirects {what}, which is not followed.",
                hint=f"Set {self.variables[0]} to the address that it redirects to.",
            )
        raise StoreUnavailable(
            f"Llama Stack at {self.location} answers {what} with HTTP {status}: {said}"
        )

    def absent(self, answer: LlamaAnswer, what: str) -> bool:
        """Whether the server itself says that something is not there. A proxy before it answers 404
        too, and a server without the route, and neither knows."""
        if answer.status not in (400, 404):
            return False
        if isinstance(answer.body, dict) and answer.body != {"detail": "Not Found"}:
            return True
        raise StoreUnavailable(
            f"{self.location} answers {what} with HTTP {answer.status} and {kind(answer.body)},"
            " which is not Llama Stack's own answer.",
            hint="Check the proxies in front of the server, then run again.",
        )

    def rows(self, answer: LlamaAnswer, what: str, *, key: str = "id") -> list[Json]:
        """The ``data`` of a listing, whose rows have a ``key``. A body of another shape is not
        a listing, and never taken for an empty one."""
        data = answer.body.get("data") if isinstance(answer.body, dict) else None
        if not isinstance(data, list) or not all(
            isinstance(row, dict) and row.get(key) for row in data
        ):
            raise StoreUnavailable(
                f"Llama Stack at {self.location} answers {what} with something that is not a"
                " listing."
            )
        return data

    def entity(self, answer: LlamaAnswer, what: str) -> Json:
        """The body, which must be an object with an id."""
        if not isinstance(answer.body, dict) or not answer.body.get("id"):
            raise StoreUnavailable(f"Llama Stack at {self.location} answers {what} without an id.")
        return answer.body

    def _endless(self, what: str) -> StoreUnavailable:
        return StoreUnavailable(f"Llama Stack at {self.location} returns {what} without end.")
