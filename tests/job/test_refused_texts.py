"""One text, one server's mood must not freeze the mirror: whose fault a refusal is, and what
follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, Site
from tests.job.conftest import Make, Serve, page
from tests.job.harness import Job, held
from tests.mirror.conftest import body
from tests.selection import only_quick
from tests.servers.embedding import HTML, EmbeddingServer, Moods

pytestmark = pytest.mark.chroma
POISON = "ununquadium"


@pytest.fixture
def model() -> Iterator[EmbeddingServer]:
    with EmbeddingServer(**{"bge-m3": 48}) as server:
        yield server


@pytest.fixture
def job(gateway: SampleGateway, model: EmbeddingServer, tmp_path: Path) -> Job:
    """Vectors of a server, in the embedded store."""
    env = {
        "STORE": "embedded",
        "EMBEDDING_BASE_URL": model.url,
        "EMBEDDING_MODEL_ID": "bge-m3",
        "REQUEST_TIMEOUT": "1",
    }
    return Job(tmp_path / "job", gateway, env=env)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Next tries follow at once."""
    monkeypatch.setattr("confluence_mirror.mirror.stop.Stop.pause", lambda _self, _seconds: None)


def exact(job: Job) -> None:
    job.here("--verify")
    assert job.night()["chunks"]["sent"] == 0


def poisoned(site: Site) -> str:
    return site.add("OPS", "Poisoned", f"{body(800)}<p>{POISON} {POISON}</p>").id


REFUSALS = {
    "400": Moods(refuses={POISON: (400, "invalid input")}),
    "413": Moods(refuses={POISON: (413, "too many tokens")}),
    "422": Moods(refuses={POISON: (422, "cannot be tokenized")}),
    "403 of a firewall": Moods(refuses={POISON: (403, HTML)}),
    "500 with NaN": Moods(
        refuses={POISON: (500, "failed to encode response: json: unsupported value: NaN")}
    ),
    "502": Moods(refuses={POISON: (502, "bad gateway")}),
    "NaN in a 200": Moods(spoils={POISON: float("nan")}),
    "null in a 200": Moods(spoils={POISON: None}),
    "infinity in a 200": Moods(spoils={POISON: float("inf")}),
    "zeros in a 200": Moods(spoils={POISON: 0.0}),
    "a cut connection": Moods(cuts=POISON),
}


@pytest.mark.parametrize(
    "mood", only_quick(REFUSALS, "400", "502", "NaN in a 200", "a cut connection")
)
def test_a_text_that_the_embedder_refuses_is_its_pages_failure_alone(
    job: Job, gateway: SampleGateway, model: EmbeddingServer, mood: str
) -> None:
    bad = poisoned(gateway.site)
    model.moods = REFUSALS[mood]
    report = job.night(expect=75)
    assert [failure["id"] for failure in report["failed"]] == [bad]
    assert (
        report["pages"]["added"]
        == len(gateway.site.current("OPS")) + len(gateway.site.current("HR")) - 1
    )
    model.moods = Moods()
    job.here()
    exact(job)


def test_a_page_that_the_embedder_refuses_keeps_its_last_good_chunks(
    job: Job, gateway: SampleGateway, model: EmbeddingServer
) -> None:
    job.here()
    gateway.site.edit(page(gateway.site, "Page 1"), f"<p>{POISON}</p>")
    model.moods = Moods(refuses={POISON: (400, "invalid input")})
    job.here(expect=75)
    job.here("--verify")
    assert "Part 1 of 1" in job.here("--query", "Part 1 of 1", "--full").stdout


@pytest.mark.parametrize(("refused", "ends"), [(20, 75), (21, 78)])
def test_more_than_twenty_refused_pages_are_the_settings_failure_and_the_others_are_mirrored(
    job: Job, gateway: SampleGateway, model: EmbeddingServer, refused: int, ends: int
) -> None:
    for number in range(refused):
        gateway.site.add("OPS", f"Poisoned {number}", f"<p>{POISON} {number}</p>")
    model.moods = Moods(refuses={POISON: (400, "invalid input")})
    report = job.night(expect=ends, MAX_DELETE_RATIO="0.1")
    assert (f"{refused} pages are refused" in report["problem"]) == (ends == 78)
    assert report["pages"]["added"] == len(gateway.site.current()) - refused
    model.moods = Moods()
    job.here()
    exact(job)


def test_of_a_large_site_a_part_as_large_as_a_mass_removal_may_be_refused(
    job: Job, gateway: SampleGateway, model: EmbeddingServer
) -> None:
    for number in range(21):
        gateway.site.add("OPS", f"Poisoned {number}", f"<p>{POISON} {number}</p>")
    model.moods = Moods(refuses={POISON: (400, "invalid input")})
    share = 21 / len(gateway.site.current())
    job.here(expect=75, MAX_DELETE_RATIO=str(share + 0.01))
    job.here(expect=78, MAX_DELETE_RATIO=str(share - 0.01))


