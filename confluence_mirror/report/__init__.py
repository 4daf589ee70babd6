"""What a run did: the summary, the JSON report, metrics and progress."""

from confluence_mirror.report.progress import Line, LogLines, Progress, Silent, progress_on
from confluence_mirror.report.run import SCHEMA_VERSION, Command, Failure, Planned, RunReport

__all__ = [
    "SCHEMA_VERSION",
    "Command",
    "Failure",
    "Line",
    "LogLines",
    "Planned",
    "Progress",
    "RunReport",
    "Silent",
    "progress_on",
]
