"""Faults by rule: what goes wrong, for which requests, how often."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from confluence_sandbox.replies import LOGIN_PAGE, Answer

Cut: TypeAlias = Literal["before", "middle", "reset"]
"""``before``: closed without an answer. ``middle``: closed in the middle of the body. ``reset``: by
a TCP reset."""


@dataclass
class Fault:
    """One rule. A request that matches is counted; the rule acts on the ``nth`` ones (all if None),
    ``times`` at most.

    Without ``status``, ``payload``, ``html`` or ``cut`` the request is answered as ever, after
    ``delay``, ``do`` and ``change``.
    """

    path: str = ""
    """Regular expression, searched for in the path below the cloud id: ``/wiki/api/v2/pages$``."""
    method: str = ""
    query: str = ""
    """Regular expression, searched for in the decoded query."""
    nth: int | Sequence[int] | None = None
    """From 1."""
    times: int | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: Any = None
    """Answered in place of the real one: JSON, or text."""
    html: bool = False
    """A login page, with 200 unless ``status`` says otherwise."""
    delay: float = 0.0
    """Seconds."""
    cut: Cut | None = None
    truncate: bool = False
    """Half of the body, with a Content-Length that fits the half."""
    do: Sequence[tuple[str, Mapping[str, Any]]] = ()
    """Control commands run before the answer is made: ``[("trash", {"id": "…"})]``."""
    change: Callable[[Any], Any] | None = None
    """Changes the real answer's JSON. Only within the process."""
    seen: int = 0
    hits: int = 0

    def strikes(self, method: str, path: str, query: str) -> bool:
        """Count a request, and say whether the rule acts on it."""
        if self.method and self.method != method:
            return False
        if not re.search(self.path, path) or not re.search(self.query, query):
            return False
        self.seen += 1
        wanted = (self.nth,) if isinstance(self.nth, int) else self.nth
        if (wanted is not None and self.seen not in wanted) or (
            self.times is not None and self.hits >= self.times
        ):
            return False
        self.hits += 1
        return True

    def answer(self) -> Answer | None:
        """What is answered in place of the real thing; None: the real thing."""
        if self.html:
            headers = {"Content-Type": "text/html;charset=UTF-8", **self.headers}
            return Answer(LOGIN_PAGE, self.status or 200, headers)
        if self.payload is not None or self.status is not None:
            payload = (
                {"message": "fault", "statusCode": self.status}
                if self.payload is None
                else self.payload
            )
            return Answer(payload, self.status or 200, dict(self.headers))
        return None
