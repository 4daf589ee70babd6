"""The gateway: credentials, scopes, routes, faults and the log, over the state of a site.

Its manners are those of Atlassian's gateway at ``api.atlassian.com/ex/confluence/{cloudId}``. A
second listener plays every other host: the site's own, which refuses scoped tokens, and the one
that files are fetched from.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from confluence_sandbox.control import Control
from confluence_sandbox.faults import Fault
from confluence_sandbox.legacy import Legacy
from confluence_sandbox.replies import (
    TOMCAT_401,
    Answer,
    Request,
    RequestError,
    gateway_error,
    gone,
    no_route,
    v1_error,
    v2_error,
)
from confluence_sandbox.routes import Route, routes
from confluence_sandbox.server import Incoming, Listener, Outgoing
from confluence_sandbox.site import Site
from confluence_sandbox.state import ROBOT
from confluence_sandbox.switches import Switches
from confluence_sandbox.v1 import V1
from confluence_sandbox.v2 import V2

_PREFIX = re.compile(r"^/ex/confluence/([^/]+)(/.*)$")


@dataclass
class Entry:
    """A request in the log. Never holds the value of a header."""

    number: int
    host: str
    """``gateway``, or ``elsewhere`` for every other host."""
    method: str
    path: str
    """Below the cloud id: ``/wiki/api/v2/pages``."""
    query: dict[str, list[str]]
    headers: tuple[str, ...]
    """Names of the headers that were sent, in lower case."""
    endpoint: str
    """``GET /wiki/api/v2/pages/{}``: the same for every id."""
    status: int = 0
    """0 until it was answered, and where the connection was cut."""
    sent: int = 0
    """Bytes of the body."""


class SampleGateway:
    """Serves a site on loopback. Use it as a context manager; it listens from the moment that it is
    made."""

    def __init__(
        self,
        site: Site,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        user: str = "robot@lighthouse.example",
        token: str | None = None,
        site_url: str | None = None,
        **switches: Any,
    ) -> None:
        """``site_url`` is what links name as the site (``…/wiki``); ``"elsewhere"`` makes that the
        second listener."""
        self.site = site
        self.cloud_id = site.cloud_id
        self.user = user
        self.token = token or "sample-" + secrets.token_urlsafe(24)
        self._accounts: dict[tuple[str, str], str] = {}
        """Who comes with this user name and token, beside the credential itself."""
        self.switches = Switches()
        self.switches.change(switches)
        self.log: list[Entry] = []
        self.faults: list[Fault] = []
        self.bugs: list[str] = []
        """Tracebacks of errors in the gateway itself, which were answered with 500."""
        self.most_at_once = 0
        """The largest number of requests that were in hand at one time."""
        self._in_hand = 0
        self._lock = threading.Lock()
        self.v1, self.v2 = V1(site, self.switches), V2(site, self.switches)
        self.routes = routes(self.v1, self.v2, Legacy(self.v1))
        """What is served; ``legacy`` ones only with that switch."""
        self._control = Control(self)
        self._elsewhere = Listener(self._answer_elsewhere, host, 0)
        self._listener = Listener(self._answer, host, port)
        self.url = self._listener.url
        """The gateway's origin."""
        self.elsewhere = self._elsewhere.url
        """The origin of the other hosts."""
        own = (
            f"{self.elsewhere}/wiki"
            if site_url == "elsewhere"
            else site_url or f"https://{site.host}/wiki"
        )
        self.site_url = self.v1.base = self.v2.base = own
        self.v1.media.origin = self.elsewhere

    def __enter__(self) -> SampleGateway:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and cut open connections."""
        self._listener.close()
        self._elsewhere.close()

    # -- for tests

    def sign_in(self, account_id: str) -> tuple[str, str]:
        """A user name and a token with which this user of the site asks for themselves."""
        person = self.site.people[account_id]
        user = person.email or f"{account_id}@lighthouse.example"
        token = "sample-" + secrets.token_urlsafe(24)
        self._accounts[user, token] = account_id
        return user, token

    def fault(self, path: str = "", **rule: Any) -> Fault:
        """Add a rule (see ``Fault``) and give it, so that its ``hits`` can be read."""
        return self.add_fault(Fault(path, **rule))

    def add_fault(self, fault: Fault) -> Fault:
        """Add a rule; the first that strikes wins."""
        self.faults.append(fault)
        return fault

    def run(self, verb: str, **values: Any) -> Any:
        """Run a control command as ``POST /control/<verb>`` would."""
        return self._control.run(verb, values)

    def clear(self) -> None:
        """Forget faults, the log and its counts."""
        with self._lock:
            self.faults.clear()
            self.log.clear()
            self.most_at_once = 0

    def counts(self) -> dict[str, int]:
        """Requests to the gateway by endpoint."""
        return dict(Counter(entry.endpoint for entry in list(self.log) if entry.host == "gateway"))

    def leaks(self) -> list[Entry]:
        """Requests that took a credential to another host than the gateway."""
        return [
            entry
            for entry in list(self.log)
            if entry.host != "gateway" and "authorization" in entry.headers
        ]

    # -- a request

    def _answer(self, incoming: Incoming) -> Outgoing:
        url = urlsplit(incoming.target)
        if url.path.startswith("/control/"):
            return Outgoing(self._controlled(url.path, incoming), self.site.clock.http_date())
        found = _PREFIX.match(url.path)
        cloud_id, path = (
            (found.group(1), unquote(found.group(2))) if found else ("", unquote(url.path))
        )
        path = path if path.startswith("/wiki") else f"/wiki{path}" if found else path
        request = Request(
            incoming.method,
            path.removeprefix("/wiki"),
            parse_qs(url.query, keep_blank_values=True),
            incoming.headers,
            incoming.body,
            incoming.target,
        )
        route = self._route(request)
        entry = self._logged("gateway", request, path, route)
        fault = self._struck(incoming.method, path, unquote(url.query))
        answer = self._answered(fault, lambda: self._allowed(cloud_id, request, route))
        if self.switches.rate_headers:
            near = {"X-RateLimit-NearLimit": "true", "X-RateLimit-Reset": "2099-01-01T00:00:00Z"}
            answer.headers = near | answer.headers
        return self._sent(answer, entry, fault)

    def _answered(self, fault: Fault | None, make: Callable[[], Answer]) -> Answer:
        """The answer, or what a fault makes of it."""
        try:
            if fault is not None:
                for verb, values in fault.do:
                    self.run(verb, **values)
                planned = fault.answer()
                if planned is not None:
                    return planned
            answer = make()
        except RequestError as refusal:
            answer = refusal.answer
        except Exception:
            self.bugs.append(traceback.format_exc())
            return v1_error(500, "Internal error of the sample gateway")
        if fault is not None:
            answer.headers.update(fault.headers)
            if fault.change is not None:
                answer.payload = fault.change(answer.payload)
        return answer

    def _sent(self, answer: Answer, entry: Entry, fault: Fault | None) -> Outgoing:
        """The answer on its way, with the cuts and delays of a fault."""
        entry.status = answer.status
        delay = self.switches.latency if entry.host == "gateway" else 0.0
        outgoing = Outgoing(answer, self.site.clock.http_date(), delay, done=self._finish(entry))
        if fault is not None:
            outgoing.delay += fault.delay
            outgoing.cut, outgoing.truncate = fault.cut, fault.truncate
            entry.status = 0 if fault.cut else entry.status
        return outgoing

    def _allowed(self, cloud_id: str, request: Request, route: Route | None) -> Answer:
        account_id = self._gate(cloud_id, request, route)
        with self.site.lock, self.site.asking(account_id):
            return self._routed(request, route)

    def _gate(self, cloud_id: str, request: Request, route: Route | None) -> str:
        """What is refused before anybody looks at the path; gives the account of who asks."""
        if len(request.target) > self.switches.max_target:
            raise RequestError(
                Answer("<html><body><h1>413 Request Entity Too Large</h1></body></html>", 413)
            )
        limit = request.one("limit")
        if self.switches.heavy_limit and limit.isdigit() and int(limit) > self.switches.heavy_limit:
            raise RequestError(
                Answer("<html><body><h1>413 Request Entity Too Large</h1></body></html>", 413)
            )
        if cloud_id != self.cloud_id:
            raise RequestError(gateway_error(404, "Not Found") if cloud_id else no_route(request))
        account_id = self._account(request)
        if account_id is None:
            if request.path.startswith("/api/v2"):
                raise RequestError(v2_error(404, "Not Found"))
            message = {"message": "Current user not permitted to use Confluence", "statusCode": 403}
            raise RequestError(Answer(message, 403))
        if route is not None and route.scope not in self.switches.scopes:
            category = "FAILURE_CLIENT_SCOPE_CHECK"
            raise RequestError(
                gateway_error(
                    401, "Unauthorized; scope does not match", X_Failure_Category=category
                )
            )
        return account_id

    def _routed(self, request: Request, route: Route | None) -> Answer:
        if route is None:
            return gone() if _was_v1(request) else no_route(request)
        if route.legacy and not self.switches.legacy:
            return gone()
        return route.handler(request, *route.fixed, *(route.match(request.path) or ()))

    def _route(self, request: Request) -> Route | None:
        for route in self.routes:
            if route.method == request.method and route.match(request.path) is not None:
                return route
        return None

    def _account(self, request: Request) -> str | None:
        """Whose credential it is; None: nobody's."""
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        bearer = kind.lower() == "bearer"
        if not bearer and kind.lower() != "basic":
            return None
        try:
            given = value if bearer else base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        accounts = {(self.user, self.token): ROBOT, **self._accounts}
        for (user, token), account_id in accounts.items():
            known = token if bearer else f"{user}:{token}"
            if secrets.compare_digest(given.encode(), known.encode()):
                return account_id if self._may_enter(account_id) else None
        return None

    def _may_enter(self, account_id: str) -> bool:
        if account_id == ROBOT:
            return not self.switches.revoked
        return self.site.people[account_id].status == "active"

    def _struck(self, method: str, path: str, query: str) -> Fault | None:
        with self._lock:
            return next(
                (fault for fault in self.faults if fault.strikes(method, path, query)), None
            )

    def _logged(self, host: str, request: Request, path: str, route: Route | None) -> Entry:
        template = f"/wiki{route.template}" if route is not None else path
        with self._lock:
            entry = Entry(
                number=len(self.log) + 1,
                host=host,
                method=request.method,
                path=path,
                query=request.query,
                headers=tuple(sorted(request.headers)),
                endpoint=f"{request.method} {template}",
            )
            self.log.append(entry)
            self._in_hand += 1
            self.most_at_once = max(self.most_at_once, self._in_hand)
        return entry

    def _finish(self, entry: Entry) -> Any:
        def done(sent: int) -> None:
            entry.sent = sent
            with self._lock:
                self._in_hand -= 1

        return done

    # -- control and other hosts

    def _controlled(self, path: str, incoming: Incoming) -> Answer:
        try:
            values = json.loads(incoming.body or b"{}")
            return Answer(self.run(path.removeprefix("/control/"), **values))
        except (KeyError, TypeError, ValueError) as error:
            return Answer({"error": f"{type(error).__name__}: {error}"}, 400)

    def _answer_elsewhere(self, incoming: Incoming) -> Outgoing:
        url = urlsplit(incoming.target)
        request = Request(
            incoming.method,
            unquote(url.path).removeprefix("/wiki"),
            parse_qs(url.query, keep_blank_values=True),
            incoming.headers,
            incoming.body,
            incoming.target,
        )
        path = unquote(url.path)
        entry = self._logged("elsewhere", request, path, None)
        file = path.startswith("/file/")
        fault = self._struck(incoming.method, path, unquote(url.query)) if file else None
        return self._sent(
            self._answered(fault, lambda: self._from_elsewhere(request, url.path)), entry, fault
        )

    def _from_elsewhere(self, request: Request, path: str) -> Answer:
        if path == "/_edge/tenant_info":
            return Answer({"cloudId": self.cloud_id})
        if path.startswith("/file/"):
            with self.site.lock:
                return self.v1.media.serve(request, path.split("/")[2])
        account_id = None if self.switches.scoped_token else self._account(request)
        if not path.startswith("/wiki/") or account_id is None:
            challenge = f'OAuth realm="{self.site_url.replace(":", "%3A").replace("/", "%2F")}"'
            return Answer(TOMCAT_401, 401, {"WWW-Authenticate": challenge})
        with self.site.lock, self.site.asking(account_id):
            return self._routed(request, self._route(request))


def _was_v1(request: Request) -> bool:
    return request.path.startswith(("/rest/api/content", "/rest/api/space"))
