"""What is printed: nothing that came from outside can command a terminal, forge a line or break the
stream.

Titles, labels, names and error texts are foreign. In a terminal an escape sequence clears the
screen, sets the title or the clipboard; a control character of the C1 range begins one too, and a
bidirectional override turns a line around.

Results go to the standard output (``say``), all else to the standard error (``tell``): lines,
or a JSON object each where the log is JSON.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import re
import select
import sys
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Literal, TextIO, TypeAlias

from confluence_mirror.errors import StateUnusable
from confluence_mirror.status_line import STATUS

Level: TypeAlias = Literal["info", "warning", "error"]

_LOOK_S = 0.2
_BOLD, _NOT_BOLD = "\x1b[1m", "\x1b[22m"
_JOINERS = "\u200c\u200d"
"""Persian words and emoji need them, and a terminal does nothing but draw by them."""
_IN_ASCII = {"·": "-", "–": "-", "—": "-", "…": "...", "“": '"', "”": '"', "’": "'", "→": "->"}
"""What stands for our own punctuation where an encoding lacks it; ``?`` for everything else."""
_tells_json = False


def plain(text: str) -> str:
    """Lines that a terminal shows and never obeys: a space in the place of each character that it
    cannot print."""
    return "\n".join(
        "".join(char if _is_harmless(char) else " " for char in line) for line in text.split("\n")
    )


def one_line(text: str) -> str:
    """``plain``, with a space in the place of each line break."""
    return plain(text).replace("\n", " ")


def escaped(text: str) -> str:
    """One line in which what cannot be printed stands as its escape (``\\x1b``, ``\\n``): for the
    log."""
    if text.isprintable():
        return text
    return "".join(
        char if _is_harmless(char) else char.encode("unicode_escape").decode() for char in text
    )


def escaped_json(text: str) -> str:
    """JSON of the same meaning in which what cannot be printed stands as its escape (``json.dumps``
    lets DEL, C1 and overrides through). Line breaks between its parts stay."""
    return re.sub(
        r"[^ -~\n]",
        lambda found: found[0] if _is_harmless(found[0]) else _unit_escapes(found[0]),
        text,
    )


def say(text: str) -> bool:
    """Print lines of a result on the standard output.

    False where the reader went away: it has seen enough. Raises ``StateUnusable`` where the
    standard output cannot be written.
    """
    return write_line(plain(text), sys.stdout)


def tell_json(yes: bool) -> None:
    """Whether ``tell`` writes JSON from now on, as the log does."""
    global _tells_json
    _tells_json = yes


def tell(text: str, level: Level = "error", **fields: Any) -> None:
    """Print lines on the standard error: errors, questions, how a run ended. ``fields`` stand in
    the JSON object alone. A stream that takes nothing any more is passed over."""
    write_line(told(text, level, **fields), sys.stderr)


def told(text: str, level: Level = "error", **fields: Any) -> str:
    """What ``tell`` prints."""
    if not _tells_json:
        return plain(text)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    line = {"ts": now, "level": level, "event": text} | fields
    return escaped_json(json.dumps(line, ensure_ascii=False))


def say_marked(parts: Iterable[tuple[str, bool]]) -> bool:
    """``say`` for the parts of a text at a terminal, each with whether it is in bold."""
    shown = (f"{_BOLD}{plain(text)}{_NOT_BOLD}" if bold else plain(text) for text, bold in parts)
    return write_line("".join(shown), sys.stdout)


def write_line(text: str, stream: TextIO) -> bool:
    """``say`` for another stream, and for a text that is harmless."""
    try:
        with STATUS.lifted():
            print(text, file=stream, flush=True)
    except BrokenPipeError:
        _give_up(stream)
        return False
    except OSError as error:
        _give_up(stream)
        if stream is not sys.stderr:
            raise StateUnusable(
                f"The standard output cannot be written ({error.strerror}).",
                hint="Make room where it goes to.",
            ) from None
    return True


def read_line(check: Callable[[], None]) -> str:
    """The line that a person types, with its end. ``check`` is called meanwhile; what it raises
    ends the wait."""
    with STATUS.lifted():
        while not select.select([sys.stdin], [], [], _LOOK_S)[0]:
            check()
        return sys.stdin.readline()


def prepare() -> None:
    """Make the standard streams of this process such as cannot break it.

    A closed one becomes the null device: the next file that is opened would take its number, and be
    printed into. What a stream's encoding lacks is replaced.
    """
    codecs.register_error("confluence_mirror", _replace)
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(opened)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 descriptors are no paths
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="confluence_mirror")
        with contextlib.suppress(OSError, ValueError):
            os.set_blocking(
                stream.fileno(), True
            )  # whoever shares it may have left it so that writes fail


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(char, "?") for char in lacking), error.end


def flush() -> OSError | None:
    """Write out what is buffered; why the standard output could not be, if so. The interpreter's
    end has nothing to complain of then."""
    _flush_stream(sys.stderr)
    return _flush_stream(sys.stdout)


def _flush_stream(stream: TextIO) -> OSError | None:
    try:
        stream.flush()
    except OSError as error:
        _give_up(stream)
        return None if isinstance(error, BrokenPipeError) else error
    return None


def _give_up(stream: TextIO) -> None:
    """What is in its buffer and what comes after goes nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs"


def _unit_escapes(char: str) -> str:
    data = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at] << 8 | data[at + 1]:04x}" for at in range(0, len(data), 2))
