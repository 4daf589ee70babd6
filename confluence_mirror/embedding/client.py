"""One embedding server: where it is, how it is asked, and how often."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from confluence_mirror.addresses import redact_url, split_url
from confluence_mirror.embedding.answers import Reading, RefusedError
from confluence_mirror.embedding.styles import STYLES
from confluence_mirror.embedding.turns import Turns
from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.model import EmbeddingApi
from confluence_mirror.net.reachability import Fault, NoAnswer
from confluence_mirror.net.retry import RetryPolicy, TryAgainError
from confluence_mirror.net.session import Credential, Session

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What is set about an embedding server. Times are in seconds."""

    api_key: str | None = field(default=None, repr=False)
    style: EmbeddingApi = "openai"
    api_version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with each request; as secret as the key."""
    timeout: float = 60.0
    """Of one request."""
    patience: float = 600.0
    """How long to wait for a server that says that it is busy, or loads its model, or does not come
    back from a request that was given up."""
    concurrency: int = 4
    """Requests in flight at most."""
    batch: int = 64
    """Texts per request at most."""
    ca_bundle: str | None = None


class EmbeddingClient:
    """Sends requests, from several threads. ``sleep`` waits between attempts, and is called with 0
    about once per second while an answer is awaited; it ends the wait by what it raises."""

    def __init__(
        self,
        base_url: str,
        model_id: str,
        options: ServerOptions,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = split_url(base_url)
        if parts is None:
            raise WrongSettings(
                "EMBEDDING_BASE_URL is not an http or https address.",
                hint="It looks like https://HOST/v1.",
            )
        if parts.username or parts.password:
            raise WrongSettings(
                "EMBEDDING_BASE_URL holds a credential.",
                hint="Put it into EMBEDDING_API_KEY, where it is kept secret.",
            )
        self.location = redact_url(parts._replace(path=""))
        self._model_id = model_id
        self._style = STYLES[options.style]
        self._version = {"api-version": options.api_version} if self._style.has_version else None
        url = self.location + self._style.path(parts.path.rstrip("/"), model_id)
        key, key_header = options.api_key or "", self._style.key_header
        secrets = [key, *options.headers.values()]
        bearer = f"Bearer {key}" if key and not key_header else ""
        credential = Credential(url, bearer, secrets)
        self._closed = threading.Event()
        self._sleep = sleep
        self._session = Session(
            url,
            variable="EMBEDDING_BASE_URL",
            credential=credential,
            timeout=options.timeout,
            ca_bundle=options.ca_bundle,
            pool_size=options.concurrency,
            headers={**({key_header: key} if key_header and key else {}), **options.headers},
            waiting=self._look,
        )
        self.reading = Reading(self.location, model_id, credential)
        self._turns = Turns(options.concurrency, self._look)
        self._retry = RetryPolicy(
            f"the embedding server {self.location}",
            longest=20.0,
            patience_s=options.patience,
            sleep=sleep,
        )
        self._settling = threading.RLock()
        self._settled = 0
        """How often the server was found to be well again."""
        self._lost: StoreUnavailable | None = None

    def request_vectors(
        self, texts: Sequence[str], *, patient: bool = False
    ) -> list[list[float] | RefusedError]:
        """One for each text, in their order: numbers, or what is wrong with them. Raises
        ``RefusedError`` where there is none, and what the run ends with.

        ``patient``: a server that gives no answer in time is asked again until patience is spent.
        """
        return self._retry.call_with_retries(self._request_once, texts, patient)

    def wait_until_well(self, ask: Callable[[], None], failed: RefusedError) -> None:
        """After a request that was given up, at which the server may still work: nothing else is
        sent until it answers what ``ask`` asks it. One thread asks for all."""
        with self._settling:
            if self._lost is not None:
                raise self._lost
            if failed.settled < self._settled:
                return
            try:
                ask()
            except StoreUnavailable as error:
                self._lost = error
                raise
            self._settled += 1

    def ask_alone(self, ask: Callable[[], Answer]) -> Answer:
        """What ``ask`` gives while no other request is sent."""
        with self._settling:
            return ask()

    def close(self) -> None:
        """Let go of connections, and of requests in flight. Idempotent."""
        self._closed.set()
        self._session.close()

    def _look(self) -> None:
        self._sleep(0)
        if self._closed.is_set():
            raise StoreUnavailable("The run has ended before the embedding server answered.")

    def _request_once(
        self, texts: Sequence[str], patient: bool
    ) -> list[list[float] | RefusedError]:
        with self._settling:  # while one thread waits for the server, the others do, too
            settled = self._settled
        body = json.dumps(self._style.body(self._model_id, texts)).encode()
        with self._turns.turn() as began:
            try:
                reply = self._session.send("POST", "", content=body, params=self._version)
            except NoAnswer as failed:
                if failed.fault is Fault.LATE:  # others may have kept the server from it
                    self._turns.record_overload(began)
                if patient and failed.fault is Fault.LATE:
                    raise self.reading.error_of_patience(failed) from None
                raise self.reading.error_without_answer(failed, len(texts), settled) from None
        try:
            answer = self.reading.parse_success(reply, len(texts))
        except TryAgainError as busy:
            if busy.patient:
                self._turns.record_overload(began)
            raise
        self._turns.record_answer()
        return self.reading.parse_vectors(self._style.rows(answer), len(texts))
