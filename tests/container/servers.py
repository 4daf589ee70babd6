"""The servers that a pod may reach, in one process: a Confluence, a Vector API (plain and over
TLS), a Llama Stack.

``python -m tests.container.servers CERTIFICATE KEY`` prints their addresses as a line of
JSON. Then it reads commands from standard input, a JSON object a line, and answers each with a
line; it ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import threading
from typing import Any

from confluence_sandbox.gateway import SampleGateway
from confluence_sandbox.generated import generated_site
from tests.servers.llama_stack import LlamaStackServer
from tests.servers.vector_api import VectorApiServer

PAGES = 300
FEW = 30
"""What a Llama Stack is given: a file a chunk takes its time."""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def tls_in_front_of(port: int, certificate: str, key: str) -> int:
    """A port that speaks TLS and passes everything on to ``port``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening = threading.Event()
    ports: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        ports.append(server.sockets[0].getsockname()[1])
        listening.set()
        await server.serve_forever()

    threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
    listening.wait()
    return ports[0]


def main(certificate: str, key: str) -> None:
    with (
        SampleGateway(generated_site(PAGES)) as gateway,
        SampleGateway(generated_site(FEW), token=gateway.token) as small,
        VectorApiServer("underscore") as vector_api,
        LlamaStackServer() as llama,
    ):
        port = int(vector_api.url.rsplit(":", 1)[1])
        addresses = {
            "gateway": gateway.url,
            "small": small.url,
            "cloud_id": gateway.cloud_id,
            "user": gateway.user,
            "token": gateway.token,
            "vector_api": vector_api.url,
            "vector_api_tls": f"https://127.0.0.1:{tls_in_front_of(port, certificate, key)}",
            "llama": llama.base_url,
        }
        print(json.dumps(addresses), flush=True)
        for line in sys.stdin:
            command = json.loads(line)
            answer: Any = None
            match command.pop("do"):
                case "vector_api":
                    answer = vector_api.state.dump()["collections"]
                case "slow":
                    vector_api.switches.change(slow=command["seconds"])
                case "llama":
                    stores = llama.state.stores.values()
                    answer = {
                        s.name: [[e.text, e.attributes] for _, e in s.index.pairs()] for s in stores
                    }
                case "pages":
                    answer = {
                        p["id"]: p["title"]
                        for p in (small if command["few"] else gateway).run("pages")
                    }
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
