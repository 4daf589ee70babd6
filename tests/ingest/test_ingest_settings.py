"""What ``ingest_conf.py`` asks for, what it takes where nothing is said, and which options it
has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from confluence_sandbox import SampleGateway
from tests.ingest.conftest import NAME, Ingest
from tests.job.conftest import page
from tests.servers.llama_stack_state import VectorStore

REQUIRED = ("LLAMA_BASE_URL", "CONF_CLOUD_ID", "CONF_USER", "CONF_API_TOKEN", "SPACE_NAME")


def titles(store: VectorStore) -> set[str]:
    return {row.attributes["title"] for row in store.rows.values()}


def test_without_settings_every_required_one_is_named_at_once(job: Ingest) -> None:
    said = job.here(expect=78, **dict.fromkeys(REQUIRED, "")).stderr
    assert [line.split(":")[0].strip() for line in said.splitlines()[1:]] == [
        *REQUIRED[1:4],
        REQUIRED[0],
        REQUIRED[4],
    ]


@pytest.mark.parametrize("name", REQUIRED)
def test_each_required_setting_is_asked_for_before_anything_is_read(job: Ingest, name: str) -> None:
    said = job.here(expect=78, **{name: ""}).stderr
    assert f"{name}: is required" in said
    assert len(said.splitlines()) == 2
    assert job.gateway.log == []
    assert job.stack.requests == []


def test_the_store_is_conf_known_issues_whatever_collection_other_jobs_fill(job: Ingest) -> None:
    job.here(COLLECTION_ID="elsewhere", STORE="embedded")
    assert [store.name for store in job.stack.state.stores.values()] == [NAME]
    assert job.hint.read_text() == f"{job.stores()[0]}\n"
    assert "Page 1" in titles(job.vector_store(job.stores()[0]))


def test_a_vector_db_id_names_the_store(job: Ingest) -> None:
    job.here(VECTOR_DB_ID="runbooks")
    assert [store.name for store in job.stack.state.stores.values()] == ["runbooks"]


def test_the_lookback_is_everything_unless_set(job: Ingest, gateway: SampleGateway) -> None:
    def labels() -> set[str]:
        return {row.attributes["labels"] for row in job.vector_store(job.stores()[0]).rows.values()}

    job.here()
    gateway.site.relabel(
        page(gateway.site, "Page 1"), ["fresh"]
    )  # no new version: a window does not show it
    gateway.site.age_all(hours=1000)
    job.here(RECONCILE_HOURS="720", SINCE_HOURS="1")
    assert "fresh" not in labels()
    job.here(RECONCILE_HOURS="720")
    assert "fresh" in labels()


def test_labels_narrow_to_the_pages_that_bear_one(job: Ingest) -> None:
    job.here(LABELS="runbook")
    assert titles(job.vector_store(job.stores()[0])) == {"Page 3"}


def test_it_has_no_tour(job: Ingest) -> None:
    assert "--demo" in job.here("--demo", expect=64).stderr
    assert job.stores() == []
    assert job.gateway.log == []


def test_an_empty_question_is_wrong_usage_and_no_run(job: Ingest) -> None:
    assert "--query" in job.here("--query", "", expect=64).stderr
    assert job.stores() == []


def test_an_id_that_cannot_be_kept_is_74_and_the_mirror_is_whole(job: Ingest) -> None:
    job.hint.mkdir(parents=True)
    done = job.here("--report", str(job.folder / "report.json"), expect=74)
    assert "conf_known_issues.vdb" in done.stderr
    assert '"exit_code": 74' in (job.folder / "report.json").read_text()
    job.hint.rmdir()
    assert "0 chunks sent" in job.here().stderr


def test_an_id_that_cannot_be_kept_hides_no_worse_end(job: Ingest, gateway: SampleGateway) -> None:
    job.hint.mkdir(parents=True)
    gateway.fault("/wiki/api/v2/spaces", status=401)
    job.here(expect=77)
    gateway.faults.clear()
    job.stack.state.refused_texts.append("Part 1 of 3")
    job.here(expect=75)


def test_another_mirror_in_the_same_folder_does_not_move_it(job: Ingest) -> None:
    job.here()
    other = replace(job, env=job.env | {"VECTOR_DB_ID": "people", "SPACE_NAME": "People"})
    other.here()
    assert "0 chunks sent" in job.here().stderr
    assert "0 chunks sent" in other.here().stderr
