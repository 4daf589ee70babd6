"""A small site behind its gateway, small Vector API servers, and jobs over them; one PostgreSQL for
a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from confluence_sandbox import SampleGateway, Site
from tests.job.harness import Job
from tests.mirror.conftest import body, small_site
from tests.servers.vector_api import VectorApiServer

if TYPE_CHECKING:
    from tests.servers.chroma import RunningChroma

Make: TypeAlias = Callable[..., Job]
Serve: TypeAlias = Callable[..., VectorApiServer]


def two_spaces() -> Site:
    """The small site, and a second space beside its first."""
    site = small_site(6)
    site.add_space("HR", "People")
    for number in range(3):
        site.add("HR", f"Policy {number}", body(500 + number))
    return site


@pytest.fixture
def gateway() -> Iterator[SampleGateway]:
    with SampleGateway(two_spaces()) as gateway:
        yield gateway
        assert not gateway.bugs


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server of a variant, with switches."""
    with ExitStack() as stack:

        def start(variant: Any = "underscore", **switches: Any) -> VectorApiServer:
            return stack.enter_context(VectorApiServer(variant, **switches))

        yield start


@pytest.fixture
def make(gateway: SampleGateway, serve: Serve, tmp_path: Path) -> Make:
    """A job; by default over an underscore server of its own, which ``job.server`` is."""

    def build(name: str = "job", server: VectorApiServer | None = None, /, **env: str) -> Job:
        kept = server or serve()
        return Job(tmp_path / name, gateway, kept.url, env, kept)

    return build


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningChroma]:
    """One Chroma for the session. Who stops it starts it again."""
    from tests.job.places import DATABASE, TENANT
    from tests.servers.chroma import running_chroma

    with running_chroma(tmp_path_factory.mktemp("chroma")) as server:
        server.make(TENANT, DATABASE)
        yield server


def page(site: Site, title: str) -> str:
    return next(each.id for each in site.content.values() if each.title == title)
