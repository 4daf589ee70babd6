"""Does the installed ``llama-stack-client`` fit a server? Asked for the programs beside us, which send its version.

A server refuses every request (426) whose ``X-LlamaStack-Client-Version`` is of another major.minor than its own. Our
own requests leave the header out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import requests

_HEADER = "X-LlamaStack-Client-Version"


@dataclass(frozen=True, slots=True)
class Fit:
    """The answer, in a line."""

    state: Literal["ok", "note", "warning"]
    said: str
    next: str = ""


def installed_client() -> str:
    """The version of the installed ``llama-stack-client``; empty where there is none."""
    try:
        return metadata.version("llama-stack-client")
    except metadata.PackageNotFoundError:
        return ""


def fit_of_client(
    base_url: str, server: str, *, api_key: str = "", timeout: float = 30.0, ca_bundle: Path | None = None
) -> Fit:
    """Ask the server once, as the installed client would. ``server`` is its version; a pin is made of it."""
    pin = f"pip install llama-stack-client=={server}"
    client = installed_client()
    if not client:
        return Fit("note", "llama-stack-client is not installed here", f"To use this server from Python: {pin}")
    headers = {_HEADER: client} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
    base = re.sub(r"(/v1/openai)?/v1$", "", base_url.rstrip("/"))
    try:
        answer = requests.get(
            f"{base}/v1/version",
            headers=headers,
            timeout=timeout,
            verify=str(ca_bundle) if ca_bundle else None,
            allow_redirects=False,
        )
    except requests.RequestException:
        return Fit("note", f"the server did not say whether llama-stack-client {client} fits")
    if answer.status_code != 426:
        return Fit("ok", f"llama-stack-client {client} fits server {server}")
    return Fit(
        "warning",
        f"llama-stack-client {client} is refused by server {server} (HTTP 426): a sync goes on without its version, "
        "other programs fail",
        f"For those: {pin}",
    )
