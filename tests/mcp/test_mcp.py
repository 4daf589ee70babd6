"""``mcp``: the official SDK's client asks the server in a process of its own."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest
from mcp import ClientSession, McpError, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.shared.memory import create_connected_server_and_client_session
from pydantic import AnyUrl

from confluence_mirror.logs import Mask
from confluence_mirror.mcp_server.server import PageServer, make_server
from confluence_mirror.runs import Shared, open_mirror
from confluence_mirror.settings import Settings
from confluence_sandbox import SampleGateway
from tests.job.conftest import page
from tests.job.harness import Job
from tests.mirror.conftest import small_site
from tests.readers.snippets import snippets
from tests.servers.vector_api import VectorApiServer

Talk: TypeAlias = Callable[[ClientSession], Awaitable[None]]


@contextmanager
def mirrored(folder: Path, **env: str) -> Iterator[Job]:
    """A mirror of a small site, in a Vector API or the store that is named."""
    site = small_site(4)
    site.add("OPS", "Zebra", "<h2>Stripes</h2><p>The zebra protocol.</p>", labels=["animal"])
    with SampleGateway(site) as gateway, VectorApiServer("underscore") as server:
        job = Job(folder, gateway, "" if "STORE" in env else server.url, env, server)
        job.here()
        yield job


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A mirror that is only asked."""
    with mirrored(tmp_path_factory.mktemp("mcp") / "job") as job:
        yield job


def in_process(job: Job, talk: Talk, **changes: str) -> None:
    """What a client does with the server, both in this process."""
    settings, _ = Settings.load(job.environ(**changes), job.folder)
    shared = Shared(mask=Mask(settings.secrets()))
    pages = PageServer(open_mirror(settings, shared), shared.mask)

    async def connect() -> None:
        async with create_connected_server_and_client_session(make_server(pages)) as session:
            await talk(session)

    try:
        anyio.run(connect)
    finally:
        pages.close()


def documented_server(client: str) -> dict[str, Any]:
    """What ``docs/read.md`` tells a client to start."""
    language, text = snippets()[client]
    assert language == "json"
    ((_, servers),) = json.loads(text).items()
    found: dict[str, Any] = servers["confluence"]
    return found


def in_session(job: Job, talk: Talk) -> None:
    """What a client does with the server that it starts as the documents say."""
    program = job.folder / ".venv" / "bin" / "confluence-mirror"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(job.command())} "$@"\n')
    program.chmod(0o755)
    told = documented_server("mcp-claude-desktop")
    arguments = [each.replace("/srv/confluence-mirror", str(job.folder)) for each in told["args"]]
    server = StdioServerParameters(command=told["command"], args=arguments, env=job.environ())

    async def connect() -> None:
        async with stdio_client(server) as streams, ClientSession(*streams) as session:
            await session.initialize()
            await talk(session)

    anyio.run(connect)


def content(result: types.CallToolResult) -> dict[str, Any]:
    """The one item of JSON text, which is the structured content too."""
    assert not result.isError, result.content
    (item,) = result.content
    assert isinstance(item, types.TextContent)
    found: dict[str, Any] = json.loads(item.text)
    assert found == result.structuredContent
    return found


def error(result: types.CallToolResult) -> str:
    assert result.isError
    (item,) = result.content
    assert isinstance(item, types.TextContent)
    assert "\n" not in item.text
    return item.text


def test_a_session_searches_fetches_and_follows_the_mirror(tmp_path: Path) -> None:
    with mirrored(tmp_path / "job") as job:
        in_session(job, follow(job))


@pytest.mark.chroma
@pytest.mark.long
def test_a_session_follows_the_embedded_store_too(tmp_path: Path) -> None:
    with mirrored(tmp_path / "job", STORE="embedded") as job:
        in_session(job, follow(job))


