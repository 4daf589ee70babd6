"""Questions to Confluence for somebody who waits for the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from confluence_mirror.confluence.checks import missing_scopes, read_account
from confluence_mirror.confluence.cql import quote_value
from confluence_mirror.confluence.gateway import Gateway, Params
from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.confluence.routes import SEARCH
from confluence_mirror.errors import PermissionRefused, SyncError, Unfinished, WrongSettings
from confluence_mirror.model import PageRef, Space
from confluence_mirror.runs.components import make_gateway
from confluence_mirror.service.problems import Problem, invalid
from confluence_mirror.service.settings import load_engine

ANSWER_S = 25.0
"""Seconds that somebody waits for Confluence."""
_KEY = r"~?[A-Za-z0-9_.:@-]{1,255}"
_PATHS = (
    re.compile(rf"(/wiki)?/spaces/(?P<space>{_KEY})/(pages|folder)/(?P<page>[0-9]{{1,19}})(/.*)?"),
    re.compile(rf"(/wiki)?/spaces/(?P<space>{_KEY})/blog/[0-9/]+/(?P<page>[0-9]{{1,19}})(/.*)?"),
    re.compile(rf"(/wiki)?/(spaces|display)/(?P<space>{_KEY})(/overview|/pages|/)?"),
)


@dataclass(frozen=True, slots=True)
class Login:
    """A site and who asks it."""

    cloud_id: str
    user: str
    token: str

    def variables(self) -> dict[str, str]:
        """As the engine's settings."""
        return {
            "CONF_CLOUD_ID": self.cloud_id,
            "CONF_USER": self.user,
            "CONF_API_TOKEN": self.token,
        }

    def __repr__(self) -> str:
        return f"Login({self.cloud_id})"


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What a credential shows of its site."""

    url: str
    account_id: str
    account_name: str
    spaces_visible: int


@dataclass(frozen=True, slots=True)
class Item:
    """What an import names."""

    space_key: str = ""
    page_id: str = ""


@contextmanager
def open_site(values: Mapping[str, str], login: Login) -> Iterator[Gateway]:
    """The site, to be asked for some seconds. Raises ``Problem`` for what Confluence fails with."""
    try:
        settings = load_engine({**values, **login.variables()}, Path("/"))
    except WrongSettings:
        raise Problem("invalid", "cloud_id, email or token is not one.") from None
    gateway = make_gateway(settings.confluence, settings.net, budget_s=ANSWER_S)
    try:
        yield gateway
    except PermissionRefused as error:
        raise Problem("credential-refused", Exception.__str__(error)) from None
    except Unfinished:
        raise Problem("upstream-timeout") from None
    except SyncError as error:
        raise Problem("upstream", Exception.__str__(error)) from None
    finally:
        gateway.close()


def read_facts(gateway: Gateway) -> SiteFacts:
    """Check a credential: whose it is, its scopes, the spaces that it sees. Raises ``Problem``
    where scopes are missing."""
    account = read_account(gateway)
    lacking = [each for each in missing_scopes(gateway) if each.required]
    if lacking:
        names = ", ".join(each.scope for each in lacking)
        raise Problem("scopes-missing", f"The token lacks these scopes: {names}.")
    spaces = _source(gateway).list_spaces()
    return SiteFacts(
        gateway.site_url(),
        account.account_id if account else "",
        account.display_name if account else "",
        len(spaces),
    )


def parse_page_url(url: str, site_url: str) -> Item:
    """What a page's or space's address names. It is parsed, never fetched. Raises ``Problem``."""
    field = "confluence_url"
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
    except ValueError:
        raise invalid(field, "is not an address that can be read") from None
    if parts.scheme not in ("https", "http") or host is None:
        raise invalid(field, "does not begin with https://")
    if host != urlsplit(site_url).hostname:
        raise invalid(field, "is an address of another site than this connection's")
    query = parse_qs(parts.query)
    if page := next(iter(query.get("pageId", ())), ""):
        if re.fullmatch("[0-9]{1,19}", page):
            return Item(page_id=page)
        raise invalid(field, "names a page by what is no id")
    for pattern in _PATHS:
        if found := pattern.fullmatch(unquote(parts.path)):
            return Item(found["space"], found.groupdict().get("page") or "")
    raise invalid(field, "is neither the address of a page nor that of a space")


def find_space(gateway: Gateway, key: str, field: str) -> Space:
    """A space by its key. Raises ``Problem`` where the connection does not see it."""
    for space in _source(gateway).list_spaces():
        if key.casefold() in (space.key.casefold(), space.alias.casefold()):
            return space
    raise invalid(field, "names a space that this connection does not see")


def find_page(gateway: Gateway, page_id: str, field: str, *, tree: bool) -> tuple[str, Space]:
    """The title of a page (of a ``tree`` also a folder) and its space. Raises ``Problem`` where the
    connection does not see it."""
    source = _source(gateway)
    refs: dict[str, PageRef] = {**source.look_up([page_id], "page")}
    refs = refs or {**source.look_up([page_id], "blogpost")}
    ref = refs.get(page_id)
    title, space_id = "", ""
    if ref is not None and ref.status == "current":
        title, space_id = ref.title, ref.space_id
    elif tree and (node := source.find_node(page_id, "folder")) is not None:
        title, space_id = node.title, node.space_id
    for space in source.list_spaces() if space_id else ():
        if space.id == space_id:
            return title, space
    raise invalid(field, "names a page that this connection does not see")


@dataclass(frozen=True, slots=True)
class TreeElement:
    """A page or a folder."""

    id: str
    title: str
    type: str


@dataclass(frozen=True, slots=True)
class SpaceTree:
    """A space's pages and folders, by their parents; those of the root by an empty id."""

    children: Mapping[str, Sequence[TreeElement]]
    known: frozenset[str]