def test_pages_given_up_for_the_embedder_are_tried_again_each_night_and_whole_when_it_is_well(
    job: Job, gateway: SampleGateway, model: EmbeddingServer
) -> None:
    poisoned(gateway.site)
    model.moods = Moods(refuses={POISON: (400, "invalid input")})
    for _ in range(2):
        job.here(expect=75)
    assert job.night()["pages"]["quarantined"] == 1
    asked = model.requests
    report = job.night()
    assert report["pages"]["quarantined"] == 1
    assert model.requests > asked
    model.moods = Moods()
    report = job.night()
    assert (report["pages"]["quarantined"], report["pages"]["failed"]) == (0, 0)
    exact(job)


SYSTEMATIC: dict[str, tuple[Moods, int, str]] = {
    "refuses everything": (Moods(sick=(400, "no such deployment")), 78, "no such deployment"),
    "has lost its model": (Moods(sick=(404, "model not found")), 78, "model not found"),
    "refuses the key": (Moods(sick=(401, "who are you")), 77, "EMBEDDING_API_KEY"),
    "forbids everything": (Moods(sick=(403, "forbidden")), 77, "EMBEDDING_API_KEY"),
    "fails": (Moods(sick=(500, "CUDA out of memory")), 69, "CUDA out of memory"),
    "is behind a proxy that fails": (Moods(sick=(502, HTML)), 69, "502"),
    "answers HTML": (Moods(sick=(200, HTML)), 69, "HTML"),
    "gives NaN for every text": (Moods(spoils={"": float("nan")}), 69, "NaN"),
    "is busy for minutes": (Moods(sick=(429, "Model is overloaded")), 69, "Model is overloaded"),
    "loads its model for minutes": (Moods(sick=(503, "Loading")), 69, "Loading"),
    "takes no text of this length": (Moods(longest=200), 78, "CHUNK_TOKENS"),
}


@pytest.mark.parametrize(
    "what",
    only_quick(SYSTEMATIC, "refuses everything", "fails", "is busy for minutes"),
)
def test_what_has_left_is_removed_and_no_page_is_given_up_where_the_embedder(
    job: Job,
    gateway: SampleGateway,
    model: EmbeddingServer,
    what: str,
) -> None:
    job.env["EMBEDDING_PATIENCE"] = "3"
    job.here()
    gateway.site.trash(page(gateway.site, "Page 2"))
    gateway.site.add("OPS", "New today", body(700))
    moods, code, said = SYSTEMATIC[what]
    model.moods = moods
    for _ in range(4):
        report = job.night(expect=code)
        assert said in report["problem"] + report["hint"]
        assert report["pages"]["failed"] == 0
    job.here("--verify")
    model.moods = Moods()
    assert "Page 2" not in job.here("--query", "Part 1 of 2").stdout
    job.here()
    exact(job)


def test_removals_verification_dry_runs_and_purges_need_no_embedder(
    job: Job, gateway: SampleGateway, model: EmbeddingServer
) -> None:
    job.here()
    gateway.site.trash(page(gateway.site, "Page 2"))
    model.moods = Moods(sick=(500, "gone"))
    asked = model.requests
    job.here("--dry-run")
    report = job.night()
    assert report["pages"]["removed"] == 1
    job.here("--verify")
    job.here("--purge", "--yes")
    assert model.requests == asked


LIMITS = {
    "text-embeddings-inference": (422, "batch size {count} > maximum allowed batch size {limit}"),
    "DashScope": (
        400,
        "Value error, batch size is invalid, it should not be larger than {limit}.: input.contents",
    ),
    "Azure": (400, "Too many inputs. The max number of inputs is {limit}."),
    "Infinity": (422, "List should have at most {limit} items after validation, not {count}"),
    "Mistral, which names no number": (400, "Too many inputs in request, split into more batches."),
    "OpenAI, by tokens": (
        400,
        "Invalid 'input': maximum request size is 300000 tokens per request.",
    ),
    "a proxy": (413, "Request Entity Too Large"),
    "OpenAI, by rate": (
        429,
        "Request too large for the model on tokens per min. Limit 40000, Requested 50000.",
    ),
    "a proxy that waits": (504, "upstream timed out"),
    "a server short of memory": (500, "CUDA out of memory"),
}


@pytest.mark.parametrize(
    "what", only_quick(LIMITS, "text-embeddings-inference", "a proxy", "a server short of memory")
)
def test_batches_shrink_to_what_the_server_takes_and_the_next_run_begins_there(
    job: Job, gateway: SampleGateway, model: EmbeddingServer, what: str
) -> None:
    model.moods = Moods(limit=5, limit_says=LIMITS[what])
    job.here()
    assert max(model.sizes[-2:]) <= 5
    for number in range(3):
        gateway.site.add("OPS", f"Larger {number}", body(900 + number, sections=5))
    model.sizes.clear()
    job.here()
    assert 2 < max(model.sizes) <= 5
    exact(job)


