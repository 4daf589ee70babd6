"""``ingest_conf.py``: the run of ``sync.py`` with Llama Stack as its store, and the names that its users know.

``conf_known_issues.vdb`` keeps the vector store's id between nights, in the state folder. It is a hint: believed only
where the server gives that id the right name. Without it, the list by name decides.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from confluence_sync import cli
from confluence_sync.errors import Exit, StateUnusable, SyncError, WrongUsage
from confluence_sync.manifest import Database, Manifest
from confluence_sync.manifest.locks import exclusive
from confluence_sync.mirror.stop import Stop
from confluence_sync.report.files import write_whole
from confluence_sync.settings import INGEST_DEFAULTS, Settings
from confluence_sync.stores.llama import LlamaStore
from confluence_sync.wiring import make_llama

log = logging.getLogger(__name__)

REQUIRED = ("LLAMA_BASE_URL", "SPACE_NAME")
HINT = "conf_known_issues.vdb"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    stop = Stop()
    cli.on_signals(stop)
    try:
        arguments = _parser().parse_args(argv)
        cli.check_usage(arguments)
        chosen = {**cli.overrides(arguments), "STORE": "llama"}
        settings, warnings = Settings.load(os.environ, Path.cwd(), chosen, defaults=INGEST_DEFAULTS, required=REQUIRED)
        report = cli.begin(settings, warnings, arguments)
        if arguments.reset:
            _reset(settings, sure=arguments.yes)
        hint = _hint(settings)
    except SyncError as error:
        print(error, file=sys.stderr)
        return int(error.exit)
    code = cli.command(settings, arguments, report, stop, hint=hint)
    if report.command in ("sync", "repair") and report.collection_id:
        code = _remember(settings, report.collection_id) or code
    return int(code)


def _parser() -> argparse.ArgumentParser:
    made = cli.parser("ingest_conf.py")
    made.description = "Mirror Confluence Cloud pages into a Llama Stack: one run, one exit code."
    made.set_defaults(demo=False)
    made.add_argument("--reset", action="store_true", help="delete every vector store of this name, and make one anew")
    made.add_argument("--yes", action="store_true", help="do not ask before --reset")
    return made


def _reset(settings: Settings, *, sure: bool) -> None:
    """Delete every vector store of the name, and what the manifest says of them."""
    name = settings.collection
    with closing(make_llama(settings)) as store:
        store.connect()
        found = store.namesakes(name)
        listed = "".join(f"\n  {description}" for _, description in found)
        print(f"{len(found)} vector stores are named {name}.{listed}", file=sys.stderr)
        if not sure and not _agreed():
            raise WrongUsage("Nothing was deleted.", hint="Answer yes, or say --yes.")
        with closing(Database(settings.state_url.reveal())) as database:
            manifest = Manifest(database)
            with exclusive(database, f"{LlamaStore.kind}:{name}", settings.lock_wait):
                for collection, description in found:
                    store.drop(collection)
                    log.info("deleted: %s", description)
                for generation in manifest.generations(LlamaStore.kind, name):
                    manifest.forget_generation(generation)
    (settings.state_dir / HINT).unlink(missing_ok=True)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Delete them, with all that they hold? Type yes: ").strip().lower() == "yes"


def _hint(settings: Settings) -> str:
    """The id that an earlier run left in the state folder or, as the first version did, in the working directory."""
    for folder in dict.fromkeys((settings.state_dir, Path.cwd())):
        path = folder / HINT
        if path.is_file():
            try:
                return path.read_text(encoding="utf-8", errors="replace").strip()[:200]
            except OSError as error:
                raise StateUnusable(f"{path} cannot be read: {error.strerror}.") from None
    return ""


def _remember(settings: Settings, collection_id: str) -> Exit | None:
    try:
        write_whole(settings.state_dir / HINT, f"{collection_id}\n", "the vector store's id")
    except StateUnusable as error:
        log.error("%s", error)
        return error.exit
    return None
