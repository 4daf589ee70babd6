"""A client that knows nothing: it asks and gives back what came."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from confluence_sandbox import SampleGateway

SEARCH = "/wiki/rest/api/content/search"
V2 = "/wiki/api/v2"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def results(self) -> Any:
        return self.json["results"]

    @property
    def next(self) -> str | None:
        return self.json["_links"].get("next")

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.results]


class Client:
    """Speaks to one origin over one connection; paths are below the cloud id."""

    def __init__(
        self, gateway: SampleGateway, *, origin: str = "", prefix: str | None = None
    ) -> None:
        self.connection = HTTPConnection(urlsplit(origin or gateway.url).netloc)
        self.prefix = f"/ex/confluence/{gateway.cloud_id}" if prefix is None else prefix
        self.headers = {
            "Authorization": basic(gateway.user, gateway.token),
            "Accept": "application/json",
        }

    def get(self, path: str, **query: Any) -> Reply:
        named = {name.replace("_", "-"): value for name, value in query.items()}
        mark = "&" if "?" in path else "?"
        return self.ask(
            "GET", path + (mark + urlencode(named, doseq=True, quote_via=quote) if named else "")
        )

    def post(self, path: str, values: Any) -> Reply:
        return self.ask("POST", path, json.dumps(values).encode())

    def ask(self, method: str, target: str, body: bytes | None = None) -> Reply:
        self.connection.request(method, self.prefix + target, body, self.headers)
        answer = self.connection.getresponse()
        return Reply(answer.status, dict(answer.headers), answer.read())

    def search(self, cql: str, **query: Any) -> Reply:
        return self.get(SEARCH, cql=cql, **query)

    def walk(self, path: str, *, context: str = "", most: int = 200, **query: Any) -> list[Reply]:
        """Follow next links to the end."""
        pages = [self.get(path, **query)]
        while pages[-1].next and len(pages) < most:
            pages.append(self.ask("GET", context + pages[-1].next))
        return pages

    def found(self, cql: str, **query: Any) -> list[str]:
        """Every id that a search gives."""
        return [
            each
            for page in self.walk(SEARCH, context="/wiki", cql=cql, **query)
            for each in page.ids
        ]

    def listed(self, path: str, **query: Any) -> list[str]:
        """Every id that a v2 listing gives."""
        return [each for page in self.walk(V2 + path, **query) for each in page.ids]


def basic(user: str, token: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()
