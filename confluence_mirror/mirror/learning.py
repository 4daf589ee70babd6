"""What servers take at once is learned in one run and known in the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from confluence_mirror.errors import StateUnusable
from confluence_mirror.manifest import Manifest
from confluence_mirror.mirror.ports import Learner


@contextmanager
def learning(manifest: Manifest, learners: Sequence[Learner]) -> Iterator[None]:
    """Those who learn begin with what is known; what they know afterwards is remembered, however
    the run ends."""
    usual = {learner.learned_as: learner.learned() for learner in learners}
    for learner in learners:
        learner.recall(manifest.known(learner.learned_as) or "")
    try:
        yield
    finally:
        with suppress(StateUnusable):  # what went wrong first is told
            for name, learner in ((learner.learned_as, learner) for learner in learners):
                if learner.learned() != (manifest.known(name) or usual[name]):
                    manifest.remember(name, learner.learned())
