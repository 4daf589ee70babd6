"""What a query prints: results for a person, or JSON for a program."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterator
from copy import copy
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from confluence_mirror import terminal
from confluence_mirror.errors import Exit, SyncError, WrongUsage
from confluence_mirror.logs import Mask
from confluence_mirror.model import CHILD_TYPES
from confluence_mirror.runs import Mirror, Outcome
from confluence_mirror.runs.outcome import part_of_run
from confluence_mirror.search import Answer, Question, SearchResult

LONGEST_QUESTION = 65_536
"""Bytes of a line of the standard input."""
_SHOWN_OF_NO_QUESTION = 200
"""Characters."""
_INDENT = "   "

Marked: TypeAlias = tuple[str, bool]
"""A part of a text, and whether it is a word of the question."""


@dataclass(frozen=True, slots=True)
class View:
    """How an answer is printed."""

    json: bool = False
    """One object instead of lines."""
    full: bool = False
    """Whole texts instead of passages around what matched."""


def publish_answer(outcome: Outcome, view: View) -> Exit:
    """Print the answer, and why there is none. A search is no run that is reported on: the report
    of the last one stays."""
    report = copy(outcome.report)
    if outcome.answer is not None:
        if outcome.answer.note and not view.json:
            terminal.tell(terminal.one_line(outcome.answer.note), "info")
        with part_of_run(report):
            if view.json:
                terminal.say(_to_json(outcome.answer))
            else:
                terminal.say_marked(_lines_of(outcome.answer, view, bold=_shows_bold()))
    if report.problem:
        problem = report.mask(f"{report.problem} {report.hint}".rstrip())
        terminal.tell(terminal.one_line(problem), exit_code=int(report.exit_code or Exit.OK))
    return report.exit_code or Exit.OK


def answer_lines(
    mirror: Mirror, asked: Question, mask: Mask, *, as_user: str | None = None
) -> Exit:
    """Answer each line of the standard input with a line of JSON; ``asked`` says how much.

    A line that cannot be a question is answered with an error. What stands in the way of every
    answer (no store, no collection) ends it after the first line that meets it: raises the
    ``SyncError``.
    """
    session = mirror.open_search()
    try:
        for line, problem in _read_lines():
            try:
                if problem:
                    raise WrongUsage(problem)
                answer = _to_json(session.ask(replace(asked, text=line), as_user=as_user))
            except WrongUsage as error:
                answer = _error_to_json(line, mask(str(error)))
            except SyncError as error:
                terminal.say(_error_to_json(line, mask(str(error))))
                raise
            if not terminal.say(answer):
                break  # nobody reads any more
    finally:
        session.close()
    return Exit.OK


def _read_lines() -> Iterator[tuple[str, str]]:
    """Lines of the standard input as they come, each with the reason why it is no question."""
    source = sys.stdin.buffer
    while data := source.readline(LONGEST_QUESTION):
        problem = ""
        try:
            line = data.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError:
            line, problem = data.decode("utf-8", "replace").rstrip(), "A question is UTF-8 text."
        if len(data) == LONGEST_QUESTION and not data.endswith(b"\n"):
            problem = f"A question is a line of fewer than {LONGEST_QUESTION:,} bytes."
            while (rest := source.readline(LONGEST_QUESTION)) and not rest.endswith(b"\n"):
                pass
        yield (line[:_SHOWN_OF_NO_QUESTION] if problem else line), problem


def _to_json(answer: Answer) -> str:
    content = asdict(answer)
    if not answer.note:
        del content["note"]
    return _json_line(content)


def _error_to_json(query: str, error: str) -> str:
    return _json_line({"query": query, "error": error})


def _json_line(content: dict[str, Any]) -> str:
    """ASCII, so that it is the same whatever the locale."""
    return terminal.escaped_json(json.dumps(content))


def _shows_bold() -> bool:
    """Whether the standard output is a terminal that is not asked for plain text
    (https://no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def _lines_of(answer: Answer, view: View, *, bold: bool) -> Iterator[Marked]:
    if not answer.results:
        yield "nothing found", False
    for number, result in enumerate(answer.results, 1):
        title, heading, url = map(terminal.one_line, (result.title, result.heading, result.url))
        place = f"{title} > {heading}" if heading else title
        gap = "\n\n" if number > 1 else ""
        about = ", ".join([f"{result.score:.2f}", result.why, *_kind_of(result)])
        yield f"{gap}{number}. {place}  ({about})\n{_INDENT}{url}", False
        for text in _texts_of(result, answer.query, view):
            yield "\n", False
            yield from _mark_words(textwrap.indent(text, _INDENT), answer.query if bold else "")


def _kind_of(result: SearchResult) -> list[str]:
    """What hangs on a page, and has its title, says so."""
    return [result.page_type] if result.page_type in CHILD_TYPES else []


def _texts_of(result: SearchResult, query: str, view: View) -> list[str]:
    """What is shown of a result, without the line of title and headings that opens its text."""
    from confluence_mirror.search.excerpt import find_passages
    from confluence_mirror.search.joining import body_of

    text = body_of(result.text, result.title)
    if view.full:
        return [text]
    first, *others = find_passages(text, query) or [text]
    return [first, *(each for other in others for each in ("…", other))]


def _mark_words(text: str, query: str) -> Iterator[Marked]:
    from confluence_mirror.search.excerpt import find_words

    end = 0
    for start, stop in find_words(text, query):
        yield text[end:start], False
        yield text[start:stop], True
        end = stop
    yield text[end:], False
