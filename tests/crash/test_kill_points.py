"""Killed at any instant, the next run makes the store what a run from scratch would make it
(invariant 2).

Nothing that was recorded as confirmed is sent again, and nothing is left lying about.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway
from tests.crash.conftest import Nurseries
from tests.crash.nursery import Nursery
from tests.crash.scene import VARIANTS, Scene, killed_by, twelve_pages
from tests.crash.trap import Trap
from tests.selection import only_quick

Tell = Callable[[int, Sequence[str]], None]


@contextmanager
def scene(name: str, nurseries: Nurseries, folder: Path) -> Iterator[Scene]:
    with SampleGateway(twelve_pages()) as gateway:
        with nurseries.one() as nursery:
            made = Scene(VARIANTS[name], gateway, nursery, folder)
        yield made


def instants(made: Scene) -> list[int]:
    """The first moment, and every one after something was done: what lies between two of them
    changes nothing."""
    return [n for n, what in enumerate(made.moments, 1) if n == 1 or what.startswith("after")]


def killed_at(made: Scene, folder: Path) -> Callable[[Nursery, int], None]:
    def attempt(nursery: Nursery, nth: int) -> None:
        with made.at_nightfall(folder / str(nth)) as night:
            ended = night.run(nursery, Trap(nth))
            assert killed_by(ended), (
                f"{made.moments[nth - 1]}: it ended with {ended.code}\n{ended.err}"
            )
            night.restored(nursery)

    return attempt


@pytest.mark.crash
@pytest.mark.parametrize("name", VARIANTS)
def test_killed_at_every_request_and_every_commit_the_next_run_restores_the_mirror(
    name: str, nurseries: Nurseries, tmp_path: Path, tell: Tell
) -> None:
    with scene(name, nurseries, tmp_path) as made:
        points = instants(made)
        tell(len(points), nurseries.each(points, killed_at(made, tmp_path)))


@pytest.mark.crash
@pytest.mark.parametrize("name", ["underscore", "dash, rotation"])
def test_terminated_at_every_request_and_every_commit_it_leaves_nothing_in_doubt(
    name: str, nurseries: Nurseries, tmp_path: Path, tell: Tell
) -> None:
    with scene(name, nurseries, tmp_path) as made:
        points = [n for n, what in enumerate(made.moments, 1) if what.startswith("before")]
        tell(len(points), nurseries.each(points, terminated_at(made, tmp_path)))


def terminated_at(made: Scene, folder: Path) -> Callable[[Nursery, int], None]:
    def attempt(nursery: Nursery, nth: int) -> None:
        with made.at_nightfall(folder / f"term-{nth}") as night:
            ended = night.run(nursery, Trap(nth, signal.SIGTERM))
            assert ended.code in (0, 143), (
                f"{made.moments[nth - 1]}: it ended with {ended.code}\n{ended.err}"
            )
            assert "Traceback" not in ended.err, ended.err
            assert not night.in_doubt(), (
                f"{made.moments[nth - 1]}: the batch in hand was not finished"
            )
            night.restored(nursery)

    return attempt


FAULTS = {
    "a write is applied and its answer lost": ("lose_answer_next", False),
    "half of a write is applied and its answer lost": ("half_next", False),
    "a write is applied, and the run dies before the answer": ("lose_answer_next", True),
    "half of a write is applied, and the run dies before the answer": ("half_next", True),
}


def broken_at(made: Scene, folder: Path) -> Callable[[Nursery, tuple[int, str, bool]], None]:
    def attempt(nursery: Nursery, point: tuple[int, str, bool]) -> None:
        nth, switch, dies = point
        with made.at_nightfall(folder / f"{switch}-{nth}-{dies}") as night:
            night.on_write[nth] = switch
            ended = night.run(nursery, Trap(on_broken_answer=dies))
            assert killed_by(ended) if dies else ended.code in (0, 69, 75), (
                f"it ended with {ended.code}\n{ended.err}"
            )
            assert "Traceback" not in ended.err, ended.err
            night.restored(nursery)

    return attempt


@pytest.mark.crash
@pytest.mark.parametrize("fault", FAULTS)
def test_the_mirror_is_restored_when(
    fault: str, nurseries: Nurseries, tmp_path: Path, tell: Tell
) -> None:
    tried, wrong = 0, []
    for number, name in enumerate(VARIANTS):
        with scene(name, nurseries, tmp_path / str(number)) as made:
            points = [(nth, *FAULTS[fault]) for nth in range(1, made.writes + 1)]
            wrong += [
                f"{name}: {each}"
                for each in nurseries.each(points, broken_at(made, tmp_path / str(number)))
            ]
            tried += len(points)
    tell(tried, wrong)


@pytest.mark.long
@pytest.mark.parametrize("name", only_quick(["underscore", "dash, rotation"], "underscore"))
def test_killed_at_any_of_a_sample_of_instants_the_next_run_restores_the_mirror(
    name: str, nurseries: Nurseries, tmp_path: Path, tell: Tell
) -> None:
    with scene(name, nurseries, tmp_path) as made:
        late = instants(made)[-16:]
        points = [*late[::2], *instants(made)[4:8:2]]
        tell(len(points), nurseries.each(points, killed_at(made, tmp_path)))
