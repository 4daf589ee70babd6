"""Access: who is shown what."""

from __future__ import annotations

from scripts.sabotage.sabotage import Sabotage

_READERS = ("tests/mirror/test_page_readers.py", "tests/access")
_SEARCH = ("tests/search/test_callers.py",)

ACCESS_BREAKS: tuple[Sabotage, ...] = (
    Sabotage(
        "restrictions are not inherited",
        "9",
        "mirror/page_readers.py",
        "self._viewers.get(ref.space_id), *above, *own]",
        "self._viewers.get(ref.space_id), *own]",
        _READERS,
    ),
    Sabotage(
        "who may view the space does not matter",
        "9",
        "mirror/page_readers.py",
        "self._viewers.get(ref.space_id), *above, *own]",
        "*above, *own, frozenset({'group:staff'})]",
        _READERS,
    ),
    Sabotage(
        "restrictions that are not known count as none",
        "9",
        "mirror/page_readers.py",
        "        if own is None or above is None:\n            return CLOSED\n",
        "        own, above = own or (), above or ()\n",
        _READERS,
    ),
    Sabotage(
        "a page is closed when its chunks are written, not before",
        "9",
        "mirror/shard_pages.py",
        "        plan.readers.record(record, whole=not plan.partial)\n",
        "        pass\n",
        _READERS,
    ),
    Sabotage(
        "a list of restrictions that goes on is taken for whole",
        "9",
        "confluence/restrictions.py",
        "    if lists is None or any(goes_on for _, _, goes_on in lists):\n",
        "    if lists is None:\n",
        ("tests/confluence/test_confluence_readers.py",),
    ),
    Sabotage(
        "the store's word is enough: the record of a page is not asked",
        "9",
        "search/searcher.py",
        "        return {page_id for page_id, key in keys.items() if key in where.access}\n",
        "        return set(page_ids)\n",
        _SEARCH,
    ),
    Sabotage(
        "somebody who is no longer active reads on",
        "9",
        "access/callers.py",
        "    if not caller.active or not caller.account_id:\n",
        "    if not caller.account_id:\n",
        ("tests/access/test_conjunctions.py",),
    ),
    Sabotage(
        "what is included stands in the including page",
        "9",
        "mirror/own_bodies.py",
        "isinstance(outcome, Body) and not markdown.shows_other_pages(outcome.value)",
        "isinstance(outcome, Body)",
        _READERS,
    ),
)
