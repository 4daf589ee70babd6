"""The state machine of the mirror, longer: some faults of the write order show only after hundreds
of stories."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.mirror.test_machine import (
    AppendOnly,
    FileStore,
    MirrorMachine,
    UpsertOnly,
    WithoutListing,
)

STORIES = int(os.environ.get("MACHINE_STORIES", "20"))
"""For each kind of store. Twenty take half a minute in all; a few thousand an evening."""


@pytest.mark.crash
@pytest.mark.parametrize(
    "machine", [MirrorMachine, WithoutListing, FileStore, UpsertOnly, AppendOnly]
)
def test_the_store_equals_the_site_after_long_stories(machine: type[MirrorMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=30,
            deadline=None,
            derandomize=False,
            database=None,
        ),
    )
