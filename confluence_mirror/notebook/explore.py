"""A mirror to look into: what is set, what is visible, what would be done, what becomes of a page,
what was stored.

Each question opens the parts that it needs and closes them again, so cells may be run in any order
and again.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from confluence_mirror import logs, markdown, vdb
from confluence_mirror.errors import Exit, PageFailed
from confluence_mirror.mirror.documents import Drafts, Names, make_document
from confluence_mirror.mirror.listing import Listing
from confluence_mirror.mirror.scope import Scope
from confluence_mirror.mirror.scope_lookup import resolve_scope
from confluence_mirror.mirror.site_links import SiteResolver
from confluence_mirror.mirror.spec import MirrorSpec
from confluence_mirror.model import Body, Chunk, PageRef
from confluence_mirror.notebook.views import Bars, SideBySide, Table
from confluence_mirror.progress import Progress
from confluence_mirror.runs import Mirror, Shared, components, open_mirror
from confluence_mirror.runs.engine import make_mirror_spec
from confluence_mirror.runs.report import RunReport
from confluence_mirror.search import DEFAULT_LIMIT, Question
from confluence_mirror.search.joining import body_of
from confluence_mirror.settings import INGEST_DEFAULTS, MissingSettings, Settings, working_folder
from confluence_mirror.settings.values import Secret
from confluence_mirror.settings.variables import held
from confluence_sandbox import SampleGateway, demo_site

log = logging.getLogger(__name__)

EXAMPLE = "On-call handbook"
"""The page of the sample site that is shown unless another is asked for."""
_FIRST_CHARS = 200


def explore(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Explorer:
    """Begin with the settings of ``sync.py`` (the environment, then ``.env`` and ``.env.secrets``
    in ``folder``).

    Where there are none at all, the bundled sample site is served on loopback and mirrored into an
    embedded store in a temporary folder. Raises ``WrongSettings`` for settings that are there and
    wrong.
    """
    environ = os.environ if environ is None else environ
    folder = folder or working_folder()
    try:
        settings, warnings = Settings.load(environ, folder)
    except MissingSettings:
        return _on_the_sample_site()
    if settings.store.kind == "llama":
        settings, warnings = Settings.load(environ, folder, defaults=INGEST_DEFAULTS)
    explorer = Explorer(settings)
    for warning in warnings:
        log.warning("%s", warning)
    return explorer


def _on_the_sample_site() -> Explorer:
    gateway = SampleGateway(demo_site())
    scratch = tempfile.TemporaryDirectory(prefix="confluence-mirror-notebook-")
    environ = {
        "CONF_GATEWAY_URL": gateway.url,
        "CONF_CLOUD_ID": gateway.cloud_id,
        "CONF_USER": gateway.user,
        "CONF_API_TOKEN": gateway.token,
        "STORE": "embedded",
        "STATE_DIR": scratch.name,
    }
    settings, _ = Settings.load(environ, Path(scratch.name), in_container=False)
    return Explorer(settings, gateway, scratch)


@dataclass(frozen=True, slots=True)
class Sight:
    """One page, before and after."""

    ref: PageRef
    body: str
    """As Confluence gives it."""
    markdown: str
    chunks: tuple[Chunk, ...]
    tokens: tuple[int, ...]
    """Of each chunk."""
    limit: int
    """Most tokens a chunk."""

    def before_and_after(self) -> SideBySide:
        """The body as it was read, and as Markdown."""
        return SideBySide(("In Confluence", self.body), ("As Markdown", self.markdown))

    def sizes(self) -> Bars:
        """Tokens of each chunk."""
        names = map(_chunk_name, self.chunks)
        return Bars(list(zip(names, self.tokens, strict=True)), unit="tokens", limit=self.limit)

    def metadata(self, number: int = 0) -> Table:
        """What is stored beside the text of one chunk."""
        return Table(("key", "value"), list(self.chunks[number].metadata.items()))


class Explorer:
    """A site, a scope and a store, to ask questions of. Close it, or use it as a context
    manager."""

    def __init__(
        self,
        settings: Settings,
        gateway: SampleGateway | None = None,
        scratch: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        """``gateway`` and ``scratch``, where given, are closed with it; no text shows where they
        are."""
        self.settings = settings
        self._store: tuple[str, str] = (settings.store.kind, settings.store.collection)
        """Kind and collection: as they are set, then as the store that is really there has
        them."""
        self._gateway = gateway
        self._scratch = scratch
        self._mask = logs.configure_logging("text", "WARNING", sys.stderr, settings.secrets())

    @property
    def on_sample_site(self) -> bool:
        """Whether this is the bundled site."""
        return self._gateway is not None

    def __enter__(self) -> Explorer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the sample site and what was stored of it; a real store is left as it is."""
        if self._gateway is not None:
            self._gateway.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    # -- questions

    def what_is_set(self) -> Table:
        """The settings that are not left at their defaults; secrets masked."""
        rows = []
        for variable, value in held(self.settings):
            if value != variable.unset and value != (
                variable.parse(variable.default) if variable.default else None
            ):
                rows.append((variable.name, self._shown(value), variable.meaning))
        rows.append(("→ store", self._store[0], f"collection {self._store[1]}"))
        return Table(("setting", "value", "meaning"), rows)

    def spaces(self) -> Table:
        """Every space that the credential sees, and which of them are mirrored."""
        with self._parts() as parts:
            scope = self._scope(parts)
            mirrored = scope.spaces_by_id()
            rows = [
                (
                    space.key,
                    space.name,
                    space.type,
                    space.status,
                    "✓" if space.id in mirrored else "",
                )
                for space in parts.source.list_spaces()
            ]
        return Table(("key", "name", "type", "status", "mirrored"), rows)

    def plan(self, most: int = 12) -> Table:
        """What a run would do, page by page, the first of each kind. Writes nothing."""
        report = self._mirror().plan().report
        rows: list[tuple[str, str, str, str]] = []
        for action, pages in report.plan.items():
            rows += [(action, page.title, page.why, page.id) for page in pages[:most]]
            rows += (
                [(action, f"… and {len(pages) - most:,} more", "", "")] if len(pages) > most else []
            )
        rows += self._problem(report)
        return Table(
            ("what", "page", "why", "id"),
            rows or [("nothing", "every page is mirrored as it is", "", "")],
        )

    def page(self, wanted: str = "") -> Sight:
        """Read, convert and cut one page of the scope, as a run does; nothing is stored.

        ``wanted`` is an id or a title; empty: the first page that is found (the sample site has an
        example). Raises ``LookupError`` where there is none.
        """
        with self._parts() as parts:
            scope = self._scope(parts)
            ref = _find(parts, scope, wanted or (EXAMPLE if self.on_sample_site else ""))
            body = _read(parts, ref, self.settings)
            recipe = self._job(parts).recipe.for_store(parts.store.connect())
            with closing(Listing(parts.source)) as listing:
                listing.add([ref])
                listing.add_labels(parts.source.labels_of([ref]))
                draft = Drafts(parts.source, listing, scope, Names(parts.source)).of([(body, "")])[
                    0
                ]
                chunks = make_document(draft, recipe).chunks
            text = _as_markdown(parts, scope, body)
        tokens = recipe.tokenizer.count_each([chunk.text for chunk in chunks])
        return Sight(ref, body.value, text, chunks, tuple(tokens), recipe.chunks.tokens)

    def sync(self, progress: Progress | None = None) -> Table:
        """Plan and apply; what was done, and why not all of it where that is so."""
        report = self._mirror(progress).sync().report
        pages = [(f"pages {name}", count) for name, count in report.page_counts().items()]
        chunks = [
            (f"chunks {name.replace('_', ' ')}", count)
            for name, count in report.chunk_counts().items()
        ]
        failed = [
            (f"failed: {failure.title}", failure.reason) for failure in report.failures.values()
        ]
        rows = [*pages, *chunks, ("texts embedded here", report.embeddings), *failed]
        problem = [
            (what, f"{text} {hint}".strip()) for what, text, hint, _ in self._problem(report)
        ]
        return Table(("", "count"), [*rows, *problem])

    def search(self, question: str, limit: int = DEFAULT_LIMIT) -> Table:
        """What is stored about a question, best first; why there is no answer where it is so."""
        outcome = self._mirror().search(Question(question, limit))
        rows: list[tuple[str, ...]] = [
            (
                f"{found.score:.2f}",
                found.why,
                found.title,
                found.heading,
                " ".join(body_of(found.text, found.title).split())[:_FIRST_CHARS],
                found.url,
            )
            for found in (outcome.answer.results if outcome.answer is not None else ())
        ]
        rows += [(what, "", *rest, "") for what, *rest in self._problem(outcome.report)]
        return Table(("score", "why", "page", "heading", "begins with", "link"), rows)

    # -- how

    @contextmanager
    def _parts(self) -> Iterator[components.Components]:
        with closing(components.build_components(self.settings, writes=False)) as parts:
            self._store = (parts.store.kind, parts.collection)
            yield parts

    def _scope(self, parts: components.Components) -> Scope:
        return resolve_scope(parts.source, self._job(parts).wanted)

    def _job(self, parts: components.Components) -> MirrorSpec:
        return make_mirror_spec(self.settings, parts, remembered_id=self._remembered_id())

    def _remembered_id(self) -> str:
        """The vector store's id as ``ingest_conf.py`` remembers it."""
        return vdb.recall(self.settings.state.folder) if self._store[0] == "llama" else ""

    def _mirror(self, progress: Progress | None = None) -> Mirror:
        return open_mirror(
            self.settings,
            Shared(mask=self._mask),
            remembered_id=self._remembered_id(),
            progress=progress,
        )

    def _problem(self, report: RunReport) -> list[tuple[str, str, str, str]]:
        if report.exit_code in (Exit.OK, None):
            return []
        return [
            (f"exit {report.exit_code}", self._shown(report.problem), self._shown(report.hint), "")
        ]

    def _shown(self, value: Any) -> str:
        """For a reader: no secret, and of the sample site no place of this machine."""
        if isinstance(value, Secret):
            return "***"
        text = self._mask(", ".join(value) if isinstance(value, tuple) else str(value))
        if self._gateway is not None:
            text = text.replace(self._gateway.url, "(the sample site)")
        return (
            text.replace(self._scratch.name, "(a temporary folder)")
            if self._scratch is not None
            else text
        )


