"""Random nights over the gateway and a Vector API: many short stories, each from a seed that a
failure names."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.conftest import AT_ONCE, Nurseries
from tests.crash.random_nights import Story

MINUTES = float(os.environ.get("RANDOM_MINUTES", "0"))
"""How long new seeds are tried; 0: the same few each time."""
SEED = int(os.environ.get("RANDOM_SEED", "0"))
"""The first of the new seeds; 0: by the clock."""
NIGHTS = 8


def seeds() -> Iterator[int]:
    if not MINUTES:
        yield from range(1, 7)
        return
    end = time.monotonic() + 60 * MINUTES
    seed = SEED or random.SystemRandom().randrange(10**6, 10**9)
    while time.monotonic() < end:
        yield seed
        seed += 1


@pytest.mark.crash
def test_after_random_nights_the_store_is_what_a_run_from_scratch_makes(
    nurseries: Nurseries, tmp_path: Path
) -> None:
    left, lock = seeds(), threading.Lock()
    wrong: list[str] = []
    told: list[int] = []

    def tell_stories() -> None:
        with nurseries.one() as nursery:
            while len(wrong) < 3:
                with lock:
                    seed = next(left, None)
                if seed is None:
                    return
                folder = tmp_path / str(seed)
                try:
                    Story(seed, nursery, folder).tell(NIGHTS)
                except AssertionError as error:
                    wrong.append(str(error))
                told.append(seed)
                shutil.rmtree(folder, ignore_errors=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for worker in [pool.submit(tell_stories) for _ in range(AT_ONCE)]:
            worker.result()
    print(
        f"{len(told)} stories of {NIGHTS} nights, seeds {min(told)} to {max(told)}: {len(wrong)} went wrong"
    )
    assert not wrong, "\n\n".join(wrong)
