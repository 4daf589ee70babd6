"""Does the installed client fit a server? Asked for the programs beside us, which send their
client's version.

A Llama Stack refuses every request (426) whose ``X-LlamaStack-Client-Version`` is of another
major.minor than its own, OGX every one with such an ``X-OGX-Client-Version``, and each of the two
ignores the other's header. Our own requests, through ``llama-stack-client`` 0.2.23 on every server,
leave it out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from confluence_mirror.net.reachability import NoAnswer
from confluence_mirror.net.session import Credential, Session


@dataclass(frozen=True, slots=True)
class Fit:
    """The answer, in a line."""

    state: Literal["ok", "note", "warning"]
    said: str
    next: str = ""


def installed(package: str) -> str:
    """The version of an installed package; empty where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def fit_of_client(
    base_url: str,
    server: str,
    *,
    ogx: bool = False,
    api_key: str = "",
    timeout: float = 30.0,
    ca_bundle: Path | None = None,
) -> Fit:
    """Ask the server once, as the installed client would. ``server`` is its version; a pin is made
    of it."""
    package, header = "llama-stack-client", "X-LlamaStack-Client-Version"
    if ogx:
        package, header = "ogx-client", "X-OGX-Client-Version"
    pin = f"pip install {package}=={server}"
    client = installed(package)
    if not client:
        return Fit(
            "note",
            f"{package} is not installed here",
            f"For programs that use this server beside us: {pin}",
        )
    base = re.sub(r"(/v1/openai)?/v1$", "", base_url.rstrip("/"))
    session = Session(
        base,
        variable="LLAMA_BASE_URL",
        credential=Credential.bearer(base, api_key),
        timeout=timeout,
        ca_bundle=str(ca_bundle) if ca_bundle else None,
    )
    try:
        status = session.send("GET", "/v1/version", headers={header: client}).status
    except NoAnswer:
        return Fit("note", f"the server did not say whether {package} {client} fits")
    finally:
        session.close()
    if status != 426:
        return Fit("ok", f"{package} {client} fits server {server}")
    return Fit(
        "warning",
        f"{package} {client} is refused by server {server} (HTTP 426): a sync goes on without its"
        " version, other programs fail",
        f"For those, in an environment of their own: {pin}",
    )
