"""The protocol's side: which tools and resources there are, and what becomes of a request."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio
from mcp import McpError, types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from confluence_mirror import __version__
from confluence_mirror.errors import Exit, SyncError, WrongUsage
from confluence_mirror.logs import Mask
from confluence_mirror.mcp_server.contract import (
    LIMIT,
    MAX_TOKENS,
    fetch_content,
    search_content,
)
from confluence_mirror.runs import Mirror
from confluence_mirror.runs.session import PageText, SearchSession
from confluence_mirror.search import Question

log = logging.getLogger(__name__)

_INSTRUCTIONS = (
    "Pages of the company's Confluence, as of the last sync. Search first; fetch a page where the"
    " passages do not suffice. Cite pages by their url."
)
_READ_ONLY = types.ToolAnnotations(
    readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False
)
_TOOLS = [
    types.Tool(
        name="search",
        title="Search Confluence",
        description=(
            "Find pages by meaning and by words: a question, an error code, a setting, a host name."
            " Gives pages with id, title, url and the passages that answer."
        ),
        inputSchema={
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What to look for"}},
            "required": ["query"],
        },
        annotations=_READ_ONLY,
    ),
    types.Tool(
        name="fetch",
        title="Read a page of Confluence",
        description="The whole text of one page, by an id that search gave.",
        inputSchema={
            "type": "object",
            "properties": {"id": {"type": "string", "description": "Id of the page"}},
            "required": ["id"],
        },
        annotations=_READ_ONLY,
    ),
]
_PAGES = types.ResourceTemplate(
    uriTemplate="confluence://page/{id}",
    name="page",
    title="A page of Confluence",
    description="The whole text of one page, by its id.",
    mimeType="text/markdown",
)
_ADDRESS = re.compile(r"confluence://page/([^/]+)")

Result = TypeVar("Result")


def serve_streams(mirror: Mirror, mask: Mask) -> Exit:
    """Answer until the client closes the standard input."""
    with _protocol_alone() as stdout:
        asyncio.run(_serve(PageServer(mirror, mask), stdout))
    return Exit.OK


@contextmanager
def _protocol_alone() -> Iterator[io.TextIOWrapper]:
    """The standard output for the protocol; what anything else prints goes to standard error."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        with io.TextIOWrapper(os.fdopen(own, "wb", closefd=False), encoding="utf-8") as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)


async def _serve(pages: PageServer, stdout: io.TextIOWrapper) -> None:
    server = make_server(pages)
    try:
        async with stdio_server(stdout=anyio.wrap_file(stdout)) as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
    finally:
        pages.close()


def make_server(pages: PageServer) -> Server[Any, Any]:
    """The protocol over these handlers, on whatever streams it is run."""
    server: Server[Any, Any] = Server(
        "confluence-mirror", version=__version__, instructions=_INSTRUCTIONS
    )
    server.request_handlers |= pages.handlers()
    return server


class PageServer:
    """Handles requests. What they ask is looked up on one thread of its own, one after the other,
    so that a ping is answered meanwhile."""

    def __init__(self, mirror: Mirror, mask: Mask) -> None:
        self._mirror = mirror
        self._mask = mask
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mcp")
        self._session: SearchSession | None = None

    def handlers(self) -> dict[type, Callable[..., Awaitable[types.ServerResult]]]:
        """By the kind of request."""
        return {
            types.ListToolsRequest: self._list_tools,
            types.CallToolRequest: self._call_tool,
            types.ListResourcesRequest: self._list_resources,
            types.ListResourceTemplatesRequest: self._list_templates,
            types.ReadResourceRequest: self._read_resource,
        }

    def close(self) -> None:
        """Let go of the session, after the question that is being answered."""
        self._thread.submit(self._close_session).result()
        self._thread.shutdown()

    async def _list_tools(self, _request: types.ListToolsRequest) -> types.ServerResult:
        return types.ServerResult(types.ListToolsResult(tools=_TOOLS))

    async def _list_resources(self, _request: types.ListResourcesRequest) -> types.ServerResult:
        return types.ServerResult(types.ListResourcesResult(resources=[]))

    async def _list_templates(
        self, _request: types.ListResourceTemplatesRequest
    ) -> types.ServerResult:
        return types.ServerResult(types.ListResourceTemplatesResult(resourceTemplates=[_PAGES]))

    async def _call_tool(self, request: types.CallToolRequest) -> types.ServerResult:
        given = request.params.arguments or {}
        try:
            match request.params.name:
                case "search":
                    content = await self._look_up(self._search, _text_of(given, "query"))
                case "fetch":
                    content = await self._look_up(self._fetch, _text_of(given, "id"))
                case name:
                    raise McpError(_invalid(f"There is no tool {name}."))
        except SyncError as error:
            return _tool_result(self._mask(str(error)), failed=True)
        text = json.dumps(content, ensure_ascii=False)
        return _tool_result(text, structured=content)

    async def _read_resource(self, request: types.ReadResourceRequest) -> types.ServerResult:
        uri = request.params.uri
        found = _ADDRESS.fullmatch(str(uri))
        if found is None:
            raise McpError(_invalid("Resources are pages: confluence://page/{id}."))
        try:
            page = await self._look_up(self._page, found[1])
        except SyncError as error:
            raise McpError(_invalid(self._mask(str(error)))) from None
        text = types.TextResourceContents(uri=uri, mimeType=_PAGES.mimeType, text=page.text)
        return types.ServerResult(types.ReadResourceResult(contents=[text]))

    async def _look_up(self, what: Callable[[str], Result], given: str) -> Result:
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._guarded, what, given
        )

    # -- on the thread

    def _guarded(self, what: Callable[[str], Result], given: str) -> Result:
        """A bug ends a request, not the session; the log has it."""
        try:
            return what(given)
        except SyncError:
            raise
        except Exception as error:
            log.exception("a bug in confluence-mirror")
            raise SyncError(f"A bug in confluence-mirror: {type(error).__name__}.") from None

    def _search(self, query: str) -> dict[str, Any]:
        question = Question(query, limit=LIMIT, max_tokens=MAX_TOKENS)
        return search_content(self._opened().ask(question))

    def _fetch(self, page_id: str) -> dict[str, Any]:
        return fetch_content(self._page(page_id))

    def _page(self, page_id: str) -> PageText:
        page = self._opened().page(page_id)
        if page is None:
            raise WrongUsage(f"The mirror has no page {page_id}.")
        return page

    def _opened(self) -> SearchSession:
        if self._session is None:
            self._session = self._mirror.open_search(fresh=True)
        return self._session

    def _close_session(self) -> None:
        if self._session is not None:
            self._session.close()


def _text_of(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise WrongUsage(f"{name} is a text.")
    return value


def _tool_result(
    text: str, *, structured: dict[str, Any] | None = None, failed: bool = False
) -> types.ServerResult:
    content = types.TextContent(type="text", text=text)
    return types.ServerResult(
        types.CallToolResult(content=[content], structuredContent=structured, isError=failed)
    )


def _invalid(message: str) -> types.ErrorData:
    return types.ErrorData(code=types.INVALID_PARAMS, message=message)
