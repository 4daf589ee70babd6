"""The steps of the connectivity check, and how they are shown: to a person as they end, to a
machine together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO, TypeAlias

from confluence_mirror import terminal
from confluence_mirror.errors import Exit, SyncError

State: TypeAlias = Literal["ok", "note", "warning", "failed", "skipped"]

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("✓", "+"),
    "note": ("·", "."),
    "warning": ("!", "!"),
    "failed": ("✗", "x"),
    "skipped": ("–", "-"),
}
"""A mark, and the one for terminals that do not know it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One question and its answer."""

    name: str
    state: State
    """``note``: good to know, a sync does not need it."""
    said: str
    next: str = ""
    """The next thing to do, where something is wrong."""
    lines: tuple[str, ...] = ()
    """More, one a line."""
    exit: Exit = Exit.OK
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for machines."""


def failed(name: str, error: SyncError) -> Step:
    """The step that ended with this error."""
    return Step(name, "failed", Exception.__str__(error), error.hint, exit=error.exit)


class Steps:
    """Asks one question after the other, and remembers the answers."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        self._tell = tell
        self.all: list[Step] = []

    def add(self, step: Step) -> bool:
        """A step that has ended; whether it did so without a failure."""
        self.all.append(step)
        self._tell(step)
        return step.state != "failed"

    def ask(self, name: str, question: Callable[[], Step]) -> bool:
        """Ask; an error is an answer too. Whether it ended without a failure."""
        try:
            step = question()
        except SyncError as error:
            step = failed(name, error)
        return self.add(step)

    def skip(self, *names: str, why: str) -> None:
        """Questions that make no sense after what was answered."""
        self.all += [Step(name, "skipped", why) for name in names]
        self._tell(Step("not asked", "skipped", f"{', '.join(names)}: {why}"))

    @property
    def exit(self) -> Exit:
        """That of the first failure, as the job would have ended."""
        return next((step.exit for step in self.all if step.state == "failed"), Exit.OK)

    def to_json(self, mask: Callable[[str], str] = str) -> dict[str, Any]:
        """All answers: ``schema_version`` 1."""
        answers: dict[str, Any] = {
            "schema_version": 1,
            "ok": self.exit == Exit.OK,
            "exit_code": int(self.exit),
            "steps": [
                {
                    "name": step.name,
                    "state": step.state,
                    "said": step.said,
                    "next": step.next,
                    **({"lines": list(step.lines)} if step.lines else {}),
                    **({"facts": dict(step.facts)} if step.facts else {}),
                }
                for step in self.all
            ],
        }
        return {name: _masked(value, mask) for name, value in answers.items()}

    def verdict(self) -> str:
        """The last line."""
        wrong = [step.name for step in self.all if step.state == "failed"]
        if not wrong:
            return "Everything that a sync needs is there."
        return f"Not yet: {', '.join(wrong)} (exit {int(self.exit)})."


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(item, mask) for key, item in value.items()}
    return [_masked(item, mask) for item in value] if isinstance(value, list | tuple) else value


class Printer:
    """Writes each step as it ends: a mark, a name, what was found, and what to do."""

    def __init__(self, stream: TextIO, mask: Callable[[str], str] = str) -> None:
        self._stream = stream
        self.mask = mask
        self._plain = _cannot(stream, "✓✗→–·")

    def __call__(self, step: Step) -> None:
        self.line(f"{_MARKS[step.state][self._plain]} {step.name:<12} {step.said}")
        for more in step.lines:
            self.line(f"{'':14} {more}")
        if step.next:
            self.line(f"{'':14} {'->' if self._plain else '→'} {step.next}")

    def line(self, text: str) -> None:
        """One line: no secret, no control character of a page's title, nothing that the terminal
        cannot show."""
        text = terminal.one_line(self.mask(text))
        encoding = self._stream.encoding or "utf-8"
        terminal.write_line(text.encode(encoding, "replace").decode(encoding), self._stream)


def _cannot(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
