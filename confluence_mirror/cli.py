"""The command line: arguments, signals, exit codes, and what a person sees."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from confluence_mirror import __version__, logs, signals, terminal, wiring
from confluence_mirror.errors import Exit, Refused, SyncError, WrongUsage, of_the_system
from confluence_mirror.mirror.run import Run
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.report import Command, RunReport, metrics, progress_on
from confluence_mirror.search import answer
from confluence_mirror.settings import Settings, is_unicode, working_folder
from confluence_mirror.stores.llama.store import LlamaStore

log = logging.getLogger(__name__)

_TERMINATION_LOG = Path("/dev/termination-log")
_ONE_OF = ("dry_run", "verify", "repair", "purge", "query", "demo", "reset")
"""Options that are each a command of their own."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongUsage(f"{self.prog}: {message}.", hint=f"See {self.prog} --help.")


def parser(program: str | None = None, *, tour: bool = True) -> argparse.ArgumentParser:
    """The options of ``sync.py``; without ``tour`` those that another program shares with it."""
    made = _Parser(
        prog=program,
        description="Mirror Confluence Cloud pages into a vector store: one run, one exit code.",
        epilog=(
            "Settings come from the environment, then .env and .env.secrets (see .env.example);"
            " flags win. Exit codes: 0 mirrored, 3 drift, 64 usage, 65 refused for safety, 69"
            " unavailable, 70 a bug, 74 state unusable, 75 run again, 77 permission, 78 settings,"
            " 130 and 143 interrupted."
        ),
    )
    made.add_argument(
        "--dry-run", action="store_true", help="print the plan and write nothing anywhere"
    )
    made.add_argument(
        "--full",
        action="store_true",
        help="read, convert and cut every page; send only what differs",
    )
    made.add_argument(
        "--verify", action="store_true", help="read the store back and print drift (exit 3)"
    )
    made.add_argument(
        "--repair",
        action="store_true",
        help="send missing chunks, remove stray ones of this mirror",
    )
    made.add_argument(
        "--purge",
        action="store_true",
        help="remove everything this mirror has stored, and nothing else",
    )
    made.add_argument(
        "--yes", action="store_true", help="do not ask before what removes everything"
    )
    made.add_argument(
        "--query",
        metavar="TEXT",
        help="search the stored chunks; print titles, links and first lines",
    )
    made.add_argument("--since-hours", metavar="N", help="least lookback; 0: everything")
    made.add_argument("--report", metavar="FILE", help="write the JSON report there")
    made.add_argument("--log-format", choices=("text", "json"), help="of the log lines")
    made.add_argument(
        "--allow-mass-delete",
        action="store_true",
        help="allow the removals that the guard refused, for this run",
    )
    made.add_argument(
        "--change-scope", action="store_true", help="confirm that the changed scope is intended"
    )
    if tour:
        made.add_argument(
            "--demo",
            action="store_true",
            help="a tour on a bundled sample site, without any settings",
        )
    made.add_argument("--version", action="version", version=f"confluence-mirror {__version__}")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    stop = Stop()
    try:
        signals.on_signals(stop)
        arguments = parser().parse_args(argv)
        check_usage(arguments)
        if arguments.demo:
            from confluence_mirror import demo

            return demo.main(stop)
        settings, warnings = Settings.load(os.environ, working_folder(), overrides(arguments))
        report = begin(settings, warnings, arguments)
    except SyncError as error:
        stop.end()
        terminal.say(str(error), sys.stderr)
        return int(error.exit)
    return int(command(settings, arguments, report, stop))


def begin(settings: Settings, warnings: Sequence[str], arguments: argparse.Namespace) -> RunReport:
    """Set up the log, say what the settings warn of, and begin the report."""
    mask = logs.configure(settings.log_format, settings.log_level, sys.stderr, settings.secrets())
    for warning in warnings:
        log.warning("%s", warning)
    return new_report(settings, arguments, mask)


def check_usage(arguments: argparse.Namespace) -> None:
    """Refuse commands that do not go together, a search for nothing, and what is no text."""
    if not all(is_unicode(value) for value in vars(arguments).values() if isinstance(value, str)):
        raise WrongUsage("An argument is not UTF-8 text; nothing was done.")
    chosen = [name for name in _ONE_OF if getattr(arguments, name, None) not in (None, False)]
    if len(chosen) > 1:
        flags = " and ".join("--" + name.replace("_", "-") for name in chosen)
        raise WrongUsage(f"{flags} do not go together; nothing was done.")
    if arguments.query is not None and not arguments.query.strip():
        raise WrongUsage("--query needs words to search for; nothing was done.")


def overrides(arguments: argparse.Namespace) -> dict[str, str]:
    """What flags say, by variable."""
    given = {
        "SINCE_HOURS": arguments.since_hours,
        "RUN_REPORT": arguments.report,
        "LOG_FORMAT": arguments.log_format,
        "ALLOW_MASS_DELETE": "true" if arguments.allow_mass_delete else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def new_report(settings: Settings, arguments: argparse.Namespace, mask: logs.Mask) -> RunReport:
    """The report of a run that begins."""
    return RunReport(
        _command(arguments),
        mask=mask,
        site_id=settings.conf_cloud_id,
        shown=progress_on(sys.stderr),
    )


def command(
    settings: Settings,
    arguments: argparse.Namespace,
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
    stop.begin(settings.run_budget_minutes * 60)
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
        log.exception("a bug in confluence-mirror; nothing that is stored was lost")
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


def _command(arguments: argparse.Namespace) -> Command:
    if arguments.dry_run:
        return "dry-run"
    return (
        "verify"
        if arguments.verify
        else "repair"
        if arguments.repair
        else "purge"
        if arguments.purge
        else "sync"
    )


def _run(
    settings: Settings,
    arguments: argparse.Namespace,
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
    run = Run(job, parts.source, parts.store, report, stop)
    if report.command in ("verify", "repair"):
        drift = run.verify() if report.command == "verify" else run.repair()
        drift.tell(report)
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
    where = f"collection {settings.collection} of {parts.store.kind} at {parts.store.location}"
    terminal.say(
        f"This removes every chunk of site {settings.conf_cloud_id} from {where}. Type yes to"
        " go on:"
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
            terminal.say(report.plan_text())
        terminal.say(report.summary())
    if report.exit_code != recorded:
        terminal.say(terminal.one_line(report.mask(f"{report.problem} {report.hint}")), sys.stderr)
        _record(report, settings)
    if settings.pushgateway_url:
        ca_bundle = str(settings.ca_bundle) if settings.ca_bundle else None
        if warning := metrics.push(report, settings.pushgateway_url, ca_bundle):
            log.warning("%s", warning)
    _tell_kubelet(report)


def _record(report: RunReport, settings: Settings) -> None:
    with _outcome(report):
        if settings.run_report:
            report.write(settings.run_report)
        if settings.metrics_file:
            metrics.write_file(report, settings.metrics_file)


def _tell_kubelet(report: RunReport) -> None:
    """Two lines that ``kubectl describe`` shows. The file is there in a pod only."""
    with contextlib.suppress(OSError):  # a courtesy: the exit code is what counts
        if _TERMINATION_LOG.is_file():
            _TERMINATION_LOG.write_text(report.termination_message(), encoding="utf-8")
