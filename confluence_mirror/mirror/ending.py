"""What a run ends with that was applied to its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from confluence_mirror.errors import Refused, Unfinished, WrongSettings
from confluence_mirror.manifest import Record
from confluence_mirror.mirror.events import FilesUnreadable, FileUnreadable, PageNotWritten
from confluence_mirror.wording import counted, verb

MANY_REFUSED = 20
"""So many refused pages are never more than their own trouble."""


def require_few_refused(refused: Mapping[str, str], listed: int, ratio: float) -> None:
    """Raise ``WrongSettings`` where store or embedder refused (page id → why) more pages than
    ``MANY_REFUSED`` and this part of the listed ones."""
    if len(refused) > max(MANY_REFUSED, ratio * listed):
        raise WrongSettings(
            f"{counted(len(refused), 'page')} {verb(len(refused), 'is', 'are')} refused, too many"
            " for"
            f" the reason to lie in the pages (the first: {next(iter(refused.values()))}).",
            hint="Check CHUNK_TOKENS, EMBEDDING_MODEL_ID and the limits of store and embedder.",
        )


def require_all_written(failures: Iterable[PageNotWritten], *, strict: bool) -> None:
    """Raise ``Unfinished`` where a rerun can help. A quarantined page is named, but needs a person:
    it counts only where ``strict``."""
    failed = [failure for failure in failures if strict or not failure.quarantined]
    if failed:
        raise Unfinished(
            f"{counted(len(failed), 'page')} failed and {verb(len(failed), 'is', 'are')} kept for"
            " retry; everything else is mirrored.",
            hint="Run again.",
        )


def require_none_held(pages: Sequence[str]) -> None:
    """Raise ``Unfinished`` where pages moved here from a shard that has not let go of them."""
    if pages:
        raise Unfinished(
            f"{counted(len(pages), 'page')} moved here from another shard (first {pages[0]}), whose"
            f" run is still at work on its own; {verb(len(pages), 'it stays', 'they stay')} as"
            " written there, and everything else is mirrored.",
            hint="Run again, or raise LOCK_WAIT.",
        )


def named_need_collection() -> Unfinished:
    """What a run of named pages ends with where that takes a new collection."""
    return Unfinished(
        "The named pages need a new collection, since this store cannot replace or remove what it"
        " holds of them; the collection in force was not changed.",
        hint="Run a sync of the whole scope.",
    )


def shared_collection(outside: Iterable[str]) -> Refused:
    """What a run ends with that found rows of another mirror in the collection, of these spaces."""
    return Refused(
        "The collection also holds pages of this site from outside the scope (spaces"
        f" {', '.join(sorted(outside))}), which another mirror has written. They are left alone;"
        " other pages are not affected.",
        hint=(
            "Give each mirror a COLLECTION_ID of its own, or say that they are to go:"
            " --change-scope."
        ),
    )


def unreadable_files(record: Record) -> FilesUnreadable:
    """Recorded files that have no text though they should."""
    return FilesUnreadable(
        tuple(
            FileUnreadable(row.id, row.parent_id or "", row.title, row.unreadable)
            for row in record.unreadable_files()
        )
    )
