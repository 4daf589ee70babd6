"""Bodies that hold no text of other pages.

Confluence renders an include with the permissions of whoever asks, and nothing in the rendered page
marks what came from elsewhere. Whoever may read the including page need not be allowed to read
that, today or after the next restriction. So a page with such a macro is read in storage format,
where it is a link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from confluence_mirror import markdown
from confluence_mirror.batches import in_batches
from confluence_mirror.errors import PageFailed
from confluence_mirror.mirror.ports import Source
from confluence_mirror.model import Body, BodyFormat, PageRef

_GROUP = 50
"""Pages whose storage bodies are held while they are read as rendered."""
_Outcome = tuple[str, Body | PageFailed | None]


def read_bodies(
    source: Source, refs: Iterable[PageRef], body_format: BodyFormat, *, own: bool
) -> Iterator[_Outcome]:
    """As ``Source.read_bodies``; ``own``: without what a page shows of others."""
    if not own or body_format == "storage":
        yield from source.read_bodies(refs, body_format)
        return
    for group in in_batches(refs, _GROUP):
        stored = dict(source.read_bodies(group, "storage"))
        plain = [ref for ref in group if _is_own(stored.get(ref.id))]
        for page_id, rendered in source.read_bodies(plain, body_format):
            unrendered = stored.pop(page_id)
            # An edit between the two readings may have added an include.
            yield page_id, unrendered if _differ(unrendered, rendered) else rendered
        yield from stored.items()


def _is_own(outcome: Body | PageFailed | None) -> bool:
    return isinstance(outcome, Body) and not markdown.shows_other_pages(outcome.value)


def _differ(one: Body | PageFailed | None, other: Body | PageFailed | None) -> bool:
    return (
        isinstance(one, Body) and isinstance(other, Body) and one.ref.version != other.ref.version
    )
