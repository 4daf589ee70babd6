"""What the mirror asks of Confluence. ``confluence.pages.ConfluenceSource`` fulfils it over
HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Protocol, runtime_checkable

from confluence_mirror.errors import PageFailed
from confluence_mirror.model import (
    Audience,
    Body,
    BodyFormat,
    ChildType,
    DocumentType,
    Indexed,
    Node,
    PageRef,
    Restrictions,
    Space,
)

MOST_COUNTED = 1000
"""Files that are counted for a notice."""


class Source(Protocol):
    """Confluence, read only. Primitive questions: which of them to ask, and what follows, is the
    mirror's business.

    A listing that ends without an exception is complete. ``IncompleteEvidence`` is raised where a
    listing breaks off (a repeated cursor, an empty page with a next link over and over, a row
    without an id), ``PermissionRefused`` for a refused credential or a missing scope (named),
    ``SourceUnavailable`` when the site does not answer after retries, ``Unfinished`` when the run's
    time budget is spent. All methods may be called from several threads.
    """

    def current_time(self) -> datetime:
        """The gateway's clock: the ``Date`` of its first answer (ours where absent), carried on
        monotonically."""

    def clock_skew(self) -> float:
        """Seconds by which our clock is ahead of the gateway's (0 where it gave no ``Date``)."""

    def site_url(self) -> str:
        """``https://SITE.atlassian.net/wiki``, from ``_links.base``: for people to follow, never
        for requests."""

    def list_spaces(self) -> Sequence[Space]:
        """Every space that the credential can see, of every type, current and archived (v2,
        strongly consistent)."""

    def list_pages(self, space: Space) -> Iterator[PageRef]:
        """Every current page and blog post of a space: v2, 250 a request, no bodies.

        Memory does not grow with their number: an id that the site gives twice comes twice."""

    def find_changed(
        self, space_keys: Sequence[str], hours: int, label_names: Sequence[str] = ()
    ) -> Iterator[str]:
        """Ids of pages and blog posts that the index says changed in the last ``hours``: CQL with a
        relative window, ascending, each id once, in the order found. It nominates only: the index
        lags, and may name pages that are no longer current."""

    def look_up(self, ids: Sequence[str], page_type: DocumentType) -> Mapping[str, PageRef]:
        """Rows of these pages, or blog posts, in any status (current, archived, trashed where the
        route has them), by batches.

        An id that is missing in the answer is purged or hidden from us; one that Confluence refuses
        to be asked for comes with an empty status: nothing is known of it. Raises
        ``IncompleteEvidence`` when a whole request is refused or fails (401, 403, 404, 5xx, HTML),
        so that nothing is taken for gone."""

    def read_bodies(
        self, refs: Iterable[PageRef], body_format: BodyFormat
    ) -> Iterator[tuple[str, Body | PageFailed | None]]:
        """Bodies of these pages, in batches (one request a page for ``export_view``), in any order,
        each id once.

        ``refs`` is taken lazily and a bounded number of batches is in flight (``CONCURRENCY``), so
        memory does not grow with the number of pages.

        A page that cannot be read comes as ``PageFailed``, one that is no longer current or visible
        as None; both without ending the iteration. Batches are halved on 413 and 5xx down to single
        pages."""

    def list_children(
        self, child_type: ChildType, space: Space, page_ids: Sequence[str] | None = None
    ) -> Iterator[PageRef]:
        """Every child document of this type on the pages of a space, or on these of them, as the
        index knows: CQL, without bodies. It nominates only: it lags.

        A ref's ``parent_id`` is its page; an empty ``title`` stands for the page's, and a ``webui``
        that begins with ``?`` goes on the page's."""

    def count_files(self, space_keys: Sequence[str]) -> int:
        """How many files the index knows in these spaces (none: in all); ``MOST_COUNTED`` and no
        more where there are so many."""

    def look_up_children(self, refs: Sequence[PageRef]) -> Mapping[str, PageRef]:
        """What v2 says now of these child documents, of any type, in any status.

        One that is missing in the answer is gone or hidden; one of which nothing is known comes
        with an empty status. Raises as ``look_up`` does."""

    def read_children(
        self, refs: Iterable[PageRef]
    ) -> Iterator[tuple[str, Body | PageFailed | None]]:
        """Bodies of these child documents, with the promises of ``read_bodies``."""

    def find_node(self, node_id: str, node_type: str) -> Node | None:
        """A folder, whiteboard, database, embed or page by id, asked on the route of its type; None
        if not visible. A scope that the token lacks is ``PermissionRefused``, which names it: what
        that means depends on what is asked for."""

    def list_folders(self, space_key: str) -> Mapping[str, Node]:
        """Folders of a space by id, as far as the index knows them and their parents: CQL, 200 a
        request. For breadcrumbs; whether a page lies below a folder is asked of ``find_node``."""

    def list_labels(self, space_key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Labels of every labelled or unlabelled page and blog post of a space, with the page's id:
        CQL with ``expand=metadata.labels``, 200 a request. The index lags, and a row of it holds no
        more than some labels of a page: an id may be missing."""

    def list_indexed(self, space_key: str) -> Iterator[Indexed]:
        """The same rows with their restrictions on reading, by as many requests."""

    def list_containers(self, space_key: str) -> Iterator[tuple[Node, Restrictions | None]]:
        """Folders, whiteboards, databases and embeds of a space, with their parents and their
        restrictions, as the index knows them: CQL, 200 a request."""

    def restrictions_of(self, ids: Sequence[str], most: int) -> Mapping[str, Restrictions]:
        """What elements of the page tree, of whatever type, ask of their readers: CQL by id in
        batches, then the own route of at most ``most``. What could not be learned is left out."""

    def viewers_of(self, space: Space) -> Audience | None:
        """Users and groups that may view a space; None where Confluence does not say."""

    def labels_of(
        self, refs: Sequence[PageRef], most: int | None = None
    ) -> Mapping[str, tuple[str, ...]]:
        """Labels of these pages: CQL by id in batches, then the labels route for each that the
        index did not know, at most ``most`` of them. A page that is missing is hidden, or nothing
        could be learned of it now."""

    def labels_now(self, ref: PageRef) -> tuple[str, ...]:
        """Labels of one page from its own labels route: strongly consistent."""

    def list_labelled(
        self, spaces: Sequence[Space], label_names: Iterable[str]
    ) -> Mapping[str, set[str]]:
        """Ids of the pages and blog posts of these spaces that have each of these labels: the
        space's label listing and each label's pages and blog posts (v2). Names are the same
        whatever their case."""

    def display_names(self, account_ids: Iterable[str]) -> Mapping[str, str]:
        """Display names by account id, in bulk; empty for an account without a visible one. An id
        that is missing could not be asked for now. Never raises where it is not answered: names are
        a courtesy."""

    def fetch_file(self, ref: PageRef, target: IO[bytes]) -> bool:
        """The bytes of an attached file's current version, into an empty file; False: it is larger
        than is fetched, or gone. Raises ``PageFailed`` where this one does not come."""

    def is_anonymous(self) -> bool:
        """Whether Confluence takes us for an anonymous visitor, as it does with an expired token on
        a site that is open to all. False where it does not say."""


@runtime_checkable
class LimitLearner(Protocol):
    """Finds out by trying how much a server takes at once; the manifest remembers it from run to
    run."""

    @property
    def limit_key(self) -> str:
        """The name under which it is remembered: what, and of which server."""

    def restore_limit(self, value: str) -> None:
        """Begin with what an earlier run learned."""

    def learned_limit(self) -> str:
        """What is known now."""
