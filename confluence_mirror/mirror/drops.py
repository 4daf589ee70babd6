"""The one way in which a whole collection leaves a store."""

from __future__ import annotations

import logging
from collections.abc import Collection as Among

from confluence_mirror.manifest import Generation, Manifest
from confluence_mirror.stores.base import Collection, Store

log = logging.getLogger(__name__)


def drop(
    store: Store, manifest: Manifest, collection: Collection, given_up: Among[Generation] = ()
) -> bool:
    """Remove a collection, unless a mirror is in it at this moment; whether it was removed.

    ``given_up`` are mirrors that are meant to go with it. Compared are the ids that the store
    gives, since a name, a version or an earlier record may say that two collections differ that are
    one.
    """
    leaving = {generation.id for generation in given_up}
    for generation in manifest.owners(store.kind, store.place, collection.id):
        if generation.id not in leaving:
            log.warning(
                "collection %s is in use (COLLECTION_ID=%s): it stays",
                collection.id,
                generation.collection,
            )
            return False
    store.drop(collection)
    return True