def list_spaces(gateway: Gateway) -> Sequence[Space]:
    """The spaces that the connection sees, by their names."""
    return sorted(_source(gateway).list_spaces(), key=lambda each: (each.name.casefold(), each.id))


def read_tree(gateway: Gateway, space: Space) -> SpaceTree:
    """A space's tree, as v2 lists its pages; folders as the index knows them. What hangs on
    something that is not shown hangs on the root."""
    source = _source(gateway)
    parents: dict[str, str] = {}
    elements: dict[str, TreeElement] = {}
    for ref in source.list_pages(space):
        elements[ref.id] = TreeElement(ref.id, ref.title, ref.type)
        parents[ref.id] = ref.parent_id or ""
    for node in source.list_folders(space.key).values():
        elements[node.id] = TreeElement(node.id, node.title, node.type)
        parents[node.id] = node.parent_id or ""
    children: dict[str, list[TreeElement]] = {}
    for element in sorted(elements.values(), key=lambda each: (each.title.casefold(), each.id)):
        parent = parents[element.id]
        children.setdefault(parent if parent in elements else "", []).append(element)
    return SpaceTree(children, frozenset(elements))


def search_words(gateway: Gateway, text: str, limit: int) -> list[dict[str, str]]:
    """Pages and blog posts whose title or text has these words. They are words, never CQL. Raises
    ``Problem`` where there are none."""
    words = " ".join(re.findall(r"\w+", text)).lower()  # capitals make OR an operator
    if not words:
        raise invalid("q", "needs words to search for")
    quoted = quote_value(words)
    question: Params = {
        "cql": f"type in (page, blogpost) and (title ~ {quoted} or text ~ {quoted})",
        "expand": "space",
        "limit": limit,
    }
    rows = gateway.request_json(SEARCH, question).data.get("results")
    return [
        {
            "id": str(row.get("id", "")),
            "title": str(row.get("title", "")),
            "type": str(row.get("type", "")),
            "space_key": str((row.get("space") or {}).get("key", "")),
            "url": f"{gateway.site_url()}{(row.get('_links') or {}).get('webui', '')}",
        }
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    ][:limit]


def _source(gateway: Gateway) -> ConfluenceSource:
    return ConfluenceSource(gateway, concurrency=4, children={})
