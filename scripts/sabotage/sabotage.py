"""What is broken on purpose: each is one exact replacement in one file of the package.

A pattern stands exactly once in its file (a test checks it), so a program that has moved on is
noticed at once instead of testing nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIRROR = (
    "tests/crash/test_order.py",
    "tests/mirror/test_evidence.py",
    "tests/mirror/test_odd_rows.py",
    "tests/mirror/test_nights.py",
    "tests/traps/test_manners.py",
    "tests/traps/test_failures.py",
    "tests/mirror/test_machine.py",
    "tests/crash/test_kill_points.py",
)
"""Quick ones first: the first test that fails is the one that is named."""
FLOW = ("tests/traps/test_failures.py", "tests/job", "tests/mirror")
SOURCE = ("tests/confluence", "tests/traps/test_manners.py")


@dataclass(frozen=True)
class Sabotage:
    """What is broken, and where."""

    name: str
    promise: str
    """Place of the promise that it breaks in the table of docs/contributing/reliability.md."""
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = MIRROR

    def applied(self, package: Path) -> str:
        """The broken text of its file, or ValueError where what it replaces is not there once."""
        text = (package / self.file).read_text(encoding="utf-8")
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"its text stands {found} times in {self.file}")
        broken = text.replace(self.old, self.new)
        if "datetime" in self.new:
            first = "\nfrom collections.abc"
            times = "\nfrom datetime import UTC, datetime, timedelta"
            broken = broken.replace(first, times + first, 1)
        return broken
