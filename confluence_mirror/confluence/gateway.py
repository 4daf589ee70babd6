"""The Atlassian API gateway over HTTP: one place for credentials, retries, rate, time budget and
the clock.

Requests go to ``<url>/ex/confluence/<cloudId>/wiki/…`` and nowhere else: addresses are built from
our own base and a route, never from a link in an answer, and redirects are not followed (the one
that leads to a file's bytes is followed by ``downloads``, without the credential). Every request is
a read, and may be sent again.
"""

from __future__ import annotations

import json as jsonlib
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from urllib.parse import quote

from confluence_mirror.addresses import is_loopback, redact_url, split_url
from confluence_mirror.confluence.limiter import Circuit, Limiter
from confluence_mirror.confluence.refusals import (
    AccessRefused,
    GatewayAnswer,
    TransientError,
    Unanswered,
    interpret_reply,
)
from confluence_mirror.confluence.routes import SPACES, Route
from confluence_mirror.confluence.stats import RequestStats
from confluence_mirror.errors import SourceUnavailable, SyncError, Unfinished, WrongSettings
from confluence_mirror.net.answers import Reply
from confluence_mirror.net.reachability import Fault, NoAnswer
from confluence_mirror.net.retry import RetryPolicy, TryAgainError, sleep_in_steps
from confluence_mirror.net.retry_after import parse_http_date, read_retry_after
from confluence_mirror.net.session import Credential, Session
from confluence_mirror.net.session import Params as Params
from confluence_mirror.waits import WAITS
from confluence_mirror.wording import counted, duration

_log = logging.getLogger(__name__)

ATTEMPTS = 6
_ATTEMPTS_UNDER_LIMIT = 10
_LONGEST_BACKOFF = 30.0
_FAULTS_IN_A_ROW = 100


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Retries(RetryPolicy):
    """``attempts`` limits the tries after faults that a smaller request may avoid; ``backoff``
    gives the seconds before the next one."""

    backoff: Callable[[TryAgainError, int], float] = lambda _fault, _attempts: 0.0

    def should_give_up(self, fault: TryAgainError, attempts: int, _waited: float) -> bool:
        assert isinstance(fault, TransientError)
        allowed = (
            _ATTEMPTS_UNDER_LIMIT
            if fault.status == 429
            else self.attempts
            if fault.heavy
            else ATTEMPTS
        )
        return attempts >= allowed

    def seconds_before_next(self, fault: TryAgainError, attempts: int) -> float:
        return self.backoff(fault, attempts)


