"""The mirror's questions to Confluence, answered by the gateway: lists, bodies, labels, names."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from confluence_mirror.batches import in_batches
from confluence_mirror.confluence import checks, cql, records
from confluence_mirror.confluence.children import ChildQuestions, ChildReader
from confluence_mirror.confluence.comments import Comments
from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.labelling import Labels
from confluence_mirror.confluence.paging import iter_rows
from confluence_mirror.confluence.reading import BATCH, Reader
from confluence_mirror.confluence.refusals import AccessRefused, QuestionRefused
from confluence_mirror.confluence.restrictions import Readers
from confluence_mirror.confluence.routes import (
    BLOGPOSTS,
    CURRENT_USER,
    NODES,
    PAGES,
    SEARCH,
    SPACE_BLOGPOSTS,
    SPACE_PAGES,
    SPACES,
    USER_BULK,
    USERS_BULK,
    Route,
)
from confluence_mirror.errors import (
    NOT_ANSWERED,
    IncompleteEvidence,
    PageFailed,
    PermissionRefused,
    SourceUnavailable,
    SyncError,
)
from confluence_mirror.model import (
    Audience,
    Body,
    BodyFormat,
    DocumentType,
    Indexed,
    Node,
    PageRef,
    PageType,
    Restrictions,
    Space,
)

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_SEARCH_LIMIT = 250
_EXPANDED_LIMIT = 200
_KEYS_A_QUESTION = 50
_NAMES_A_REQUEST = 100
_FAULTS = 3


class ConfluenceSource(ChildQuestions):
    """Confluence, read only, over HTTP. Implements the mirror's ``Source``, whose docstrings state
    the promises.

    ``concurrency``: batches of bodies in flight. ``children``: what answers for types of child
    documents that need more than the gateway. All methods may be called from several threads.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        concurrency: int = 4,
        children: Mapping[str, ChildReader] | None = None,
    ) -> None:
        super().__init__({"comment": Comments(gateway, concurrency), **(children or {})})
        self._gateway = gateway
        self._concurrency = concurrency
        self._labels = Labels(gateway)
        self._readers = Readers(gateway)
        self._name_faults: Counter[str] = Counter()
        self._lacks_name_scope = False

    def current_time(self) -> datetime:
        """The gateway's clock."""
        return self._gateway.current_time()

    def clock_skew(self) -> float:
        """Seconds by which our clock is ahead of the gateway's."""
        return self._gateway.clock_skew()

    def site_url(self) -> str:
        """``https://SITE.atlassian.net/wiki``: for links that people follow."""
        return self._gateway.site_url()

    # --- lists ---

    def list_spaces(self) -> Sequence[Space]:
        """Every space that the credential can see."""
        return [
            records.parse_space(row)
            for row in iter_rows(self._gateway, SPACES, {"limit": 250, "sort": "id"})
        ]

    def list_pages(self, space: Space) -> Iterator[PageRef]:
        """Every current page and blog post of a space."""
        params: Params = {"limit": 250, "sort": "id", "status": "current"}
        routes: tuple[tuple[PageType, Route], ...] = (
            ("page", SPACE_PAGES),
            ("blogpost", SPACE_BLOGPOSTS),
        )
        for page_type, route in routes:
            for row in iter_rows(self._gateway, route, params, node_id=space.id):
                asked = row if row.get("status") else {**row, "status": "current"}
                ref = records.parse_page_ref(asked, page_type, space_id=space.id)
                if ref.status == "current":
                    yield ref

    def find_changed(
        self, space_keys: Sequence[str], hours: int, label_names: Sequence[str] = ()
    ) -> Iterator[str]:
        """Ids of pages and blog posts that the index says changed in the last ``hours``, each
        once."""
        seen: set[str] = set()
        for keys in in_batches(space_keys, _KEYS_A_QUESTION) if space_keys else [[]]:
            for page_id in self._search_changed(keys, label_names, max(1, hours), 0):
                if page_id not in seen:
                    seen.add(page_id)
                    yield page_id

    def _search_changed(
        self, keys: Sequence[str], labels: Sequence[str], since: int, until: int
    ) -> Iterator[str]:
        """Cursors grow until the address is too long (413): then the question is cut, by space and
        by hours."""
        question = cql.changed_in(keys, labels, since, until)
        try:
            for row in iter_rows(self._gateway, SEARCH, {"cql": question, "limit": _SEARCH_LIMIT}):
                yield records.row_id(row)
            return
        except QuestionRefused as refusal:
            if not refusal.too_large:
                raise
        if len(keys) > 1:
            middle = len(keys) // 2
            yield from self._search_changed(keys[:middle], labels, since, until)
            yield from self._search_changed(keys[middle:], labels, since, until)
        elif since - until > 2:
            # Windows move on while they are read: an hour of overlap, so that nothing falls between
            # them.
            middle = (since + until) // 2
            yield from self._search_changed(keys, labels, since, middle)
            yield from self._search_changed(keys, labels, middle + 1, until)
        else:
            raise IncompleteEvidence(
                "The index cannot list the changes: too many within one hour.",
                hint="Run with SINCE_HOURS=0, which reads the whole scope.",
            )

    def look_up(self, ids: Sequence[str], page_type: DocumentType) -> Mapping[str, PageRef]:
        """Rows of these ids in any status; an id that is missing is purged or hidden from us.

        An id that Confluence refuses to be asked for comes with an empty status: nothing is known
        of it.
        """
        found: dict[str, PageRef] = {}
        for some in in_batches(list(dict.fromkeys(ids)), BATCH):
            try:
                found.update(self._read_rows(some, page_type))
            except (PermissionRefused, SourceUnavailable) as failure:
                if isinstance(failure, AccessRefused) and failure.scope:
                    raise
                raise IncompleteEvidence(
                    f"Pages could not be looked up by id: {failure}",
                    hint="None of them is removed.",
                ) from None
        return found

    def _read_rows(self, ids: Sequence[str], page_type: DocumentType) -> dict[str, PageRef]:
        """One question; by halves where it is refused, until the ids at fault stand alone."""
        route = PAGES if page_type == "page" else BLOGPOSTS
        statuses = (
            ["current", "archived", "trashed"] if page_type == "page" else ["current", "trashed"]
        )
        wanted = set(ids)
        try:
            refs = [
                records.parse_page_ref(row, page_type)
                for row in iter_rows(
                    self._gateway, route, {"id": ids, "status": statuses, "limit": 250}
                )
            ]
        except QuestionRefused as refusal:
            if refusal.status not in (400, 413, 414):
                raise
        else:
            return {ref.id: ref for ref in refs if ref.id in wanted}
        if len(ids) == 1:
            return {ids[0]: records.unknown_page(ids[0], page_type)}
        middle = len(ids) // 2
        return self._read_rows(ids[:middle], page_type) | self._read_rows(ids[middle:], page_type)

    def read_bodies(
        self, refs: Iterable[PageRef], body_format: BodyFormat
    ) -> Iterator[tuple[str, Body | PageFailed | None]]:
        """Bodies of these pages, in batches."""
        return Reader(self._gateway, body_format, self._concurrency).read_bodies(refs)

    def count_files(self, space_keys: Sequence[str]) -> int:
        """Files that the index knows in these spaces, up to 1,000."""
        return checks.count_attachments(self._gateway, space_keys, 1000)

    def find_node(self, node_id: str, node_type: str) -> Node | None:
        """An element of the page tree by id; None where it is not visible or of a type that has no
        route."""
        route = NODES.get(node_type)
        if route is None:
            return None
        try:
            return records.parse_node(
                self._gateway.request_json(route, node_id=node_id).data, node_type
            )
        except AccessRefused as refusal:
            if refusal.status == 404 and (refusal.genuine or self._gateway.accepts_credential()):
                return None
            raise

    def list_folders(self, space_key: str) -> Mapping[str, Node]:
        """Folders of a space by id, as the index knows them; nothing where it cannot say."""
        question: Params = {
            "cql": cql.folders_in(space_key),
            "expand": "ancestors",
            "limit": _EXPANDED_LIMIT,
        }
        try:
            nodes = [
                records.parse_folder(row) for row in iter_rows(self._gateway, SEARCH, question)
            ]
        except NOT_ANSWERED as refusal:
            _log.info("Folders of %s: %s", space_key, refusal)
            return {}
        return {node.id: node for node in nodes if node is not None}

    # --- labels and names ---

    def list_labels(self, space_key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Ids and labels of the pages and blog posts of a space, as the index knows them."""
        return self._labels.list_space_labels(space_key)

    def list_indexed(self, space_key: str) -> Iterator[Indexed]:
        """The same pages with their restrictions."""
        return self._readers.list_indexed(space_key)

    def list_containers(self, space_key: str) -> Iterator[tuple[Node, Restrictions | None]]:
        """Folders and their like, with their restrictions."""
        return self._readers.list_containers(space_key)

    def restrictions_of(self, ids: Sequence[str], most: int) -> Mapping[str, Restrictions]:
        """What these elements ask of their readers, from the index, else their own routes."""
        return self._readers.read_restrictions(ids, most)

    def viewers_of(self, space: Space) -> Audience | None:
        """Users and groups that may view a space."""
        return self._readers.list_viewers(space)

    def labels_of(
        self, refs: Sequence[PageRef], most: int | None = None
    ) -> Mapping[str, tuple[str, ...]]:
        """Labels of these pages, from the index and, where that does not know one, from its own
        route (``most``)."""
        return self._labels.read_labels(refs, most)

    def labels_now(self, ref: PageRef) -> tuple[str, ...]:
        """Labels of one page from its own route. ``IncompleteEvidence`` where the page cannot be
        seen."""
        return self._labels.read_labels_now(ref)

    def list_labelled(
        self, spaces: Sequence[Space], label_names: Iterable[str]
    ) -> Mapping[str, set[str]]:
        """Ids of the pages and blog posts of these spaces that have each of these labels."""
        return self._labels.list_ids_by_label(spaces, label_names)

    def display_names(self, account_ids: Iterable[str]) -> Mapping[str, str]:
        """Display names by account id, empty where none is visible; what could not be learned now
        is left out."""
        found: dict[str, str] = {}
        for some in in_batches(sorted({*account_ids} - {""}), _NAMES_A_REQUEST):
            for way in [
                way
                for way in (self._names_v1, self._names_v2)
                if self._name_faults[way.__name__] < _FAULTS
            ]:
                try:
                    found.update(self._read_names(way, some))
                except NOT_ANSWERED as refusal:
                    _log.info("Names of authors: %s", refusal)
                    self._note_name_fault(way.__name__, refusal)
                else:
                    self._name_faults[way.__name__] = 0
                    break
            if self._lacks_name_scope:
                # The token is not meant to tell names: nothing will be learned later.
                found = dict.fromkeys(some, "") | found
        return found

    def _note_name_fault(self, way: str, refusal: SyncError) -> None:
        """A way that is refused, or fails again and again, is not tried again in this run."""
        self._name_faults[way] += (
            _FAULTS if isinstance(refusal, AccessRefused | QuestionRefused) else 1
        )
        self._lacks_name_scope |= isinstance(refusal, AccessRefused) and bool(refusal.scope)

    def _read_names(
        self, way: Callable[[Sequence[str]], dict[str, str]], ids: Sequence[str]
    ) -> dict[str, str]:
        """The names, by one question; by halves where an id among them makes Confluence refuse
        it."""
        try:
            named = way(ids)
        except QuestionRefused as refusal:
            if refusal.status != 400 or len(ids) == 1:
                raise
        else:
            # An answer without any of them says nothing.
            return {account_id: named.get(account_id, "") for account_id in ids} if named else {}
        named = {}
        failure: QuestionRefused | None = None
        for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
            try:
                named.update(self._read_names(way, half))
            except QuestionRefused as refusal:
                failure = refusal
                named.update(dict.fromkeys(half, ""))
        if failure is not None and not any(named.values()):
            raise failure
        return named

    def _names_v1(self, ids: Sequence[str]) -> dict[str, str]:
        return _parse_names(self._gateway.request_json(USER_BULK, {"accountId": ids}).data)

    def _names_v2(self, ids: Sequence[str]) -> dict[str, str]:
        return _parse_names(
            self._gateway.request_json(USERS_BULK, body={"accountIds": list(ids)}).data
        )

    def is_anonymous(self) -> bool:
        """Whether the site treats this credential as anonymous."""
        try:
            return (
                self._gateway.request_json(CURRENT_USER, attempts=2).data.get("type") == "anonymous"
            )
        except NOT_ANSWERED as failure:
            _log.info("Account of the credential: %s", failure)
            return False

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        self._gateway.close()


def _parse_names(data: Mapping[str, object]) -> dict[str, str]:
    results = data.get("results")
    names: dict[str, str] = {}
    for row in results if isinstance(results, list) else []:
        if isinstance(row, dict) and isinstance(row.get("accountId"), str):
            name = row.get("displayName") or row.get("publicName")
            names[row["accountId"]] = (
                records.replace_unstorable(name) if isinstance(name, str) and name.strip() else ""
            )
    return names
