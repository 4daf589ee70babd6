"""The Atlassian API gateway over HTTP: one place for credentials, retries, rate, time budget and the clock.

Requests go to ``<url>/ex/confluence/<cloudId>/wiki/…`` and nowhere else: addresses are built from our own base and a
route, never from a link in an answer, and redirects are not followed. Every request is a read, and may be sent again.
"""

from __future__ import annotations

import base64
import ipaddress
import json as jsonlib
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from confluence_sync import __version__
from confluence_sync.confluence.limiter import Circuit, Limiter, http_date, seconds_asked_for
from confluence_sync.confluence.network import network_fault
from confluence_sync.confluence.refusals import AccessRefused, Answer, TransientError, Unanswered, judge
from confluence_sync.confluence.routes import SPACES, Route
from confluence_sync.confluence.stats import RequestStats
from confluence_sync.errors import SourceUnavailable, SyncError, Unfinished, WrongSettings

_log = logging.getLogger(__name__)

Params = Mapping[str, str | int | Sequence[str]]

ATTEMPTS = 6
_ATTEMPTS_UNDER_LIMIT = 10
_LONGEST_BACKOFF = 30.0
_FAULTS_IN_A_ROW = 100


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _GatewayAuth(AuthBase):
    """Basic authentication, for the gateway's origin alone. Holds the header's value only; has no telling repr."""

    def __init__(self, origin: tuple[str, str], user: str, token: str) -> None:
        self._origin = origin
        self._value = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode("ascii")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        address = urlsplit(request.url or "")
        if (address.scheme, address.netloc) == self._origin:
            request.headers["Authorization"] = self._value
        return request

    def clean(self, text: str) -> str:
        return text.replace(self._value.removeprefix("Basic "), "…")


