"""The connection that the environment describes, called ``environment``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from confluence_mirror.service.auth.keys import DEFAULT_WORKSPACE
from confluence_mirror.service.core import Core
from confluence_mirror.service.imports import keep_connection
from confluence_mirror.service.problems import Problem
from confluence_mirror.service.sites import Login, open_site, read_facts

log = logging.getLogger(__name__)

NAME = "environment"
_ASKED_S = 10.0
_LONGEST_WAIT_S = 60.0


class EnvironmentConnection:
    """Kept up to date on a thread, for as long as Confluence does not answer."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def start(self) -> None:
        """Begin, where the environment describes one."""
        if self._core.loaded.environment:
            self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()

    def keep(self) -> None:
        """Check it and keep it. Raises ``Problem``."""
        core = self._core
        login = _login_of(core.loaded.environment, _ca_bundle(core))
        with open_site(core.values, login) as gateway:
            facts = read_facts(gateway)
        with core.database.writing() as session:
            keep_connection(core, session, DEFAULT_WORKSPACE, login, facts, NAME)

    def _run(self) -> None:
        wait = 1.0
        while not self._stopping.is_set():
            try:
                self.keep()
                return
            except Problem as problem:
                log.warning("the connection of the environment: %s", problem.detail)
            except Exception:
                log.exception("a bug in confluence-mirror")
            self._stopping.wait(wait)
            wait = min(_LONGEST_WAIT_S, wait * 2)


def _login_of(given: Mapping[str, str], ca_bundle: str | None) -> Login:
    """Of our names, else of those that other programs have. Raises ``Problem``."""
    user = given.get("CONF_USER") or given.get("CONFLUENCE_USERNAME", "")
    token = given.get("CONF_API_TOKEN") or given.get("CONFLUENCE_API_TOKEN", "")
    if file := given.get("CONF_API_TOKEN_FILE"):
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            raise Problem("invalid", "CONF_API_TOKEN_FILE cannot be read.") from None
    cloud_id = given.get("CONF_CLOUD_ID") or _ask_cloud_id(
        given.get("CONFLUENCE_URL", ""), ca_bundle
    )
    return Login(cloud_id, user, token)


def _ask_cloud_id(url: str, ca_bundle: str | None) -> str:
    """The address is the operator's, and is not checked."""
    parts = urlsplit(url)
    address = f"{parts.scheme}://{parts.netloc}/_edge/tenant_info"
    try:
        found = httpx2.get(address, timeout=_ASKED_S, verify=ca_bundle or True).json()
        return str(found["cloudId"])
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError):
        raise Problem(
            "upstream", "CONFLUENCE_URL does not answer as a site of Confluence Cloud does."
        ) from None


def _ca_bundle(core: Core) -> str | None:
    bundle = core.loaded.engine.net.ca_bundle
    return str(bundle) if bundle else None
