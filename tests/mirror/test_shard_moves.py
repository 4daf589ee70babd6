"""A page that moves from the space of one shard to that of another, with one of them at work."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.mirror.harness import content
from tests.mirror.test_shards_machine import ShardsMachine


class Moved:
    """A page in a space of ``former`` that has moved to one of ``taker``."""

    def __init__(self, machine: ShardsMachine) -> None:
        self.run = machine.run_shard
        self._machine = machine
        site = machine.gateway.site
        shards = {str(each): shard for each, shard in self._ask("SELECT id, shard FROM cs_space")}
        for page in machine.ids.values():
            self.former = shards[str(site.get(page).space_id)]
            others = [
                each.key for each in site.spaces.values() if shards[str(each.id)] != self.former
            ]
            if others:
                break
        self.page = page
        site.move_space(page, others[0])
        self.taker = shards[str(site.get(page).space_id)]

    def holders(self) -> list[int]:
        """The shards that record the page."""
        of_page = "SELECT shard FROM cs_page p JOIN cs_generation g ON g.id = p.generation"
        return [shard for (shard,) in self._ask(f"{of_page} WHERE p.id = '{self.page}'")]

    def is_found(self) -> bool:
        """Whether it is in the store."""
        rows = content(self._machine.store).values()
        return any(str(metadata["page_id"]) == str(self.page) for _, metadata in rows)

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        file = self._machine.folder / "state" / "manifest.db"
        with closing(sqlite3.connect(file)) as database:
            return database.execute(statement).fetchall()


@pytest.fixture
def moved() -> Iterator[Moved]:
    machine = ShardsMachine()
    machine.begin()
    yield Moved(machine)
    machine.teardown()


def test_the_former_shard_lets_a_moved_page_go_and_leaves_it_in_the_store(moved: Moved) -> None:
    held = moved.holders()
    assert moved.run(moved.former)
    assert moved.is_found()
    assert moved.run(moved.taker)
    assert (len(held), len(moved.holders())) == (1, 1)
    assert moved.holders() != held


def test_a_moved_page_is_taken_from_its_former_shard_and_recorded_once(moved: Moved) -> None:
    held = moved.holders()
    assert moved.run(moved.taker)
    assert moved.is_found()
    assert (len(held), len(moved.holders())) == (1, 1)
    assert moved.holders() != held
