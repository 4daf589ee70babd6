"""What an answer of the gateway means: data, a fault worth a second try, or a refusal and what to
do about it.

The table of failures was measured through the gateway in August 2026: a missing scope is 401, a bad
credential 403 on v1 and a bare 404 on v2, and the edge answers 403 and 404 for a minute when it is
overloaded. Three families of error bodies exist (v1, v2, the gateway's own), so nothing here counts
on a field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from confluence_mirror.confluence.routes import Route
from confluence_mirror.errors import PermissionRefused, SourceUnavailable, SyncError
from confluence_mirror.net.answers import NotJson, Reply, quote_foreign
from confluence_mirror.net.retry import TryAgainError

_EDGE_HEALS_IN = 15.0
"""Seconds between tries; the edge was measured to be well again after a minute, and there are five
of them."""


class TransientError(TryAgainError):
    """Something that may be over in a moment: the request is worth sending again."""

    def __init__(
        self,
        reason: str,
        *,
        status: int = 0,
        heavy: bool = False,
        wait: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(reason, wait=wait)
        self.reason = reason
        self.status = status
        """0 where no answer came."""
        self.heavy = heavy
        """Whether asking for less at once may help: 5xx, an answer cut off, a time-out."""
        self.hint = hint


class Unanswered(SourceUnavailable):
    """A request failed until the retries were used up."""

    def __init__(self, fault: TransientError, route: Route) -> None:
        hint = fault.hint or "Run again later; the mirror stays as it is until then."
        super().__init__(f"Confluence did not answer {route.name}: {fault.reason}.", hint=hint)
        self.reason = fault.reason
        self.status = fault.status
        self.heavy = fault.heavy


class QuestionRefused(SourceUnavailable):
    """The gateway will not answer this question, however often it is asked (400, 405, 410, 413
    …)."""

    def __init__(self, message: str, *, status: int, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.status = status

    @property
    def too_large(self) -> bool:
        """Whether asking for less at once may help."""
        return self.status in (413, 414)


class AccessRefused(PermissionRefused):
    """401, 403 or 404."""

    def __init__(
        self, message: str, *, status: int, hint: str, scope: str = "", genuine: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.scope = scope
        self.genuine = genuine
        """A 404 that names the thing asked for: it is gone or hidden, the credential is in
        order."""


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """A JSON object, and what paging needs beside it."""

    data: Mapping[str, Any]
    link: str
    """The ``Link`` header."""
    location: str = ""
    """Where a route that redirects leads to. Signed, and good for a moment: for no text."""


def interpret_reply(
    route: Route, reply: Reply, *, wait: float | None = None, clean: Callable[[str], str] = str
) -> GatewayAnswer:
    """The data of a good answer. Raises ``TransientError`` or a ``SyncError`` for every other one.

    ``wait``: the seconds that the answer asks us to wait. ``clean`` takes credentials out of
    foreign text.
    """
    status, headers = reply.status, reply.headers
    is_json = "json" in headers.get("Content-Type", "").lower()
    data = _parse_body(reply) if is_json else None
    if 200 <= status < 300:
        if isinstance(data, dict):
            return GatewayAnswer(data, headers.get("Link", ""))
        if is_json:
            raise TransientError(
                "its answer was cut off or is not a JSON object", status=status, heavy=True
            )
        raise TransientError(
            f"it answered {status} with {reply.kind}",
            status=status,
            heavy=True,
            hint="Something else answers in its place: check CONF_GATEWAY_URL and the proxy.",
        )
    if route.redirects and 300 <= status < 400 and headers.get("Location"):
        return GatewayAnswer({}, "", headers["Location"])
    if status == 429:
        raise TransientError("it limits our request rate (429)", status=status, wait=wait)
    if status >= 500:
        raise TransientError(f"it answered {status}", status=status, heavy=True, wait=wait)
    if status in (403, 404) and "error from cloudfront" in headers.get("X-Cache", "").lower():
        raise TransientError(
            f"its edge is overloaded ({status})",
            status=status,
            wait=max(wait or 0.0, _EDGE_HEALS_IN),
        )
    raise _make_refusal(route, reply, data, clean)


def _make_refusal(
    route: Route, reply: Reply, data: object, clean: Callable[[str], str]
) -> SyncError:
    status, text = reply.status, quote_foreign(clean(error_text(data)))
    says = f": {text}" if text else ""
    if "basic authentication has been disabled" in text.lower():
        return AccessRefused(
            "The organisation has switched API tokens off for this site.",
            status=status,
            hint="Ask an organisation admin to allow them.",
        )
    if status in (401, 403, 404):
        return _make_access_refusal(route, reply, data, text)
    if 300 <= status < 400:
        return SourceUnavailable(
            f"{route.name} was answered with a redirect ({status}), which is not followed.",
            hint="Check CONF_GATEWAY_URL and the proxy: the gateway itself does not redirect.",
        )
    if status == 410:
        hint = "Atlassian has removed this route: a newer confluence-mirror is needed."
    elif data is None:
        hint = f"The answer is {reply.kind}: check CONF_GATEWAY_URL and the proxy."
    else:
        hint = "Trying again does not help."
    return QuestionRefused(
        f"Confluence refused {route.name} with {status}{says}.", status=status, hint=hint
    )


def _make_access_refusal(route: Route, reply: Reply, data: object, text: str) -> AccessRefused:
    status, category = reply.status, reply.headers.get("X-Failure-Category", "").upper()
    lacks_scope = "scope does not match" in text.lower() or "SCOPE" in category
    if status == 401 and lacks_scope:
        scope = f"{route.scope} (or {route.granular})" if route.granular else route.scope
        return AccessRefused(
            f"The API token lacks the scope {scope}, which {route.name} needs.",
            status=status,
            hint="Scopes are fixed when a token is made: make a new one with this scope added.",
            scope=route.scope,
        )
    if data is None:
        return AccessRefused(
            f"{route.name} was answered {status} with {reply.kind}.",
            status=status,
            hint=(
                "A proxy or the site itself answered: scoped tokens work on the gateway only. Check"
                " CONF_GATEWAY_URL."
            ),
        )
    if status == 404 and isinstance(data, dict) and "errors" not in data and "code" in data:
        return AccessRefused(
            f"The gateway does not know this site ({status}: {text}).",
            status=status,
            hint="Check CONF_CLOUD_ID: https://SITE.atlassian.net/_edge/tenant_info shows it.",
        )
    if status == 404 and text and not text.lower().startswith("not found"):
        return AccessRefused(
            f"Confluence shows us nothing for {route.name}: {text}.",
            status=status,
            hint="It is gone, or this credential may not see it.",
            genuine=True,
        )
    return AccessRefused(
        f"Confluence refused the credential on {route.name}"
        f" ({status}{': ' + text if text else ''}).",
        status=status,
        hint=(
            "Check CONF_USER, CONF_API_TOKEN (expired, revoked, of another product?) and"
            " CONF_CLOUD_ID, and that the account may use Confluence."
        ),
    )


def error_text(data: object) -> str:
    """What an error body says, of whichever family it is; empty where it says nothing."""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else data
    if not isinstance(first, dict):
        return str(first)
    parts = [first.get(key) for key in ("title", "detail", "message")]
    return ": ".join(part for part in parts if isinstance(part, str) and part)


def _parse_body(reply: Reply) -> object:
    try:
        return reply.json()
    except NotJson:
        return None
