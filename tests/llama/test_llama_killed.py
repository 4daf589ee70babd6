"""Runs killed on a real server: the next run restores the mirror. ``make test-llama``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.elsewhere import Elsewhere, before_and_after
from tests.crash.nursery import Nursery
from tests.crash.test_other_stores import rows_of
from tests.llama.real import RealServer, servers

pytestmark = pytest.mark.llama

if not servers():
    pytest.skip("no real server is named in LLAMA_STACK_SERVERS", allow_module_level=True)


@pytest.mark.parametrize("kind", servers(), ids="-".join)
def test_killed_at_ten_instants_a_real_server_is_restored(
    kind: tuple[str, str], tmp_path: Path
) -> None:
    with (
        RealServer(*kind, tmp_path / "server") as server,
        before_and_after() as (before, after),
        Nursery() as nursery,
    ):
        settings = {"STORE": "llama", "LLAMA_BASE_URL": server.base_url}
        scene = Elsewhere(before, after, settings, lambda _, name: rows_of(server.store(), name))
        for nth, _ in scene.prepare(nursery, tmp_path):
            scene.restored(nursery, tmp_path, nth)
