"""What may be shown to each user of a random site, against what that user's own token reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from confluence_mirror.access import load_conjunction, satisfied_keys
from confluence_mirror.confluence.accounts import Accounts
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.confluence.paging import iter_rows
from confluence_mirror.confluence.routes import BLOGPOSTS, PAGES, V2, Route
from confluence_mirror.errors import PermissionRefused
from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from confluence_mirror.model import Filter
from confluence_mirror.search import Question
from confluence_mirror.search.callers import Callers
from confluence_mirror.search.place import Place, searched_mirror
from confluence_mirror.search.searcher import Searched
from confluence_sandbox import ROBOT, SampleGateway, Site, restricted_site
from tests.mirror.harness import TOKENIZER, Bench
from tests.servers.memory_store import MemoryStore

ACCESS = PlanSettings(access=True)
CHILDREN = (
    Route(f"{V2}/footer-comments", "read:comment:confluence"),
    Route(f"{V2}/attachments", "read:attachment:confluence"),
)


@contextmanager
def asking(gateway: SampleGateway, user: str, token: str) -> Iterator[Gateway]:
    with closing(
        Gateway(gateway.url, gateway.cloud_id, user, token, sleep=lambda _: None)
    ) as client:
        yield client


def read_by(gateway: SampleGateway, account_id: str, *, children: bool) -> set[str]:
    """The pages, blog posts, comments and files that a user's own token lists."""
    with asking(gateway, *gateway.sign_in(account_id)) as client:
        try:
            return {
                str(row["id"])
                for route in (PAGES, BLOGPOSTS, *(CHILDREN if children else ()))
                for row in iter_rows(client, route, {"limit": 250, "status": "current"})
            }
        except PermissionRefused:
            return set()  # of an account that is no longer active


@contextmanager
def searched(bench: Bench) -> Iterator[Searched]:
    state = f"sqlite:///{bench.state / 'manifest.db'}"
    place = Place(bench.gateway.cloud_id, "confluence", state, bench.state, 30.0)
    with searched_mirror(bench.store, place) as mirror:
        yield mirror


def shown_to(mirror: Searched, accounts: Accounts, account_id: str) -> set[str]:
    """The pages that a search in the name of an account ranks."""
    assert mirror.record is not None
    caller = accounts.find_caller(account_id)
    assert caller is not None
    recorded = mirror.record.readers.conjunctions()
    keys = satisfied_keys({key: load_conjunction(text) for key, text in recorded.items()}, caller)
    where = Filter(access=tuple(keys))
    indexed = set(mirror.record.texts.page_ids(where, 100_000) or ())
    found = mirror.store.search(mirror.collection, "only here stands", 100_000, where)
    assert {str(hit.metadata["page_id"]) for hit in found} == indexed
    return indexed


def compare(bench: Bench, accounts: Accounts, users: list[str], seed: int) -> list[int]:
    """Assert that every user is shown what that user's token reads; how many pages each reads."""
    chance, callers = Random(seed), Callers(accounts)
    pages = bench.site.current()
    read = []
    with searched(bench) as mirror:
        for account_id in users:
            own = read_by(bench.gateway, account_id, children=bool(bench.wanted.children))
            assert shown_to(mirror, accounts, account_id) == own, account_id
            for page in chance.sample(pages, 3):
                question = Question(page.body.split()[-1].removesuffix(".</p>"), 50)
                answer = callers.answer(mirror, TOKENIZER, question, account_id)
                shown = {result.page_id for result in answer.results}
                assert shown <= own
                assert (page.id in shown) == (page.id in own)
            read.append(len(own))
    return read


@pytest.mark.parametrize(
    ("pages", "users"),
    [(90, 8), pytest.param(1000, 50, marks=pytest.mark.long)],
)
def test_every_user_is_shown_what_that_users_own_token_reads_and_nothing_else(
    tmp_path: Path, pages: int, users: int
) -> None:
    site = restricted_site(pages, users=users, seed=pages)
    people = [each for each in site.people if each != ROBOT]
    with SampleGateway(site) as gateway:
        bench = Bench(
            gateway,
            tmp_path,
            MemoryStore(),
            ScopeSpec(children=("comment", "attachment")),
            settings=ACCESS,
        )
        bench.run()
        with asking(gateway, gateway.user, gateway.token) as client:
            accounts = Accounts(client)
            read = compare(bench, accounts, people, pages)
            assert len(set(read)) > 3
            assert 0 in read  # those who cannot sign in any more

            change_readers(site, people, Random(pages))
            changed = bench.run()
            assert changed.chunks["sent"] == 0
            compare(bench, accounts, people[:10], pages + 1)
        bench.close()
        assert gateway.bugs == []


