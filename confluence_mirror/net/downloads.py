"""Files from the Internet, over redirects: model hubs answer with the address of a content
network."""

from __future__ import annotations

from urllib.parse import unquote, urljoin

from confluence_mirror.net.reachability import Fault, NoAnswer
from confluence_mirror.net.session import Credential, Session, require_address

_REDIRECTS = 5


def download_file(
    url: str, *, variable: str, ca_bundle: str | None = None, timeout: float = 30.0
) -> bytes:
    """What is at ``url``. A credential in it goes to its own host alone, and into no message.

    Raises ``NoAnswer``, and ``WrongSettings`` for an invalid address (``variable`` holds it).
    """
    for _ in range(_REDIRECTS):
        parts = require_address(url, variable)
        login = (
            Credential.basic(url, unquote(parts.username), unquote(parts.password or ""))
            if parts.username
            else None
        )
        session = Session(
            url, variable=variable, credential=login, timeout=timeout, ca_bundle=ca_bundle
        )
        try:
            reply = session.send(
                "GET", f"?{parts.query}" if parts.query else "", headers={"Accept": "*/*"}
            )
        finally:
            session.close()
        if reply.status == 200:
            return reply.content
        if reply.status not in (301, 302, 303, 307, 308):
            raise NoAnswer(
                Fault.BROKEN, f"{session.host} answers {reply.status}", f"Check {variable}."
            )
        url = urljoin(session.base_url, reply.headers.get("Location", ""))
    raise NoAnswer(Fault.BROKEN, f"{session.host} redirects without end", f"Check {variable}.")