class Gateway:
    """One site behind the gateway. May be used from several threads at once.

    ``timeout``: seconds to wait for an answer's next bytes. ``concurrency``: how many threads will ask (the size of
    the connection pool). ``ca_bundle``: a file with the CAs to trust instead of the system's. ``budget_s``: seconds
    after which every request is refused with ``Unfinished``; None: no limit. ``longest_wait_s``: a server that asks
    for a longer pause is taken as unavailable. The last four are the clocks and the dice, for tests.
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
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = _utc_now,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        address = urlsplit(url.rstrip("/"))
        loopback = _is_loopback(address.hostname or "")
        if not address.hostname or (address.scheme != "https" and not (address.scheme == "http" and loopback)):
            raise WrongSettings("CONF_GATEWAY_URL must begin with https:// (http only for this machine itself).")
        if "@" in address.netloc:
            raise WrongSettings(
                "CONF_GATEWAY_URL must not hold a credential: CONF_USER and CONF_API_TOKEN are for that."
            )
        self._base = f"{address.scheme}://{address.netloc}{address.path}/ex/confluence/{quote(cloud_id, safe='')}"
        self._host = address.hostname
        self._auth = _GatewayAuth((address.scheme, address.netloc), user, token)
        self._secrets = [secret for secret in (token, user) if secret]
        self._timeout = (min(10.0, timeout), timeout)
        self._verify: str | bool = ca_bundle or True
        self._budget_s = budget_s
        self._longest_wait_s = longest_wait_s
        self._sleep, self._monotonic, self._wall, self._jitter = sleep, monotonic, wall, jitter
        self._deadline = None if budget_s is None else monotonic() + budget_s
        self._session = self._make_session(concurrency, trust_env=not loopback)
        self._lock = threading.Lock()
        self._clock: tuple[datetime, float, float] | None = None
        self._site_url = ""
        self._stopped = False
        self._circuit = Circuit(_FAULTS_IN_A_ROW)
        self.limiter = Limiter(monotonic)
        self.stats = RequestStats()

    @staticmethod
    def _make_session(concurrency: int, *, trust_env: bool) -> requests.Session:
        session = requests.Session()
        # Proxies and CA files come from the environment; a ~/.netrc cannot add a credential, since every request has
        # an auth of its own. A gateway on this machine is never behind a proxy.
        session.trust_env = trust_env
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers.clear()
        adapter = HTTPAdapter(pool_maxsize=concurrency + 2, max_retries=0)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session

    def __repr__(self) -> str:
        return f"Gateway({self._base!r})"

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Refuse further requests and let go of connections. Idempotent."""
        self.stop()
        self._session.close()

    def stop(self) -> None:
        """Refuse further requests and end waits within a second. Takes no lock: a signal handler may call it."""
        self._stopped = True

    # --- asking ---

    def ask(
        self,
        route: Route,
        params: Params | None = None,
        *,
        node_id: str = "",
        body: object = None,
        attempts: int = ATTEMPTS,
    ) -> Answer:
        """One question, with retries. ``attempts`` limits those for faults that asking for less may cure.

        Raises ``AccessRefused``, ``QuestionRefused``, ``Unanswered`` (all ``SyncError``), ``SourceUnavailable`` when
        the site is down or asks for too long a pause, ``Unfinished`` when the budget is spent.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=lambda state: self._enough(state, attempts),
            wait=self._backoff,
            sleep=self._pause,
            before_sleep=lambda _: self.stats.retried(),
            reraise=True,
        )
        try:
            return retrying(self._ask_once, route, params, node_id, body)
        except TransientError as fault:
            failure = Unanswered(fault, route)
        raise failure

    def _enough(self, state: RetryCallState, attempts: int) -> bool:
        fault = _fault(state)
        allowed = _ATTEMPTS_UNDER_LIMIT if fault.status == 429 else attempts if fault.heavy else ATTEMPTS
        return state.attempt_number >= allowed

    def _backoff(self, state: RetryCallState) -> float:
        """Full jitter over 1, 2, 4 … 30 s, and never less than the server asks for (even where it asks for 0)."""
        fault = _fault(state)
        seconds = self._jitter(0.0, min(_LONGEST_BACKOFF, 2.0 ** (state.attempt_number - 1)))
        if fault.wait is not None:
            self._refuse_long(fault.wait)
            seconds = max(seconds, fault.wait + self._jitter(0.0, 1.0))
        if fault.status != 429:
            return seconds
        self.limiter.hold(seconds)
        return 0.0

    def _refuse_long(self, seconds: float) -> None:
        if seconds > self._longest_wait_s and (self._deadline is None or self._monotonic() + seconds <= self._deadline):
            again = (self._wall() + timedelta(seconds=seconds)).strftime("%H:%M")
            raise SourceUnavailable(
                f"Confluence asks for a pause of {seconds / 60:.0f} minutes.", hint=f"Run again after {again} UTC."
            )

    def _ask_once(self, route: Route, params: Params | None, node_id: str, body: object) -> Answer:
        self._may_go_on()
        self.limiter.acquire(self._wait_for_rate)
        self._may_go_on()
        response, failure = self._send(route, params, node_id, body)
        if response is None:
            self.stats.answered(route, 0)
            if isinstance(failure, TransientError):
                self._circuit.failed()
            raise failure
        content = response.content
        self.stats.answered(route, response.status_code, len(content))
        _log.debug("%s: %d, %d bytes", route.name, response.status_code, len(content))
        self._learn_clock(response.headers)
        wait = seconds_asked_for(response.headers, self._wall())
        try:
            answer = judge(route, response.status_code, response.headers, content, wait=wait, clean=self._clean)
        except TransientError as fault:
            if fault.heavy:
                self._circuit.failed()
            raise
        except SyncError:
            self._circuit.answered()
            raise
        self._circuit.answered()
        if response.headers.get("X-RateLimit-NearLimit", "").lower() == "true":
            self.limiter.ease()
        else:
            self.limiter.recover()
        self._learn_site(answer)
        return answer

    def _send(
        self, route: Route, params: Params | None, node_id: str, body: object
    ) -> tuple[requests.Response | None, Exception]:
        """The answer, or why there is none. What ``requests`` raised is not kept: it holds the request's headers."""
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"confluence-sync/{__version__}",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = self._session.request(
                route.method,
                self._base + route.path(node_id),
                params=dict(params or {}),
                data=None if body is None else jsonlib.dumps(body).encode(),
                headers=headers,
                auth=self._auth,
                timeout=self._timeout,
                verify=self._verify,
                allow_redirects=False,
            )
        except OSError as error:
            return None, network_fault(error, self._host)
        return response, TransientError("")

    def _clean(self, text: str) -> str:
        text = self._auth.clean(text)
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    # --- waiting ---

    def _may_go_on(self, seconds: float = 0.0) -> None:
        if self._stopped:
            raise Unfinished("Stopped: no further request was sent to Confluence.", hint="Run again to finish.")
        if self._deadline is not None and self._budget_s is not None and self._monotonic() + seconds >= self._deadline:
            raise Unfinished(
                f"The time budget of {self._budget_s / 60:g} minutes is spent.",
                hint="What was applied is kept; run again to finish.",
            )
        if self._circuit.open:
            raise SourceUnavailable(
                f"Confluence is down: the last {_FAULTS_IN_A_ROW} attempts met faults.",
                hint="Run again later; what was applied is kept.",
            )

    def _pause(self, seconds: float) -> None:
        """Sleep in steps of a second, so that a stopped run ends soon."""
        self._may_go_on(seconds)
        while seconds > 0:
            step = min(1.0, seconds)
            self._sleep(step)
            seconds -= step
            if self._stopped:
                self._may_go_on()

    def _wait_for_rate(self, seconds: float) -> None:
        self._pause(seconds)
        self.stats.waited(seconds)

    # --- what answers tell beside their data ---

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        with self._lock:
            if self._clock is None:
                wall = self._wall()
                theirs = http_date(headers.get("Date", "")) or wall
                self._clock = (theirs, self._monotonic(), (wall - theirs).total_seconds())

    def _learn_site(self, answer: Answer) -> None:
        links = answer.data.get("_links")
        base = links.get("base") if isinstance(links, dict) else None
        if self._site_url or not isinstance(base, str):
            return
        address = urlsplit(base)
        if address.scheme in ("http", "https") and address.hostname and "@" not in address.netloc:
            self._site_url = f"{address.scheme}://{address.netloc}{address.path.rstrip('/')}"

    def _hello(self) -> None:
        self.ask(SPACES, {"limit": 1})

    def now(self) -> datetime:
        """The gateway's time: the ``Date`` of its first answer (ours where absent), carried on by our steady clock."""
        if self._clock is None:
            self._hello()
        assert self._clock is not None
        moment, at, _ = self._clock
        return moment + timedelta(seconds=self._monotonic() - at)

    def clock_skew(self) -> float:
        """Seconds by which our clock was ahead of the gateway's at its first answer."""
        if self._clock is None:
            self._hello()
        assert self._clock is not None
        return self._clock[2]

    def site_url(self) -> str:
        """``https://SITE.atlassian.net/wiki``, as the first answer that has it gives it: for links in texts only."""
        if not self._site_url:
            self._hello()
        if not self._site_url:
            raise SourceUnavailable(
                "Confluence does not say what site this is (no _links.base in its answers).",
                hint="Something stands between: check CONF_GATEWAY_URL and the proxy.",
            )
        return self._site_url

    def accepts_credential(self) -> bool:
        """Ask something that every working credential may: tells a 404 of a revoked credential from a real one."""
        try:
            self._hello()
        except AccessRefused:
            return False
        return True


def _fault(state: RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, TransientError)
    return error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
