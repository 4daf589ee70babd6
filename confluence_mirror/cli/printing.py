"""What the commands print and write when a run has ended, and what they ask a person."""

from __future__ import annotations

import contextlib
import logging
from copy import copy
from pathlib import Path

from confluence_mirror import terminal
from confluence_mirror.errors import Exit, Refused
from confluence_mirror.mirror.stop import Stop
from confluence_mirror.runs import Outcome, json_report, metrics, text
from confluence_mirror.runs.outcome import part_of_run
from confluence_mirror.runs.report import RunReport
from confluence_mirror.settings import Settings
from confluence_mirror.wording import counted

log = logging.getLogger(__name__)

_TERMINATION_LOG = Path("/dev/termination-log")


def publish(outcome: Outcome, settings: Settings, *, tour: bool = False) -> Exit:
    """Results, summary, report, metrics and the kubelet's message. The exit code: what cannot be
    written turns a success into 74. On a ``tour`` the summary is a result."""
    report = copy(outcome.report)
    if outcome.drift is not None:
        with part_of_run(report):
            terminal.say("\n".join(map(terminal.one_line, outcome.drift.lines())))
    _record(report, settings)
    recorded = report.exit_code
    with part_of_run(report):
        if report.plan:
            terminal.say(text.plan(report))
        if tour:
            terminal.say(text.summary(report))
    if report.exit_code != recorded:
        _record(report, settings)
    if not tour or report.exit_code != recorded:
        _tell_end(report, settings)
    if settings.output.pushgateway_url:
        ca_bundle = str(settings.net.ca_bundle) if settings.net.ca_bundle else None
        if warning := metrics.push(report, settings.output.pushgateway_url, ca_bundle):
            log.warning("%s", warning)
    _tell_kubelet(report)
    return report.exit_code or Exit.OK


def ask_to_purge(site: str, stop: Stop, place: str, chunks: int) -> None:
    """A person at a terminal says yes. Raises ``Refused``."""
    terminal.tell(
        f"This removes the {counted(chunks, 'chunk')} of site {site} from"
        f" {place}, and the collections that its rotations left. Type yes to go on:",
        "info",
    )
    if terminal.read_line(stop.check).strip().lower() != "yes":
        raise Refused(
            "--purge was not confirmed; nothing was removed.", hint="Type yes, or add --yes."
        )


def _tell_end(report: RunReport, settings: Settings) -> None:
    if settings.output.log_format == "json":
        level: terminal.Level = "error" if report.exit_code else "info"
        line = report.mask(text.last_line(report))
        terminal.tell(line, level, **json_report.to_log(report))
    else:
        terminal.tell(text.summary(report))


def _record(report: RunReport, settings: Settings) -> None:
    with part_of_run(report):
        if settings.output.report:
            json_report.write(report, settings.output.report)
        if settings.output.metrics_file:
            metrics.write_file(report, settings.output.metrics_file)


def _tell_kubelet(report: RunReport) -> None:
    """Two lines that ``kubectl describe`` shows. The file is there in a pod only."""
    with contextlib.suppress(OSError):  # a courtesy: the exit code is what counts
        if _TERMINATION_LOG.is_file():
            _TERMINATION_LOG.write_text(text.termination_message(report), encoding="utf-8")
