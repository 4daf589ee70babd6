"""Invariant 8: what a store can do, and whose collection it is."""

from __future__ import annotations

from scripts.sabotage.sabotage import Sabotage

JUDGEMENT_BREAKS: tuple[Sabotage, ...] = (
    Sabotage(
        "rows that do not show their scope are removed unasked",
        "8",
        "mirror/planner.py",
        "        if unplaced and not self._settings.scope_meant:\n",
        "        if False:\n",
        ("tests/mirror/test_whose.py",),
    ),
    Sabotage(
        "a store's failure is taken for what it cannot do",
        "8",
        "stores/waiting.py",
        "    return answer.status >= 500 and answer.status != NOT_IMPLEMENTED\n",
        "    return False\n",
        ("tests/stores/test_vector_api_learning.py", "tests/stores/test_discover.py"),
    ),
    Sabotage(
        "what one trial does not show is denied",
        "8",
        "stores/vector_api/learn.py",
        "            if can is not None and can in (before, ALL):\n",
        "            if can is not None:\n",
        ("tests/stores/test_vector_api_learning.py",),
    ),
    Sabotage(
        "a changed scope is accepted",
        "8",
        "mirror/scope_change.py",
        "    if change.removes and not change_meant and record.page_count():\n",
        "    if False:\n",
        ("tests/job/test_two_jobs.py", "tests/mirror"),
    ),
    Sabotage(
        "two runs of one mirror are let in",
        "8",
        "manifest/locks.py",
        "    while not take():\n",
        "    while not take() and False:\n",
        ("tests/manifest", "tests/job/test_two_jobs.py"),
    ),
)
