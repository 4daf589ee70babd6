"""What servers take at once is learned in one run and known in the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from confluence_mirror.errors import StateUnusable
from confluence_mirror.manifest import Manifest
from confluence_mirror.mirror.ports import LimitLearner


@contextmanager
def learned_limits(manifest: Manifest, learners: Sequence[LimitLearner]) -> Iterator[None]:
    """Those who learn begin with what is known; what they know afterwards is remembered, however
    the run ends."""
    usual = {learner.limit_key: learner.learned_limit() for learner in learners}
    for learner in learners:
        learner.restore_limit(manifest.read_known(learner.limit_key) or "")
    try:
        yield
    finally:
        with suppress(StateUnusable):  # what went wrong first is told
            for name, learner in ((learner.limit_key, learner) for learner in learners):
                if learner.learned_limit() != (manifest.read_known(name) or usual[name]):
                    manifest.record_known(name, learner.learned_limit())
