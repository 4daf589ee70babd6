"""A rotation is a removal of everything that it does not write again: it passes the same
evidence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from confluence_mirror.errors import Refused
from confluence_mirror.mirror.window import PlanSettings
from tests.mirror.conftest import body
from tests.mirror.harness import Bench, content
from tests.mirror.test_evidence import LISTING, drop_rows
from tests.mirror.test_nights import page
from tests.servers.memory_store import APPEND_ONLY, MemoryStore

Make = Callable[..., Bench]


def test_a_listing_that_is_cut_short_while_a_new_collection_is_built_leaves_readers_on_the_old_one(
    make: Make, tmp_path: Path
) -> None:
    store = MemoryStore(APPEND_ONLY)
    # Without labels nobody asks the index, which would name the pages that are missing.
    bench = make(store=store, settings=PlanSettings(labels=False))
    bench.run()
    old = content(store)
    bench.site.edit(page(bench.site, "Page 4"), body(71))
    short = bench.gateway.fault(
        LISTING, nth=3, change=drop_rows
    )  # two plans before it, the third is the new one's
    with pytest.raises(Refused, match="without evidence"):
        bench.run()
    assert short.hits == 1
    assert (bench.state / "CURRENT_COLLECTION").read_text().strip() == "confluence"
    assert content(store) == old
    bench.gateway.clear()
    bench.run()
    pointer = (bench.state / "CURRENT_COLLECTION").read_text().strip()
    fresh = content(bench.fresh(tmp_path / "fresh"), exact=False)
    assert content(store, pointer, exact=False) == fresh
