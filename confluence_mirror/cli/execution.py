"""A command at work: open a mirror, run, print. What a run consists of is imported with this
module, so whoever is only told the version, or what is wrong with the arguments, does not wait."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial

from confluence_mirror import logs, program, terminal
from confluence_mirror.cli import answers, printing, signals
from confluence_mirror.cli.answers import View
from confluence_mirror.cli.arguments import Arguments
from confluence_mirror.cli.progress import CommandProgress
from confluence_mirror.errors import Exit, SyncError, WrongUsage
from confluence_mirror.logs import Mask
from confluence_mirror.mirror.events import Emit
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.runs import Mirror, Outcome, Shared, open_mirror
from confluence_mirror.runs.report import RunReport
from confluence_mirror.settings import Settings

log = logging.getLogger(__name__)

_FOR_A_PERSON = View()


def execute(
    settings: Settings,
    arguments: Arguments,
    shared: Shared,
    progress: CommandProgress,
    *,
    remembered_id: str = "",
    before: Callable[[Emit], None] | None = None,
    after: Callable[[RunReport], None] | None = None,
) -> int:
    """Do what the command line asks for; the exit code."""
    if arguments.command == "purge" and not (arguments.yes or sys.stdin.isatty()):
        return program.refuse(
            WrongUsage(
                "Without a terminal nobody can confirm a purge; nothing was removed.",
                hint="Add --yes if you mean it.",
            )
        )
    if arguments.command in ("query", "mcp"):
        signals.leave_at_once("")  # nothing is written that would have to be finished
    if arguments.command == "mcp" or arguments.reads_questions:
        mirror = open_mirror(settings, shared, remembered_id=remembered_id)
        try:
            return int(_converse(mirror, arguments, shared.mask))
        except SyncError as error:
            return program.refuse(error, shared.mask)
    work = partial(command, settings, arguments, shared.stop)
    view = View(json=arguments.json, full=arguments.full)
    return int(
        run(
            settings,
            work,
            shared,
            progress,
            view=view,
            remembered_id=remembered_id,
            before=before,
            after=after,
        )
    )


def _converse(mirror: Mirror, arguments: Arguments, mask: Mask) -> Exit:
    """Answer questions until whoever asks them has no more."""
    if arguments.question is not None:
        return answers.answer_lines(mirror, arguments.question, mask, as_user=arguments.as_user)
    from confluence_mirror.mcp_server import serve_mcp

    return serve_mcp(mirror, mask)


def begin(
    settings: Settings, warnings: Sequence[str], stop: Stop, *, writes: bool = False
) -> Shared:
    """Set up the log, and say what the settings warn of: a run that ``writes`` a mirror does so
    itself, once for it."""
    output = settings.output
    mask = logs.configure_logging(
        output.log_format, output.log_level, sys.stderr, settings.secrets()
    )
    terminal.tell_json(output.log_format == "json")
    if writes:
        return Shared(stop, mask, tuple(warnings))
    for warning in warnings:
        log.warning("%s", warning)
    return Shared(stop, mask)


def run(
    settings: Settings,
    work: Callable[[Mirror], Outcome],
    shared: Shared,
    progress: CommandProgress,
    *,
    view: View = _FOR_A_PERSON,
    tour: bool = False,
    remembered_id: str = "",
    before: Callable[[Emit], None] | None = None,
    after: Callable[[RunReport], None] | None = None,
) -> Exit:
    """Open the mirror, do the work, and publish how it ended; an answer as ``view`` says.
    ``tour``: the summary is what is shown."""
    progress.show(settings.output.log_format)
    mirror = open_mirror(
        settings,
        shared,
        remembered_id=remembered_id,
        progress=progress,
        before=before,
        after=after,
    )

    def publish(outcome: Outcome) -> Exit:
        if outcome.report.command == "search":
            return answers.publish_answer(outcome, view)
        return printing.publish(outcome, settings, tour=tour)

    def abandon(error: SyncError) -> None:
        """The end of a run whose main thread cannot be woken up."""
        progress.end_with(error)
        if (outcome := mirror.abandon(error)) is not None:
            publish(outcome)

    shared.stop.abandoned = abandon
    return publish(work(mirror))


def command(settings: Settings, arguments: Arguments, stop: Stop, mirror: Mirror) -> Outcome:
    """The run that the command line asks for."""
    match arguments.command:
        case "plan":
            return mirror.plan(full=arguments.full, change_scope=arguments.change_scope)
        case "verify":
            return mirror.verify()
        case "repair":
            return mirror.repair(change_scope=arguments.change_scope)
        case "purge":
            ask = partial(printing.ask_to_purge, settings.confluence.cloud_id, stop)
            return mirror.purge(None if arguments.yes else ask)
        case "query":
            assert arguments.question is not None
            return mirror.search(arguments.question, as_user=arguments.as_user)
        case _:
            return mirror.sync(
                arguments.pages, full=arguments.full, change_scope=arguments.change_scope
            )