def change_readers(site: Site, people: list[str], chance: Random) -> None:
    """Restrict, open, and move what holds others."""
    elements = [each for each in site.content.values() if each.status == "current"]
    for each in chance.sample(elements, len(elements) // 20):
        site.unrestrict(each)
    for each in chance.sample(elements, len(elements) // 20):
        site.restrict_to(each, users=chance.sample(people, 3), groups=["group 1"])
    site.add_members("group 2", people[:2])
    site.remove_members("group 3", people)
    site.grant_space("TEAM", groups=["group 1", "group 2"])


def test_a_night_asks_at_most_five_requests_more_for_each_space(tmp_path: Path) -> None:
    site = restricted_site(180, users=10, seed=3)
    with SampleGateway(site) as gateway:
        plain = Bench(gateway, tmp_path / "plain", MemoryStore())
        with_readers = Bench(gateway, tmp_path / "readers", MemoryStore(), settings=ACCESS)
        counts = []
        for bench in (plain, with_readers):
            bench.run()
            gateway.clear()
            quiet = bench.run()
            assert (quiet.chunks["sent"], quiet.chunks["metadata_updated"]) == (0, 0)
            counts.append(gateway.counts())
            bench.close()
        plain_night, night = counts
        assert sum(night.values()) <= sum(plain_night.values()) + 5 * len(site.spaces)
        assert not [route for route in night if "/restriction" in route]
        search = "GET /wiki/rest/api/content/search"
        assert night[search] <= plain_night[search] + len(site.spaces)


def test_restrictions_that_the_index_lacks_or_cuts_off_are_read_all_the_same(
    tmp_path: Path,
) -> None:
    site = restricted_site(60, users=8, seed=11)
    people = [each for each in site.people if each != ROBOT]
    with SampleGateway(site) as gateway:
        gateway.switches.nested_restrictions = 2
        bench = Bench(gateway, tmp_path, MemoryStore(), settings=ACCESS)
        bench.run()
        with asking(gateway, gateway.user, gateway.token) as client:
            compare(bench, Accounts(client), people, 11)
        bench.close()


def test_viewers_by_role_are_shown_what_they_read(tmp_path: Path) -> None:
    site = restricted_site(60, users=8, seed=12)
    site.grant_space("ALL", groups=["group 0", "group 1"])
    people = [each for each in site.people if each != ROBOT]
    with SampleGateway(site) as gateway:
        gateway.switches.role_mode = "ROLES"
        bench = Bench(gateway, tmp_path, MemoryStore(), settings=ACCESS)
        bench.run()
        with asking(gateway, gateway.user, gateway.token) as client:
            compare(bench, Accounts(client), people, 12)
        bench.close()


def test_what_is_restricted_after_the_run_is_shown_to_nobody_where_an_administrator_asks(
    tmp_path: Path,
) -> None:
    site = restricted_site(40, users=6, seed=13, restricted=0.0)
    reader = next(each for each in site.people if each != ROBOT)
    page = next(each for each in site.current("ALL") if each.type == "page")
    site.edit(page, "<p>A zeppelin.</p>")
    said = site.add_comment(page, "<p>Another zeppelin.</p>")
    with SampleGateway(site) as gateway:
        gateway.switches.administrator = True
        comments = ScopeSpec(children=("comment",))
        bench = Bench(gateway, tmp_path, MemoryStore(), comments, settings=ACCESS)
        bench.run()
        with asking(gateway, gateway.user, gateway.token) as client, searched(bench) as mirror:
            callers = Callers(Accounts(client))

            def shown(account_id: str) -> set[str]:
                answer = callers.answer(mirror, TOKENIZER, Question("zeppelin"), account_id)
                return {each.page_id for each in answer.results}

            assert {page.id, said.id} <= shown(reader)
            site.restrict_to(page)
            assert not {page.id, said.id} & shown(reader)
            assert {page.id, said.id} <= shown(ROBOT)
        bench.close()