def test_a_batch_that_is_never_answered_is_halved(job: Job, model: EmbeddingServer) -> None:
    model.moods = Moods(slow_above=16)
    job.here()
    exact(job)


def test_a_model_that_loads_is_waited_for(job: Job, model: EmbeddingServer) -> None:
    model.moods = Moods(loading=9, retry_after="20")
    job.here()
    exact(job)


# -- stores


def test_a_store_that_refuses_every_chunk_is_the_runs_failure_and_gives_no_page_up(
    gateway: SampleGateway, make: Make
) -> None:
    job = make(BATCH_SIZE="3")
    job.here()
    gateway.site.trash(page(gateway.site, "Page 2"))
    for number in range(4):
        gateway.site.edit(
            page(gateway.site, f"Page {number}" if number else "Home"), body(600 + number)
        )
    job.store.switches.refuse = 422
    for _ in range(4):
        report = job.night(expect=78)
        assert "quota" in report["problem"]
        assert report["pages"]["quarantined"] == 0
    assert "Page 2" not in {
        metadata["title"] for _, metadata in held(job.store, "confluence").values()
    }
    job.store.switches.refuse = 0
    job.here()
    exact(job)


def test_an_empty_store_that_refuses_every_chunk_is_never_a_success(
    gateway: SampleGateway, make: Make
) -> None:
    job = make(BATCH_SIZE="3")
    job.store.switches.refuse = 400
    for _ in range(5):
        assert job.night(expect=78)["pages"]["quarantined"] == 0
    job.store.switches.refuse = 0
    job.here()
    exact(job)


def test_a_page_given_up_for_the_store_is_tried_again_each_night(
    gateway: SampleGateway, make: Make
) -> None:
    bad = poisoned(gateway.site)
    job = make(BATCH_SIZE="3")
    job.store.switches.poison = POISON
    for _ in range(2):
        assert [each["id"] for each in job.night(expect=75)["failed"]] == [bad]
    assert job.night()["pages"]["quarantined"] == 1
    job.store.switches.poison = ""
    job.here()
    exact(job)


@pytest.mark.parametrize("arguments", [("--full",), ("--repair",)])
def test_a_page_given_up_for_its_own_reason_is_tried_again_when_it_is_asked_for(
    gateway: SampleGateway, make: Make, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> Callable[..., object]:
        from confluence_mirror.mirror import workers

        honest = workers.outcome
        return lambda draft, *how: "no" if draft.body.ref.title == name else honest(draft, *how)

    job = make()
    with monkeypatch.context() as patch:
        patch.setattr("confluence_mirror.mirror.workers.outcome", refuse("Page 1"))
        for _ in range(2):
            job.here(expect=75)
        job.here()
    assert job.night()["pages"]["quarantined"] == 1
    job.here(*arguments)
    assert job.night()["pages"]["quarantined"] == 0
    exact(job)


def test_a_server_without_upsert_that_refuses_everything_gives_no_page_up(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"), BATCH_SIZE="3")
    job.here()
    job.store.switches.refuse = 422
    gateway.site.add("OPS", "New today", body(700))
    for _ in range(4):
        report = job.night(expect=75)
        assert report["pages"]["quarantined"] == 0
    job.store.switches.refuse = 0
    job.here()
    assert job.night()["chunks"]["sent"] == 0


def test_a_write_that_a_proxy_gives_up_on_is_halved_and_the_next_run_begins_with_what_worked(
    gateway: SampleGateway, make: Make
) -> None:
    job = make()
    job.store.switches.slow_above = 7
    job.here()
    exact(job)
    for number in range(9):
        gateway.site.add("OPS", f"New {number}", body(900 + number))
    before = job.store.state.requests["POST /v1/vector_io/documents"]
    job.here()
    assert (
        job.store.state.requests["POST /v1/vector_io/documents"] - before == 2
    )  # 5 and 4: none too large
    exact(job)


def test_an_append_only_server_that_times_out_is_sent_fewer_by_the_next_run_until_it_can_do_it(
    make: Make, serve: Serve
) -> None:
    job = make("job", serve("dash"))
    job.store.switches.slow_above = 3
    for _ in range(4):
        done = job.here_with_a_bug()
        assert done.returncode in (0, 69), done.stdout
        if done.returncode == 0:
            break
    assert done.returncode == 0
    job.store.switches.slow_above = 0
    assert job.night()["chunks"]["sent"] == 0
    assert sorted(held(job.store, "confluence")) == sorted(set(held(job.store, "confluence")))