def follow(job: Job) -> Talk:
    """Asks, changes the site, syncs it and asks again."""
    zebra = page(job.gateway.site, "Zebra")

    async def talk(session: ClientSession) -> None:
        found = content(await session.call_tool("search", {"query": "zebra protocol"}))
        ids = [each["id"] for each in found["results"]]
        assert ids[0] == zebra
        assert len(set(ids)) == len(ids)
        assert set(found["results"][0]) == {"id", "title", "url", "text"}

        whole = content(await session.call_tool("fetch", {"id": zebra}))
        assert (whole["id"], whole["title"]) == (zebra, "Zebra")
        assert "The zebra protocol." in whole["text"]
        assert whole["url"].startswith("https://")
        assert whole["metadata"]["labels"] == "animal"

        read = await session.read_resource(AnyUrl(f"confluence://page/{zebra}"))
        (resource,) = read.contents
        assert isinstance(resource, types.TextResourceContents)
        assert (resource.text, resource.mimeType) == (whole["text"], "text/markdown")

        job.gateway.site.edit(zebra, "<p>The quagga protocol, from today on.</p>")
        job.gateway.site.add("OPS", "Okapi", "<p>The okapi protocol is new.</p>")
        job.here()
        found = content(await session.call_tool("search", {"query": "okapi protocol"}))
        assert found["results"][0]["title"] == "Okapi"
        whole = content(await session.call_tool("fetch", {"id": zebra}))
        assert "quagga" in whole["text"]
        assert "zebra" not in whole["text"]

    return talk


def test_each_client_is_told_to_start_the_same_server() -> None:
    told = documented_server("mcp-claude-desktop")
    assert told["args"][1].endswith("confluence-mirror mcp")
    assert documented_server("mcp-cursor") == told
    assert documented_server("mcp-vs-code") == {"type": "stdio", **told}


def test_the_tools_are_read_only_and_pages_are_resources(job: Job) -> None:
    async def talk(session: ClientSession) -> None:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert {name: tool.inputSchema["required"] for name, tool in tools.items()} == {
            "search": ["query"],
            "fetch": ["id"],
        }
        for tool in tools.values():
            assert tool.annotations is not None
            assert tool.annotations.readOnlyHint is True
        (template,) = (await session.list_resource_templates()).resourceTemplates
        assert template.uriTemplate == "confluence://page/{id}"
        assert (await session.list_resources()).resources == []

        assert "needs words" in error(await session.call_tool("search", {"query": " "}))
        assert "query is a text" in error(await session.call_tool("search", {}))
        assert "no page 99" in error(await session.call_tool("fetch", {"id": "99"}))
        with pytest.raises(McpError, match="no tool write"):
            await session.call_tool("write", {})
        with pytest.raises(McpError, match="no page 99"):
            await session.read_resource(AnyUrl("confluence://page/99"))
        with pytest.raises(McpError, match="Resources are pages"):
            await session.read_resource(AnyUrl("confluence://space/OPS"))

    in_process(job, talk)


def test_without_a_text_index_the_page_comes_from_the_store(tmp_path: Path) -> None:
    async def talk(session: ClientSession) -> None:
        found = content(await session.call_tool("search", {"query": "zebra protocol"}))
        whole = content(await session.call_tool("fetch", {"id": found["results"][0]["id"]}))
        assert (whole["title"], whole["metadata"]["labels"]) == ("Zebra", "animal")
        assert "The zebra protocol." in whole["text"]
        assert "no page 99" in error(await session.call_tool("fetch", {"id": "99"}))

    with mirrored(tmp_path / "job", TEXT_INDEX="false") as job:
        in_process(job, talk)


def test_what_stands_in_the_way_is_an_error_of_the_tool_and_shows_no_secret(job: Job) -> None:
    async def talk(session: ClientSession) -> None:
        said = error(await session.call_tool("search", {"query": "zebra"}))
        assert said.startswith("There is no collection *** in ")

    in_process(job, talk, CONF_API_TOKEN="hush-hush", COLLECTION_ID="hush-hush")


def test_the_standard_output_holds_the_protocol_alone_and_ends_with_the_input(job: Job) -> None:
    begin = {
        "protocolVersion": types.LATEST_PROTOCOL_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "ping"},
    ]
    with subprocess.Popen(
        job.command("mcp"),
        cwd=job.folder,
        env=job.environ(LOG_LEVEL="DEBUG"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write("".join(f"{json.dumps(each)}\n" for each in messages))
        server.stdin.flush()
        # The input ends only after both are answered: an end cancels what is under way.
        lines = [server.stdout.readline() for _ in range(2)]
        rest, said = server.communicate(timeout=60)
    assert server.returncode == 0, said
    answers = [json.loads(line) for line in lines]
    assert [each["id"] for each in answers] == [1, 2]
    assert all(each["jsonrpc"] == "2.0" for each in answers)
    assert rest == ""
    assert "Traceback" not in said


def test_without_the_package_one_line_says_how_to_get_it(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    said = job.here("mcp", expect=78).stderr
    assert said == (
        "The command mcp needs the package mcp. In the checkout of this program: pip install"
        " '.[mcp]'\n"
    )
