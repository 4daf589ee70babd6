"""The commands: parse, run, print."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from confluence_mirror import logs, terminal, wiring
from confluence_mirror.cli import signals
from confluence_mirror.cli.arguments import Arguments, parse
from confluence_mirror.cli.progress import progress_on
from confluence_mirror.errors import Exit, Refused, SyncError, of_the_system
from confluence_mirror.mirror.run import Run
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.runs import json_report, metrics, text
from confluence_mirror.runs.report import Command as Kind
from confluence_mirror.runs.report import RunReport
from confluence_mirror.search import answer
from confluence_mirror.settings import Settings, working_folder
from confluence_mirror.stores.llama.store import LlamaStore

log = logging.getLogger(__name__)

_TERMINATION_LOG = Path("/dev/termination-log")
_KINDS: dict[str, Kind] = {
    "plan": "dry-run",
    "verify": "verify",
    "repair": "repair",
    "purge": "purge",
}
"""Commands by the name that reports give them; every other one that has a report is a sync."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    stop = Stop()
    try:
        signals.on_signals(stop)
        arguments = parse(argv)
        if arguments.command == "demo":
            from confluence_mirror import demo

            return demo.main(lambda settings, words: _execute(settings, words, stop))
        if arguments.command == "check":
            from confluence_mirror import check

            signals.leave_at_once()
            return check.check_setup(os.environ, sys.stdout, as_json=arguments.json)
        settings, warnings = Settings.load(os.environ, working_folder(), arguments.overrides)
        report = begin(settings, warnings, arguments)
    except SyncError as error:
        stop.end()
        terminal.say(str(error), sys.stderr)
        return int(error.exit)
    return int(command(settings, arguments, report, stop))


def _execute(settings: Settings, words: Sequence[str], stop: Stop) -> int:
    arguments = parse(words)
    return int(command(settings, arguments, begin(settings, (), arguments), stop))


def begin(settings: Settings, warnings: Sequence[str], arguments: Arguments) -> RunReport:
    """Set up the log, say what the settings warn of, and begin the report."""
    mask = logs.configure(
        settings.output.log_format, settings.output.log_level, sys.stderr, settings.secrets()
    )
    for warning in warnings:
        log.warning("%s", warning)
    return new_report(settings, arguments, mask)


def new_report(settings: Settings, arguments: Arguments, mask: logs.Mask) -> RunReport:
    """The report of a run that begins."""
    return RunReport(
        _KINDS.get(arguments.command, "sync"),
        mask=mask,
        site_id=settings.confluence.cloud_id,
        shown=progress_on(sys.stderr),
    )


def command(
    settings: Settings,
    arguments: Arguments,
    report: RunReport,
    stop: Stop,
    *,
    hint: str = "",
    before: Callable[[], None] | None = None,
    after: Callable[[], None] | None = None,
) -> Exit:
    """One run with its report, whatever becomes of it. ``hint``: the collection's id as someone
    remembers it.

    ``before`` and ``after`` are parts of the run: nothing follows where the first fails, the last
    is done always.
    """
    parts: wiring.Parts | None = None
    stop.begin(settings.run.budget_minutes * 60)
    stop.abandoned = lambda error: _abandon(error, report, settings)
    with _outcome(report):
        stop.check()
        if before is not None:
            before()
        writes = report.command in ("sync", "repair") and not arguments.query
        parts = wiring.build(settings, writes=writes, pause=stop.pause)
        settings = parts.settings
        if arguments.query:
            terminal.say(answer(parts.store, settings, arguments.query, hint=hint))
            report.end(Exit.OK)
        else:
            _run(settings, arguments, parts, report, stop, hint)
    if after is not None:
        with _outcome(report):
            after()
    if parts is not None:
        with _outcome(report):
            parts.close()
    stop.end()
    if arguments.query:
        return _answered(report)
    if parts is not None:
        _account(report, parts)
    _publish(report, settings)
    return report.exit_code or Exit.OK


@contextlib.contextmanager
def _outcome(report: RunReport) -> Iterator[None]:
    """What is raised here is how the run ended, unless it had failed already: the first error
    stands."""
    try:
        yield
    except SyncError as error:
        if report.exit_code:
            log.error("%s", error)
        else:
            report.end_with(error)
    except Exception as error:
        if known := of_the_system(error):
            log.error("%s", known) if report.exit_code else report.end_with(known)
            return
        log.exception("a bug in confluence-mirror; the next run goes on from what was committed")
        if not report.exit_code:
            report.end(Exit.BUG, f"{type(error).__name__}: {error}")


