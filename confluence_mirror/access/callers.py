"""What may be read to somebody who asks."""

from __future__ import annotations

from collections.abc import Mapping

from confluence_mirror.access.conjunctions import Conjunction
from confluence_mirror.model import Caller, group_principal, user_principal


def satisfied_keys(recorded: Mapping[str, Conjunction], caller: Caller) -> frozenset[str]:
    """Keys of the recorded conjunctions that a caller satisfies.

    A conjunction that is recorded under another key than its own lets nobody read.
    """
    if not caller.active or not caller.account_id:
        return frozenset()
    who = {user_principal(caller.account_id), *map(group_principal, caller.groups)}
    return frozenset(
        key
        for key, conjunction in recorded.items()
        if conjunction.key == key and conjunction.admits(who)
    )
