"""``serve``, ``worker``, ``serve migrate`` and ``serve rotate-keys``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from confluence_mirror import logs, terminal
from confluence_mirror.errors import Exit
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.service import processes
from confluence_mirror.service.db.database import migrate, open_database, require_revision
from confluence_mirror.service.rotation import require_keys, rotate_secrets
from confluence_mirror.service.settings import Loaded, load
from confluence_mirror.service.vault import read_keyring

log = logging.getLogger(__name__)

Action: TypeAlias = Literal["serve", "worker", "migrate", "rotate-keys"]


def run(action: Action, environ: Mapping[str, str], folder: Path, stop: Stop) -> int:
    """One command; its exit code. Raises ``SyncError``."""
    loaded = load(environ, folder)
    output = loaded.engine.output
    logs.configure_logging(output.log_format, output.log_level, sys.stderr, _secrets_of(loaded))
    terminal.tell_json(output.log_format == "json")
    for warning in loaded.warnings:
        log.warning("%s", warning)
    if action == "serve":
        return processes.serve(loaded, stop)
    if action == "worker":
        return processes.work(loaded, stop)
    return _migrate(loaded) if action == "migrate" else _rotate_keys(loaded)


def _migrate(loaded: Loaded) -> int:
    database = open_database(loaded.service, loaded.engine.state.folder)
    migrate(database)
    database.close()
    terminal.say("The service's database is up to date.")
    return Exit.OK


def _rotate_keys(loaded: Loaded) -> int:
    state_dir = loaded.engine.state.folder
    keyring = read_keyring(loaded.service, state_dir)
    database = open_database(loaded.service, state_dir)
    require_revision(database)
    require_keys(database, keyring)
    sealed, broken = rotate_secrets(database, keyring)
    database.close()
    terminal.say(f"Secrets that are sealed with {keyring.sealing_id} now: {sealed}.")
    if broken:
        terminal.say(f"Secrets that none of the keys opens, left as they are: {broken}.")
    return Exit.SETTINGS if broken else Exit.OK


def _secrets_of(loaded: Loaded) -> tuple[str, ...]:
    """Every text of the settings that no log line may hold."""
    service = loaded.service
    given = (
        service.admin_key,
        service.secret_keys,
        service.encryption_key,
        service.webhook_secret,
    )
    named = [each.reveal() for each in given if each is not None]
    tokens = [text for name, text in loaded.environment.items() if name.endswith("API_TOKEN")]
    return (*loaded.engine.secrets(), *named, *tokens)
