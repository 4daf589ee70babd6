"""Restrictions, groups and viewers change, pages move below them, runs are killed at any instant:
who is shown what is what Confluence says, after every run that ends well; and no run that was
killed leaves more than that to be shown."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from confluence_mirror.access import load_conjunction, satisfied_keys
from confluence_mirror.errors import SyncError
from confluence_mirror.manifest import Database, Manifest, Record
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import Caller, Filter
from tests.mirror.harness import content
from tests.mirror.test_machine import Killed
from tests.mirror.test_metadata_machine import PLACES, MetadataMachine

GROUPS = ("north", "south")
SOME_GROUPS = st.sets(st.sampled_from(GROUPS))
SOME_PEOPLE = st.sets(st.integers(0, 2))


class AccessMachine(MetadataMachine):
    @initialize()
    def begin(self) -> None:
        super().begin()
        site = self.bench.site
        self.people = [site.add_person(f"Person {at}").account_id for at in range(3)]
        for at, name in enumerate(GROUPS):
            site.add_group(name, self.people[at : at + 1])
        self.bench.settings = PlanSettings(concurrency=1, access=True)
        self.killed = False

    @rule(at=PLACES, groups=SOME_GROUPS, people=SOME_PEOPLE)
    def restrict(self, at: int, groups: set[str], people: set[int]) -> None:
        named = [self.people[each] for each in sorted(people)]
        self.bench.site.restrict_to(self.nodes[at], users=named, groups=sorted(groups))
        self.whole = self.killed = False

    @rule(at=PLACES)
    def open_to_all(self, at: int) -> None:
        self.bench.site.unrestrict(self.nodes[at])
        self.whole = self.killed = False

    @rule(space=st.sampled_from(["OPS", "ZOO"]), groups=SOME_GROUPS, people=SOME_PEOPLE)
    def grant(self, space: str, groups: set[str], people: set[int]) -> None:
        named = [self.people[each] for each in sorted(people)]
        self.bench.site.grant_space(space, users=named, groups=sorted(groups))
        self.whole = self.killed = False

    @rule(name=st.sampled_from(GROUPS), people=SOME_PEOPLE)
    def join(self, name: str, people: set[int]) -> None:
        """Needs no run: groups are asked for with the question."""
        self.bench.site.remove_members(name, self.people)
        self.bench.site.add_members(name, [self.people[each] for each in people])

    def move(self, at: int, below: int) -> None:
        super().move(at, below)
        self.killed = False

    def move_to_the_root_of_a_space(self, at: int, space: str) -> None:
        super().move_to_the_root_of_a_space(at, space)
        self.killed = False

    def night(self) -> None:
        self.whole = self.killed = False
        try:
            self.bench.run()
            self.whole = True
        except Killed:
            self.killed = True
        except SyncError:
            pass
        finally:
            self.countdown = 0
            self.gateway.clear()

    def lose_the_manifest(self) -> None:
        super().lose_the_manifest()
        self.killed = False

    @invariant()
    def nobody_is_shown_what_is_hidden(self) -> None:
        whole, killed = getattr(self, "whole", False), getattr(self, "killed", False)
        if not (whole or killed):
            return
        site = self.bench.site
        pages = {each.id for key in ("OPS", "ZOO") for each in site.current(key)}
        url = f"sqlite:///{self.bench.state / 'manifest.db'}"
        with closing(Database(url, read_only=True)) as database:
            manifest = Manifest(database)
            ids = database.run("SELECT id FROM cs_generation WHERE state = 'current'")
            known = manifest.generations(self.store.kind, self.store.place, "confluence")
            current = [each for each in known if (each.id,) in map(tuple, ids)]
            for account_id in self.people if current else ():
                shown = self.shown_to(manifest.of(current[0]), account_id)
                may = {page for page in pages if site.can_read(account_id, site.get(page))}
                assert shown <= may
                if whole:
                    assert shown == may

    def shown_to(self, record: Record, account_id: str) -> set[str]:
        groups = frozenset(group.id for group in self.bench.site.groups_of(account_id))
        dumped = record.readers.conjunctions()
        recorded = {key: load_conjunction(text) for key, text in dumped.items()}
        keys = satisfied_keys(recorded, Caller(account_id, groups, active=True))
        indexed = set(record.texts.page_ids(Filter(access=tuple(keys)), 1000) or ())
        stored = {
            str(metadata["page_id"])
            for _, metadata in content(self.store).values()
            if metadata.get("access") in keys
        }
        row_keys = record.readers.keys_of(sorted(stored))
        return indexed | {page for page, key in row_keys.items() if key in keys}


@pytest.mark.long
def test_who_is_shown_what_is_what_confluence_says_after_every_run_that_ends_well() -> None:
    run_state_machine_as_test(
        AccessMachine, settings=settings(max_examples=150, stateful_step_count=25, deadline=None)
    )
