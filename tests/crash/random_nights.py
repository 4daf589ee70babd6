"""Random days of a site and random nights of the job: everything that may go wrong, drawn from a
seed.

A story is a site, a kind of Vector API, and nights: in each, people edit, move, restrict, archive
and delete; settings may change; one of the servers may misbehave; the run may be killed. After each
run that ends with 0 the store holds the texts that a run from scratch would make; after a night
without faults, their metadata too.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluence_mirror.errors import Exit
from confluence_sandbox import Fault, SampleGateway, Site
from confluence_sandbox.content import Content
from tests.crash.nursery import Ended, Nursery
from tests.crash.scene import VARIANTS, environ
from tests.crash.trap import Trap
from tests.job.harness import held
from tests.manifest.index_checks import check_index
from tests.mirror.conftest import body
from tests.servers.vector_api import VectorApiServer

ENDS = frozenset({0, 65, 69, 75, 77, 78})
"""How a run may end in a night of faults: the codes of the table but for a bug, a disk, drift and
usage."""
KILLED = frozenset({-signal.SIGKILL, 143})
ROUTES = (
    "/content/search",
    "/user/",
    "/v2/spaces$",
    "/spaces/[0-9]+/pages",
    "/spaces/[0-9]+/blogposts",
    "/content/labels",
    "/v2/pages$",
    "/v2/pages/[0-9]+$",
    "/v2/folders/",
    "/v2/blogposts",
    "",
)
LABELS = ("runbook", "urgent", "draft")


@dataclass
class Story:
    """One site with its mirror. ``log`` tells what happened, for the message of a failure."""

    seed: int
    nursery: Nursery
    folder: Path
    log: list[str] = field(default_factory=list)

    def tell(self, nights: int) -> None:
        """Live through so many nights, the last one without faults. ``AssertionError`` where
        something is lost."""
        self.dice = random.Random(self.seed)
        variant = self.dice.choice(list(VARIANTS.values()))
        self._api, self._switches = variant.api, variant.switches
        self._env = {"CHUNK_TOKENS": "120", "FILTER_SPACE_KEYS": "OPS", "COMMENTS": "open"}
        self.log.append(f"seed {self.seed}: {variant.name}")
        with ExitStack() as stack:
            self.gateway = stack.enter_context(SampleGateway(self._site()))
            self.server = stack.enter_context(self._server())
            try:
                for _ in range(nights):
                    self._day()
                    self._night()
                self._well("the end")
            except AssertionError as error:
                told = [str(error), self.log[0], *self.log[1:][-25:]]
                raise AssertionError("\n".join(told)) from None

    # -- the day

    def _site(self) -> Site:
        site = Site()
        for key, name in (("OPS", "Operations"), ("HR", "People")):
            site.add_space(key, name)
            inside = [site.add(key, f"{key} home", body(self.dice.randrange(90))).id]
            for number in range(self.dice.randrange(4, 10)):
                kind = self.dice.choice(("page", "page", "page", "page", "folder"))
                parent = self.dice.choice(inside)
                inside.append(
                    site.add(
                        key,
                        f"{key} {number}",
                        body(self.dice.randrange(90)),
                        type=kind,
                        parent=parent,
                    ).id
                )
            site.add(key, f"{key} news", body(self.dice.randrange(90)), type="blogpost")
        return site

    def _day(self) -> None:
        site, dice = self.gateway.site, self.dice
        site.clock.advance(hours=dice.choice((1, 20, 24, 30)))
        for _ in range(dice.randrange(4)):
            page = dice.choice(
                [each for each in site.content.values() if each.type in ("page", "blogpost")]
            )
            name, act = dice.choice(self._acts(page))
            self.log.append(f"  {name} {page.title!r} ({page.status})")
            act()

    def _acts(self, page: Content) -> list[tuple[str, Callable[[], object]]]:
        site, dice = self.gateway.site, self.dice
        if page.status == "trashed":
            return [
                ("restore", lambda: site.restore(page.id)),
                ("purge", lambda: site.purge(page.id)),
            ]
        if page.status == "archived":
            return [("unarchive", lambda: site.unarchive(page.id))]
        if page.status != "current":
            return [("leave", lambda: None)]
        if page.restricted:
            return [
                ("free", lambda: site.unrestrict(page.id)),
                ("trash", lambda: site.trash(page.id)),
            ]
        key = site.space_of(page.id).key
        acts: list[tuple[str, Callable[[], object]]] = [
            ("edit", lambda: site.edit(page.id, body(dice.randrange(90)))),
            (
                "add to",
                lambda: site.edit(page.id, page.body + f"<h2>More</h2><p>{dice.random()}</p>"),
            ),
            ("empty", lambda: site.edit(page.id, "")),
            (
                "rename",
                lambda: site.rename(page.id, f"{page.title.split(' #')[0]} #{dice.randrange(99)}"),
            ),
            ("relabel", lambda: site.relabel(page.id, dice.sample(LABELS, dice.randrange(3)))),
            ("restrict", lambda: site.restrict(page.id)),
            (
                "write beside",
                lambda: site.add(key, f"New {dice.randrange(10**6)}", body(dice.randrange(90))),
            ),
        ]
        acts += self._remarks(page)
        if page.parent_id is None:
            return acts
        below = {each.id for each in site.descendants(page.id)} | {page.id}
        places = [
            each.id for each in site.current(key) if each.type == "page" and each.id not in below
        ]
        leave = [("archive", lambda: site.archive(page.id)), ("trash", lambda: site.trash(page.id))]
        return (
            acts
            + leave
            + [("move", lambda: site.move(page.id, parent=dice.choice(places)))] * bool(places)
        )

    def _remarks(self, page: Content) -> list[tuple[str, Callable[[], object]]]:
        """What may be said on a page, and become of it."""
        site, dice = self.gateway.site, self.dice
        acts: list[tuple[str, Callable[[], object]]] = [
            ("remark on", lambda: site.add_comment(page.id, f"<p>Remark {dice.random()}</p>")),
        ]
        if said := site.comments_of(page.id):
            chosen = dice.choice(said).id
            acts += [
                ("answer on", lambda: site.add_reply(chosen, f"<p>Answer {dice.random()}</p>")),
                (
                    "change a remark on",
                    lambda: site.edit_comment(chosen, f"<p>{dice.random()}</p>"),
                ),
                ("take back a remark on", lambda: site.remove_comment(chosen)),
            ]
        return acts

    # -- the night

    def _night(self) -> None:
        dice = self.dice
        self._change_settings()
        trap = Trap()
        disturb = dice.choice(
            (self._nothing, self._gateway_fault, self._gateway_fault, self._store_fault)
        )
        how = disturb()
        if dice.random() < 0.3:
            trap = Trap(
                dice.randrange(1, 60), dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
            )
            how += f", {signal.Signals(trap.number).name} at {trap.nth}"
        ended = self._run(trap)
        self.log.append(f"  night with {how}: {ended.code}")
        assert ended.code in (ENDS | KILLED if trap.nth else ENDS), (
            f"it ended with {ended.code}\n{ended.err}"
        )
        assert "Traceback" not in ended.err, ended.err
        self.gateway.clear()
        self.server.before = lambda _number: None
        if ended.code == 0:
            self._compare(metadata=disturb == self._nothing)
        elif dice.random() < 0.5:
            self._well("the night after")

    def _change_settings(self) -> None:
        dice = self.dice
        if dice.random() < 0.1:
            self._env["CHUNK_TOKENS"] = dice.choice(("120", "200"))
        if dice.random() < 0.1:
            self._env["FILTER_SPACE_KEYS"] = "OPS,HR"
        if dice.random() < 0.1:
            self._env["RECONCILE_HOURS"] = dice.choice(("0", "48"))
        self.log.append(f"  settings {self._env}")

    def _nothing(self) -> str:
        return "nothing"

    def _gateway_fault(self) -> str:
        dice = self.dice
        how = dice.choice(
            (
                {"status": 401},
                {"status": 403},
                {"status": 404},
                {"status": 500},
                {"status": 502},
                {"status": 503},
                {"status": 429, "headers": {"Retry-After": "0"}},
                {"html": True},
                {"cut": "middle"},
                {"cut": "before"},
                {"truncate": True},
                {"payload": {"results": []}},
                {"payload": {}},
            )
        )
        where = {
            "path": dice.choice(ROUTES),
            "nth": dice.choice((1, 2, 3, 5)),
            "times": dice.choice((1, 1, 2)),
        }
        if how.get("payload") == {"results": []}:
            where["times"] = 1  # a site that tells one lie everywhere cannot be told from a truth
        self.gateway.add_fault(Fault(**{**where, **how}))  # type: ignore[arg-type]
        return f"{how} at {where}"

    def _store_fault(self) -> str:
        dice, server = self.dice, self.server
        switch = dice.choice(("fail_next", "busy_next", "lose_answer_next", "half_next"))
        times, at = dice.choice((1, 1, 3)), server.requests + dice.randrange(1, 25)

        def misbehave(number: int) -> None:
            if number == at:
                server.switches.change(**{switch: times})

        server.before = misbehave
        return f"{switch}={times} at the store's request {at - server.requests}"

    def _well(self, when: str) -> None:
        """Without faults two runs at most make it whole: the second, where a first one has to learn
        what it lost, or where a person has to agree that so many pages are gone."""
        self.server.switches.change(fail_next=0, busy_next=0, lose_answer_next=0, half_next=0)
        codes = []
        for arguments in ((), ("--full", "--allow-mass-delete")):
            ended = self._run(Trap(), *arguments)
            codes.append(ended.code)
            self.log.append(f"  {when}, without faults: {ended.code}")
            if ended.code == 0:
                break
        if codes[-1] == Exit.REFUSED and not self._shown():
            return  # gone, or rights that were lost? Without a page to see nobody can tell: all stays
        assert codes[-1] == 0, f"{when}: {codes}\n{ended.err}"
        self._compare(metadata=True)

    def _shown(self) -> list[Content]:
        """The pages that the site shows in the mirror's scope."""
        return self.gateway.site.current(*self._env["FILTER_SPACE_KEYS"].split(","))

    def _run(self, trap: Trap, *arguments: str) -> Ended:
        return self._in(self.folder / "state", self.server, trap, *arguments)

    def _in(self, folder: Path, server: VectorApiServer, trap: Trap, *arguments: str) -> Ended:
        env = environ(self.gateway, folder) | {"VECTOR_API_BASE_URL": server.url} | self._env
        return self.nursery.run(folder, env, trap, *arguments)

    def _server(self) -> VectorApiServer:
        return VectorApiServer(self._api, **self._switches)  # type: ignore[arg-type]

    def _compare(self, *, metadata: bool) -> None:
        here = self._held(self.folder / "state", self.server)
        with self._scratch() as (folder, server):
            there = self._held(folder, server)
        if not metadata:
            # The index is alone in knowing a new comment: where it lied, the next run brings it.
            here, there = (
                {chunk: row[:1] for chunk, row in rows.items() if not _is_comment(row)}
                for rows in (here, there)
            )
        lost, extra = sorted(there.keys() - here.keys()), sorted(here.keys() - there.keys())
        wrong = [
            f"{here[chunk]} instead of {there[chunk]}"
            for chunk in here.keys() & there
            if here[chunk] != there[chunk]
        ]
        differences = (
            [f"lost: {there[chunk]}" for chunk in lost]
            + [f"too many: {here[chunk]}" for chunk in extra]
            + wrong
        )
        check_index(self.folder / "state" / "manifest.db")
        assert not differences, (
            f"{len(lost)} lost, {len(extra)} too many, {len(wrong)} differ\n"
            + "\n".join(differences[:5])
        )

    @contextmanager
    def _scratch(self) -> Iterator[tuple[Path, VectorApiServer]]:
        folder = self.folder / f"scratch-{len(self.log)}"
        with self._server() as server:
            ended = self._in(folder, server, Trap())
            assert ended.code == 0, f"a run from scratch ended with {ended.code}\n{ended.err}"
            yield folder, server

    def _held(self, folder: Path, server: VectorApiServer) -> dict[str, tuple[Any, ...]]:
        pointer = (folder / "CURRENT_COLLECTION").read_text(encoding="utf-8").strip()
        return dict(held(server, pointer, exact=False))


def _is_comment(row: tuple[Any, ...]) -> bool:
    metadata: dict[str, Any] = row[1]
    return metadata["page_type"] == "comment"
