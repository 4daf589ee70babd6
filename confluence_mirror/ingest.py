"""``ingest_conf.py``: the run of ``sync.py`` with Llama Stack as its store, and the names that its
users know."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from confluence_mirror import program, terminal, vdb
from confluence_mirror.cli import execution, signals
from confluence_mirror.cli.arguments import RUNS, early_progress_file, parse, wants_json_log
from confluence_mirror.cli.progress import CommandProgress, show_progress
from confluence_mirror.errors import Interrupted, Refused, SyncError, Terminated, WrongUsage
from confluence_mirror.manifest import Database, Manifest
from confluence_mirror.mirror.events import Emit, StoreTouched
from confluence_mirror.mirror.recorded import RecordedStore
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.runs.components import make_llama
from confluence_mirror.runs.report import RunReport
from confluence_mirror.settings import INGEST_DEFAULTS, Settings, working_folder
from confluence_mirror.stores.base import Collection
from confluence_mirror.wording import counted, verb

log = logging.getLogger(__name__)

REQUIRED = ("LLAMA_BASE_URL", "SPACE_NAME")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    return show_progress(partial(_run_command, argv))


def _run_command(argv: Sequence[str] | None, progress: CommandProgress) -> int:
    stop = Stop()
    try:
        signals.on_signals(stop)
        terminal.tell_json(wants_json_log(argv))
        arguments = parse(argv, "ingest_conf.py", ingest=True)
        if arguments.command in RUNS:
            progress.write_to(early_progress_file())
            stop.abandoned = progress.end_with
        chosen = {**arguments.overrides, "STORE": "llama"}
        settings, warnings = Settings.load(
            os.environ, working_folder(), chosen, defaults=INGEST_DEFAULTS, required=REQUIRED
        )
        remembered_id = vdb.recall(settings.state.folder)
        writes = arguments.command in ("sync", "repair", "reset")
        shared = execution.begin(settings, warnings, stop, writes=writes)
    except SyncError as error:
        return program.refuse(error)

    def before(emit: Emit) -> None:
        if arguments.command == "reset":
            _reset(settings, stop, emit, sure=arguments.yes)

    def after(report: RunReport) -> None:
        if report.command in ("sync", "repair") and report.collection_id:
            vdb.remember(settings.state.folder, report.collection_id)

    return execution.execute(
        settings,
        arguments,
        shared,
        progress,
        remembered_id=remembered_id,
        before=before,
        after=after,
    )


def _reset(settings: Settings, stop: Stop, emit: Emit, *, sure: bool) -> None:
    """Delete every vector store of the name, or the one of the id, and what the manifest says of
    them."""
    name, net = settings.store.collection, settings.net
    model_id, site = settings.embedding.model_id, settings.confluence.cloud_id
    with closing(make_llama(settings.store, net, model_id, site, stop.pause)) as store:
        can = store.connect()
        found = store.namesakes(name)
        terminal.tell(_listed(name, found), "info")
        if found and not sure:
            _ask(stop)
        url = settings.state.url.reveal()
        with closing(Database(url, timeout=net.request_timeout, sleep=stop.pause)) as database:
            recorded = RecordedStore(store, can, Manifest(database))
            with recorded.hold_lock(name, settings.state.lock_wait):
                generations = recorded.generations(name)
                if {one.id for one, _ in store.namesakes(name)} != {one.id for one, _ in found}:
                    raise Refused(
                        f"The vector stores named {name} are not those any more that were listed;"
                        " nothing was deleted.",
                        hint="Run again.",
                    )
                # Each was listed by its id and confirmed: a mirror under another name that is in it
                # is meant, too.
                for collection, description in found:
                    emit(StoreTouched())
                    with stop.batch():
                        recorded.drop_collection(collection, recorded.owners(collection))
                    log.info("deleted: %s", description)
                for generation in generations:
                    recorded.manifest.forget_generation(generation)


def _listed(name: str, found: Sequence[tuple[Collection, str]]) -> str:
    """What a reset is about to delete, for the person who is asked."""
    if not found:
        return f"No vector store is named {name}; there is nothing to delete."
    if found[0][0].id == name:
        head = (
            "VECTOR_DB_ID is the id of one vector store, named"
            f" {terminal.one_line(found[0][0].name)}. It alone is deleted, and the new one is named"
            " by what VECTOR_DB_ID says:"
        )
    else:
        head = (
            f"{counted(len(found), 'vector store')} {verb(len(found), 'is', 'are')} named {name}:"
        )
    return "\n  ".join([head, *(terminal.one_line(description) for _, description in found)])


def _ask(stop: Stop) -> None:
    """Raises ``WrongUsage`` for anything but a yes at a terminal, and what a signal asks for."""
    if not sys.stdin.isatty():
        raise WrongUsage(
            "Nothing was deleted: without a terminal nobody can confirm it.",
            hint="Add --yes if you mean it.",
        )
    try:
        terminal.tell("Delete, with all that is in there? Type yes:", "info")
        answer = terminal.read_line(stop.check)
    except (Interrupted, Terminated) as error:
        raise type(error)("Stopped at the question: nothing was deleted.") from None
    if answer.strip().lower() != "yes":
        raise WrongUsage("Nothing was deleted: the answer was not yes.")
