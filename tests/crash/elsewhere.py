"""Killed runs on stores whose insides cannot be copied: each point begins with a mirror of its
own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluence_sandbox import SampleGateway
from tests.crash.nursery import Nursery
from tests.crash.scene import a_day, environ, killed_by, twelve_pages
from tests.crash.trap import Trap

POINTS = 10
Content = dict[str, tuple[str, str]]
"""Chunk id → text and metadata."""


@contextmanager
def before_and_after() -> Iterator[tuple[SampleGateway, SampleGateway]]:
    """One site, before the day and after it."""
    later = twelve_pages()
    a_day(later)
    with (
        SampleGateway(twelve_pages(), token="the-same-token") as before,
        SampleGateway(later, token="the-same-token") as after,
    ):
        yield before, after


@dataclass
class Elsewhere:
    """A store and how to read it: ``read`` is given the state folder and the collection's name."""

    before: SampleGateway
    after: SampleGateway
    settings: dict[str, str]
    read: Callable[[Path, str], Content]

    def env(self, gateway: SampleGateway, folder: Path) -> dict[str, str]:
        return environ(gateway, folder) | {"COLLECTION_ID": folder.name} | self.settings

    def prepare(self, nursery: Nursery, folder: Path) -> list[tuple[int, str]]:
        """The store from scratch, and the moments at which a run is to die."""
        ended = nursery.run(folder / "scratch", self.env(self.after, folder / "scratch"))
        assert ended.code == 0, ended.err
        self.expected = self.read(folder / "scratch", "scratch")
        assert nursery.run(folder / "count", self.env(self.before, folder / "count")).code == 0
        counted = nursery.run(folder / "count", self.env(self.after, folder / "count"))
        assert counted.code == 0, counted.err
        assert self.read(folder / "count", "count") == self.expected
        late = [(n, what) for n, what in enumerate(counted.moments, 1) if what.startswith("after")]
        late = late[len(late) // 3 :]
        return [late[number * len(late) // POINTS] for number in range(POINTS)]

    def restored(self, nursery: Nursery, folder: Path, nth: int) -> None:
        """Die at this moment, run once more, and compare."""
        at = folder / f"point-{nth}"
        first = nursery.run(at, self.env(self.before, at))
        assert first.code == 0, f"it ended with {first.code}\n{first.err}"
        killed = nursery.run(at, self.env(self.after, at), Trap(nth))
        assert killed_by(killed), f"it ended with {killed.code}\n{killed.err}"
        again = nursery.run(at, self.env(self.after, at))
        assert again.code == 0, f"it ended with {again.code}\n{again.err}"
        found = self.read(at, at.name)
        assert found.keys() == self.expected.keys()
        assert [key for key in found if found[key] != self.expected[key]] == []
        verified = nursery.run(at, self.env(self.after, at), None, "--verify")
        assert verified.code == 0, verified.out