class Gateway:
    """One site behind the gateway. May be used from several threads at once.

    ``timeout``: seconds in which an answer must have come. ``concurrency``: how many threads will
    ask (the size of the connection pool). ``ca_bundle``: a file with the CAs to trust instead of
    the system's. ``budget_s``: seconds after which every request is refused with ``Unfinished``;
    None: no limit. ``longest_wait_s``: a server that asks for a longer pause is taken as
    unavailable. ``check`` is called before each request and about once per second of waiting, on
    whatever thread; what it raises ends that, as what ``sleep`` raises ends a pause. The last three
    are the clocks and the dice, for tests.
    """

    def __init__(
        self,
        url: str,
        cloud_id: str,
        user: str,
        token: str,
        *,
        timeout: float = 30.0,
        concurrency: int = 4,
        ca_bundle: str | None = None,
        budget_s: float | None = None,
        longest_wait_s: float = 900.0,
        check: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = _utc_now,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        address = split_url(url)
        if address is None or (
            address.scheme != "https" and not is_loopback(address.hostname or "")
        ):
            raise WrongSettings(
                "CONF_GATEWAY_URL must begin with https:// (http only for this machine itself)."
            )
        if "@" in address.netloc:
            raise WrongSettings(
                "CONF_GATEWAY_URL must not hold a credential: CONF_USER and CONF_API_TOKEN are for"
                " that."
            )
        base = f"{redact_url(address).rstrip('/')}/ex/confluence/{quote(cloud_id, safe='')}"
        self._credential = Credential.basic(base, user, token)
        self._session = Session(
            base,
            variable="CONF_GATEWAY_URL",
            credential=self._credential,
            timeout=timeout,
            ca_bundle=ca_bundle,
            pool_size=concurrency + 2,
            waiting=self._stop_if_asked,
        )
        self._timeout, self._ca_bundle = timeout, ca_bundle
        self._budget_s = budget_s
        self._longest_wait_s = longest_wait_s
        self._check = check
        self._sleep, self._monotonic, self._wall, self._jitter = sleep, monotonic, wall, jitter
        self._deadline = None if budget_s is None else monotonic() + budget_s
        self._lock = threading.Lock()
        self._clock: tuple[datetime, float, float] | None = None
        self._site_url = ""
        self._stopped = False
        self._circuit = Circuit(_FAULTS_IN_A_ROW)
        self.limiter = Limiter(monotonic)
        self.stats = RequestStats()

    def __repr__(self) -> str:
        return f"Gateway({self._session.base_url!r})"

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Refuse further requests and let go of connections. Idempotent."""
        self.stop()
        self._session.close()

    def stop(self) -> None:
        """Refuse further requests and end waits within a second."""
        self._stopped = True

    # --- asking ---

    def request_json(
        self,
        route: Route,
        params: Params | None = None,
        *,
        node_id: str = "",
        part_id: str = "",
        body: object = None,
        attempts: int = ATTEMPTS,
    ) -> GatewayAnswer:
        """One question, with retries. ``attempts`` limits those after faults that a smaller request
        may avoid.

        Raises ``AccessRefused``, ``QuestionRefused``, ``Unanswered`` (all ``SyncError``),
        ``SourceUnavailable`` when the site is down or asks for too long a pause, ``Unfinished``
        when the budget is spent.
        """
        retries = _Retries(
            "Confluence",
            attempts,
            sleep=self._sleep_in_steps,
            before_retry=self.stats.record_retry,
            backoff=self._backoff_seconds,
        )
        try:
            path = route.path(node_id, part_id)
            return retries.call_with_retries(self._request_once, route, path, params, body)
        except TransientError as fault:
            failure = Unanswered(fault, route)
        raise failure

    def _backoff_seconds(self, fault: TryAgainError, attempts: int) -> float:
        """Full jitter over 1, 2, 4 … 30 s, and never less than the server asks for (a second, where
        it asks for 0)."""
        assert isinstance(fault, TransientError)
        seconds = self._jitter(0.0, min(_LONGEST_BACKOFF, 2.0 ** (attempts - 1)))
        if fault.wait is not None:
            self._refuse_long(fault.wait)
            seconds = max(1.0, seconds, fault.wait + self._jitter(0.0, 1.0))
        if fault.status != 429:
            return seconds
        self.limiter.hold_all(seconds)
        return 0.0

    def _refuse_long(self, seconds: float) -> None:
        if seconds > self._longest_wait_s and (
            self._deadline is None or self._monotonic() + seconds <= self._deadline
        ):
            again = (self._wall() + timedelta(seconds=seconds)).strftime("%H:%M")
            raise SourceUnavailable(
                f"Confluence asks for a pause of {counted(round(seconds / 60), 'minute')}.",
                hint=f"Run again after {again} UTC.",
            )

    def _request_once(
        self, route: Route, path: str, params: Params | None, body: object
    ) -> GatewayAnswer:
        self._check_may_continue()
        self.limiter.acquire(self._wait_for_rate)
        self._check_may_continue()
        reply = self._send_request(route, path, params, body)
        self.stats.record_answer(route, reply.status, len(reply.content))
        _log.debug("%s: %d, %d bytes", route.name, reply.status, len(reply.content))
        self._learn_clock(reply.headers)
        wait = read_retry_after(reply.headers, self._wall())
        try:
            answer = interpret_reply(route, reply, wait=wait, clean=self._credential.remove_secrets)
        except TransientError as fault:
            if fault.heavy:
                self._circuit.record_fault()
            raise
        except SyncError:
            self._circuit.record_answer()
            raise
        self._circuit.record_answer()
        if reply.headers.get("X-RateLimit-NearLimit", "").lower() == "true":
            self.limiter.slow_down()
        else:
            self.limiter.speed_up()
        self._learn_site(answer)
        return answer

    def _send_request(self, route: Route, path: str, params: Params | None, body: object) -> Reply:
        content = None if body is None else jsonlib.dumps(body).encode()
        failure: Exception
        try:
            return self._session.send(route.method, path, params=params, content=content)
        except NoAnswer as none:
            self.stats.record_answer(route, 0)
            failure = _error_without_answer(none)
        if isinstance(failure, TransientError):
            self._circuit.record_fault()
        raise failure

    def open_session(self, address: str) -> Session:
        """A session for another host, to which an answer has led: without the credential."""
        return Session(
            address,
            variable="the address of a file",
            timeout=self._timeout,
            ca_bundle=self._ca_bundle,
            waiting=self._stop_if_asked,
        )

    def pause(self, seconds: float) -> None:
        """Wait before another try."""
        self._sleep_in_steps(seconds)

    # --- waiting ---

    def _stop_if_asked(self) -> None:
        self._check()
        if self._stopped:
            raise Unfinished(
                "Stopped: no further request was sent to Confluence.", hint="Run again to finish."
            )

    def _check_may_continue(self, seconds: float = 0.0) -> None:
        self._stop_if_asked()
        if (
            self._deadline is not None
            and self._budget_s is not None
            and self._monotonic() + seconds >= self._deadline
        ):
            raise Unfinished(
                f"The time budget of {duration(self._budget_s)} is spent.",
                hint="What was applied is kept; run again to finish.",
            )
        if self._circuit.is_open:
            raise SourceUnavailable(
                f"Confluence is down: the last {_FAULTS_IN_A_ROW} attempts failed.",
                hint="Run again later; what was applied is kept.",
            )

    def _sleep_in_steps(self, seconds: float) -> None:
        """Sleep in steps of a second, so that a stopped run ends soon."""
        self._check_may_continue(seconds)
        sleep_in_steps(seconds, self._stop_if_asked, self._sleep)

    def _wait_for_rate(self, seconds: float) -> None:
        with WAITS.announce("Confluence's rate limit", seconds):
            self._sleep_in_steps(seconds)
        self.stats.record_wait(seconds)

    # --- what answers tell beside their data ---

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        with self._lock:
            if self._clock is None:
                wall = self._wall()
                theirs = parse_http_date(headers.get("Date", "")) or wall
                self._clock = (theirs, self._monotonic(), (wall - theirs).total_seconds())

    def _learn_site(self, answer: GatewayAnswer) -> None:
        links = answer.data.get("_links")
        base = links.get("base") if isinstance(links, dict) else None
        address = split_url(base) if isinstance(base, str) else None
        if address is not None and not self._site_url and "@" not in address.netloc:
            self._site_url = f"{address.scheme}://{address.netloc}{address.path.rstrip('/')}"

    def _request_one_space(self) -> None:
        self.request_json(SPACES, {"limit": 1})

    def current_time(self) -> datetime:
        """The gateway's time: the ``Date`` of its first answer (ours where absent), carried on by
        our steady clock."""
        if self._clock is None:
            self._request_one_space()
        assert self._clock is not None
        moment, at, _ = self._clock
        return moment + timedelta(seconds=self._monotonic() - at)

    def clock_skew(self) -> float:
        """Seconds by which our clock was ahead of the gateway's at its first answer."""
        if self._clock is None:
            self._request_one_space()
        assert self._clock is not None
        return self._clock[2]

    def site_url(self) -> str:
        """``https://SITE.atlassian.net/wiki``, as the first answer that has it gives it: for links
        in texts only."""
        if not self._site_url:
            self._request_one_space()
        if not self._site_url:
            raise SourceUnavailable(
                "Confluence does not name its site (no _links.base in its answers).",
                hint="Something else answers in its place: check CONF_GATEWAY_URL and the proxy.",
            )
        return self._site_url

    def accepts_credential(self) -> bool:
        """Ask for something that every working credential may see: tells a 404 of a revoked
        credential from a real one."""
        try:
            self._request_one_space()
        except AccessRefused:
            return False
        return True


def _error_without_answer(none: NoAnswer) -> TransientError | SyncError:
    """A fault worth another try, or an error where none can help."""
    if none.fault is Fault.ADDRESS:
        return WrongSettings(f"Confluence cannot be reached: {none.reason}.", hint=none.hint)
    if none.lasting:
        return SourceUnavailable(f"Confluence cannot be reached: {none.reason}.", hint=none.hint)
    return TransientError(none.reason, heavy=none.heavy, hint=none.hint)