def _abandon(error: SyncError, report: RunReport, settings: Settings) -> None:
    """The end of a run whose main thread cannot be woken up."""
    if report.exit_code is None:
        report.end_with(error)
        _publish(report, settings)


def _answered(report: RunReport) -> Exit:
    """The end of a search: no run, so no report is written over that of the last one."""
    if report.problem:
        terminal.say(
            terminal.one_line(report.mask(f"{report.problem} {report.hint}".rstrip())), sys.stderr
        )
    return report.exit_code or Exit.OK


def _run(
    settings: Settings,
    arguments: Arguments,
    parts: wiring.Parts,
    report: RunReport,
    stop: Stop,
    hint: str,
) -> None:
    job = wiring.job(
        settings,
        parts.embedder,
        full=arguments.full,
        change_scope=arguments.change_scope,
        hint=hint,
        learners=parts.learners,
    )
    run = Run(job, parts.source, parts.store, report.hear, stop)
    if report.command in ("verify", "repair"):
        drift = run.verify() if report.command == "verify" else run.repair()
        drift.tell(report.hear)
        terminal.say("\n".join(map(terminal.one_line, drift.lines())))
        report.end(Exit.DRIFT if drift else Exit.OK)
        return
    if report.command == "purge" and not arguments.yes:
        _ask_to_purge(settings, parts)
    {"dry-run": run.dry_run, "purge": run.purge, "sync": run.sync}[report.command]()
    report.end(Exit.OK)


def _ask_to_purge(settings: Settings, parts: wiring.Parts) -> None:
    """A person at a terminal says yes; a script has nobody to ask, and goes on. Raises
    ``Refused``."""
    if not sys.stdin.isatty():
        return
    where = (
        f"collection {settings.store.collection} of {parts.store.kind} at {parts.store.location}"
    )
    terminal.say(
        f"This removes every chunk of site {settings.confluence.cloud_id} from {where}, and the"
        " collections that its rotations left. Type yes to go on:"
    )
    if sys.stdin.readline().strip().lower() != "yes":
        raise Refused(
            "--purge was not confirmed; nothing was removed.", hint="Type yes, or add --yes."
        )


def _account(report: RunReport, parts: wiring.Parts) -> None:
    """What the run took."""
    report.traffic(parts.gateway.stats.snapshot())
    report.embeddings = parts.embedder.embedded if parts.embedder else 0
    if isinstance(parts.store, LlamaStore) and parts.store.broken_up:
        report.warn(
            f"{parts.store.broken_up} special tokens of language models (<|endoftext|> and its"
            " like) were broken up by a zero-width space, since Llama Stack refuses texts that"
            " hold them"
        )


def _publish(report: RunReport, settings: Settings) -> None:
    """Summary, report, metrics and the kubelet's message. What cannot be written turns a success
    into 74."""
    _record(report, settings)
    recorded = report.exit_code
    with _outcome(report):
        if report.plan:
            terminal.say(text.plan(report))
        terminal.say(text.summary(report))
    if report.exit_code != recorded:
        terminal.say(terminal.one_line(report.mask(f"{report.problem} {report.hint}")), sys.stderr)
        _record(report, settings)
    if settings.output.pushgateway_url:
        ca_bundle = str(settings.net.ca_bundle) if settings.net.ca_bundle else None
        if warning := metrics.push(report, settings.output.pushgateway_url, ca_bundle):
            log.warning("%s", warning)
    _tell_kubelet(report)


def _record(report: RunReport, settings: Settings) -> None:
    with _outcome(report):
        if settings.output.report:
            json_report.write(report, settings.output.report)
        if settings.output.metrics_file:
            metrics.write_file(report, settings.output.metrics_file)


def _tell_kubelet(report: RunReport) -> None:
    """Two lines that ``kubectl describe`` shows. The file is there in a pod only."""
    with contextlib.suppress(OSError):  # a courtesy: the exit code is what counts
        if _TERMINATION_LOG.is_file():
            _TERMINATION_LOG.write_text(text.termination_message(report), encoding="utf-8")
