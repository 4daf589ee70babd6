"""The log: lines for people, or a JSON object a line; credentials masked as the last line of
defence.

Only this program's own loggers follow ``LOG_LEVEL``. Those of libraries stay at WARNING whatever it
says: at DEBUG they write whole URLs and headers.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from confluence_mirror import terminal
from confluence_mirror.status_line import STATUS

LOGGER = "confluence_mirror"
_LINE_BYTES = 15_000
"""Container runtimes cut lines at 16 kB."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Mask:
    """Puts ``***`` in the place of every secret in a text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: tuple[str, ...] = ()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Know these, too."""
        # Longest first, so that no rest of a longer one remains; what is shorter than 4 would tear
        # words apart.
        known = {*self._secrets, *(secret for secret in secrets if len(secret) >= 4)}
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _masked_event(
    record: logging.LogRecord, formatter: logging.Formatter, mask: Mask
) -> tuple[str, dict[str, Any], str]:
    """A record's message, the fields given with ``extra``, and its traceback; masked."""
    message = mask(record.getMessage())
    fields: dict[str, Any] = {}
    for key, value in vars(record).items():
        if key not in _STANDARD and not key.startswith("_"):
            fields[key] = value if isinstance(value, int | float | None) else mask(str(value))
    trace = (
        mask(terminal.plain(formatter.formatException(record.exc_info))) if record.exc_info else ""
    )
    return message, fields, trace


def _format_time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _truncate_bytes(text: str, size: int = _LINE_BYTES) -> str:
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= size else encoded[:size].decode("utf-8", "ignore") + "…"


class _Text(logging.Formatter):
    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        message, fields, trace = _masked_event(record, self, self._mask)
        rest = "".join(f" {key}={value}" for key, value in fields.items())
        line = _truncate_bytes(
            f"{_format_time(record)} {record.levelname:7} {terminal.escaped(message + rest)}"
        )
        return f"{line}\n{trace}" if trace else line


class _Json(logging.Formatter):
    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        message, fields, trace = _masked_event(record, self, self._mask)
        # Our own three keys come first and are not for fields to overwrite.
        line: dict[str, Any] = {
            "ts": _format_time(record),
            "level": record.levelname.lower(),
            "event": _truncate_bytes(message, 8000),
        }
        line |= {key: value for key, value in fields.items() if key not in line}
        if trace:
            # Its end names the error.
            line["traceback"] = trace[-4000:]
        text = terminal.escaped_json(json.dumps(line, ensure_ascii=False))
        if len(text.encode("utf-8", "replace")) > _LINE_BYTES:
            short = {key: line[key] for key in ("ts", "level", "event")}
            text = terminal.escaped_json(json.dumps(short, ensure_ascii=False))
        return text


class _Handler(logging.StreamHandler[TextIO]):
    """Writes above a progress line that is on the screen. A stream that takes nothing any more
    stops no run."""

    def emit(self, record: logging.LogRecord) -> None:
        with STATUS.lifted():
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 logging's name
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def configure_logging(
    format: Literal["text", "json"],
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    stream: TextIO,
    secrets: Iterable[str] = (),
) -> Mask:
    """Set up logging for the whole program; the mask serves what is written elsewhere (the report,
    a summary).

    Calling it again replaces what it set up before.
    """
    mask = Mask(secrets)
    handler = _Handler(stream)
    handler.setFormatter(_Json(mask) if format == "json" else _Text(mask))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(level)
    logging.captureWarnings(True)
    return mask
