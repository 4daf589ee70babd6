"""A run as metrics: a file in the Prometheus text format, and a push to a Pushgateway.

Names are gauges of the last run. The time of the last success is written on success alone: a
Pushgateway keeps the older one, and so does the file, so that "no success for 26 hours" can be
told.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluence_mirror.errors import Exit, SyncError
from confluence_mirror.net.reachability import NoAnswer
from confluence_mirror.net.session import Session
from confluence_mirror.runs.report import RunReport
from confluence_mirror.whole_files import is_device, write_whole

JOB = "confluence-sync"
_PUSH_SECONDS = 10.0
_SUCCESS = "confluence_sync_last_success_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge with its samples: values of the one label, or the empty one, to numbers."""

    name: str
    help: str
    label: str
    samples: dict[str, float]


def metrics(report: RunReport) -> list[Metric]:
    """The metrics of a run that has ended."""
    statuses: dict[str, float] = {}
    for by_status in report.requests.values():
        for status, count in by_status.items():
            statuses[status] = statuses.get(status, 0) + count
    ended = report.finished.timestamp() if report.finished else 0.0
    found = [
        Metric(
            "confluence_sync_pages",
            "Pages of the last run, by what became of them.",
            "outcome",
            {**report.page_counts()},
        ),
        Metric(
            "confluence_sync_comments",
            "Threads of comments of the last run, by what became of them.",
            "outcome",
            {**report.child_counts().get("comment", {})},
        ),
        Metric(
            "confluence_sync_files",
            "Attached files of the last run, by what became of them.",
            "outcome",
            {**report.child_counts().get("attachment", {})},
        ),
        Metric(
            "confluence_sync_chunks",
            "Chunks of the last run, by what became of them.",
            "outcome",
            {**report.chunk_counts()},
        ),
        Metric(
            "confluence_sync_documents",
            "Documents that the last run wrote, moved or removed in the tree.",
            "outcome",
            {**report.document_counts()} if report.tree else {},
        ),
        Metric(
            "confluence_sync_unreadable_files",
            "Attached files that have no text though they should.",
            "",
            {"": len(report.unreadable)},
        ),
        Metric(
            "confluence_sync_embeddings",
            "Texts that the last run embedded.",
            "",
            {"": report.embeddings},
        ),
        Metric(
            "confluence_sync_requests",
            "Requests of the last run to the gateway.",
            "status",
            statuses,
        ),
        Metric(
            "confluence_sync_retries",
            "Requests of the last run that were retries.",
            "",
            {"": report.retries},
        ),
        Metric(
            "confluence_sync_waited_seconds",
            "What the last run waited for rate limits.",
            "",
            {"": report.waited_s},
        ),
        Metric(
            "confluence_sync_duration_seconds",
            "How long the last run took.",
            "",
            {"": report.seconds},
        ),
        Metric(
            "confluence_sync_phase_seconds",
            "How long each phase of the last run took.",
            "phase",
            {**report.phases},
        ),
        Metric(
            "confluence_sync_exit_code",
            "How the last run ended; 0 is success.",
            "",
            {"": report.exit_code or 0},
        ),
        Metric(
            "confluence_sync_last_run_timestamp_seconds",
            "When the last run ended.",
            "",
            {"": ended},
        ),
    ]
    if report.exit_code == Exit.OK:
        found.append(Metric(_SUCCESS, "When the last successful run ended.", "", {"": ended}))
    return [metric for metric in found if metric.samples]


def _identity(report: RunReport) -> dict[str, str]:
    """Labels that tell mirrors apart; never a pod's name, which is another one each night."""
    return {"site": report.site_id, "collection": report.collection}


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_quoted(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {float(value)!r}"


def exposition(report: RunReport, former: str = "") -> str:
    """The Prometheus text format; of a ``former`` file the time of the last success is kept."""
    identity = _identity(report)
    lines: list[str] = []
    for metric in metrics(report):
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} gauge"]
        for value, number in metric.samples.items():
            lines.append(
                _sample(
                    metric.name, identity | ({metric.label: value} if metric.label else {}), number
                )
            )
    if report.exit_code != Exit.OK:
        kept = re.findall(rf"^(?:# (?:HELP|TYPE) )?{_SUCCESS}[ {{].*$", former, re.MULTILINE)
        lines += kept
    return "\n".join(lines) + "\n"


def write_file(report: RunReport, path: Path) -> None:
    """Write ``METRICS_FILE``. Raises ``StateUnusable``."""
    former = ""
    with contextlib.suppress(
        OSError
    ):  # nothing to keep; whether it can be written is another question
        former = "" if is_device(path) else path.read_text(encoding="utf-8", errors="replace")
    write_whole(path, report.mask(exposition(report, former)), "the metrics file")


class _Collector:
    """What the official client asks for."""

    def __init__(self, report: RunReport) -> None:
        self._report = report

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        for metric in metrics(self._report):
            family = GaugeMetricFamily(
                metric.name, metric.help, labels=[metric.label] if metric.label else []
            )
            for value, number in metric.samples.items():
                family.add_metric([value] if metric.label else [], number)
            yield family


def push(report: RunReport, url: str, ca_bundle: str | None = None) -> str | None:
    """Push to a Pushgateway; the warning, where that failed, since metrics are no reason to fail a
    run.

    Metrics of one group that this run does not name stay as they are (``pushadd``), so that the
    time of the last success outlives a failed night. The group is job, site and collection: two
    mirrors do not overwrite each other.
    """
    try:
        from prometheus_client import CollectorRegistry, pushadd_to_gateway
    except ImportError:
        return (
            "PUSHGATEWAY_URL is set, but prometheus-client is not installed; in the checkout of"
            " this program: pip install '.[metrics]'"
        )
    registry = CollectorRegistry()
    registry.register(_Collector(report))
    failures: list[str] = []
    try:
        pushadd_to_gateway(
            url,
            job=JOB,
            registry=registry,
            grouping_key=_identity(report),
            handler=_handler(ca_bundle, failures),
        )
    except (SyncError, ValueError) as error:
        failures.append(str(error))
    if not failures:
        return None
    return report.mask(
        f"the metrics could not be pushed ({failures[0]}); the run itself is not affected"
    )


def _handler(ca_bundle: str | None, failures: list[str]) -> Callable[..., Callable[[], None]]:
    """What the official client sends by. Faults are noted, whatever they are: an answer of garbage
    is one too."""

    def handler(
        *, url: str, method: str, headers: Sequence[tuple[str, str]], data: bytes, **_: object
    ) -> Callable[[], None]:
        def send() -> None:
            session = Session(
                url, variable="PUSHGATEWAY_URL", timeout=_PUSH_SECONDS, ca_bundle=ca_bundle
            )
            try:
                reply = session.send(method, "", content=data, headers=dict(headers))
                if reply.status >= 300:
                    failures.append(f"{session.host} answers {reply.status}")
            except NoAnswer as failed:
                failures.append(f"{failed.reason}. {failed.hint}")
            finally:
                session.close()

        return send

    return handler