def _find(parts: components.Components, scope: Scope, wanted: str) -> PageRef:
    if wanted.isdigit():
        for page_type in ("page", "blogpost"):
            ref = parts.source.look_up([wanted], page_type).get(wanted)
            if ref is not None and ref.status == "current" and ref.space_id in scope.spaces_by_id():
                return ref
    for space in scope.spaces:
        for ref in parts.source.list_pages(space):
            if not wanted or ref.title == wanted:
                return ref
    raise LookupError(f"no page {wanted!r} in {scope.describe()}")


def _read(parts: components.Components, ref: PageRef, settings: Settings) -> Body:
    for _, body in parts.source.read_bodies([ref], settings.confluence.body_format):
        if isinstance(body, PageFailed):
            raise body
        if body is not None:
            return body
    raise LookupError(f"page {ref.id} can no longer be read")


def _as_markdown(parts: components.Components, scope: Scope, body: Body) -> str:
    accounts = markdown.account_ids(body.value) if body.format == "storage" else set()
    names = dict(parts.source.display_names(sorted(accounts)) if accounts else {})
    resolver = SiteResolver(
        parts.source.site_url(), scope.spaces_by_id()[body.ref.space_id].key, body.ref.id, names
    )
    return markdown.convert(body.value, resolver=resolver, body_format=body.format).markdown


def _chunk_name(chunk: Chunk) -> str:
    number, heading = int(chunk.metadata["chunk_index"]) + 1, chunk.metadata["heading_path"]
    return f"{number}. {heading}" if heading else f"{number}."
