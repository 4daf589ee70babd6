"""What the notebook's cells show, on the sample site and without a store being written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from confluence_mirror.embedding import local_embedder
from confluence_mirror.errors import WrongSettings
from confluence_mirror.notebook import Explorer, Phases, explore


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    local_embedder().close()
    with explore({}, tmp_path_factory.mktemp("empty")) as opened:
        yield opened


def test_without_any_settings_it_runs_on_the_sample_site(explorer: Explorer) -> None:
    assert explorer.on_sample_site
    assert explorer.settings.store.kind == "embedded"


def test_settings_that_are_there_and_wrong_are_no_reason_for_the_sample_site(
    tmp_path: Path,
) -> None:
    with pytest.raises(WrongSettings, match="CONF_API_TOKEN"):
        explore({"CONF_USER": "mara@lighthouse.example"}, tmp_path)


def test_a_dotenv_file_beside_the_notebook_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "CONF_USER=mara@lighthouse.example\nCONF_CLOUD_ID=8f7d2c9e-4b1a-4e6f-9c3d-2a5b7e9f1c04\n"
        "CONF_API_TOKEN=a-token-of-hers\nLLAMA_BASE_URL=http://llama.example:8321\n",
        encoding="utf-8",
    )
    with explore({}, tmp_path) as opened:
        assert not opened.on_sample_site
        assert opened.settings.store.collection == "conf-known-issues"
        shown = repr(opened.what_is_set())
    assert "mara@lighthouse.example" in shown
    assert "a-token-of-hers" not in shown


def test_neither_the_token_nor_a_place_of_this_machine_is_shown(explorer: Explorer) -> None:
    for shown in (explorer.what_is_set()._repr_html_(), repr(explorer.what_is_set())):
        assert explorer.settings.confluence.api_token.reveal() not in shown
        assert explorer.settings.confluence.gateway_url not in shown
        assert str(explorer.settings.state.folder) not in shown
        assert "(the sample site)" in shown


def test_the_spaces_that_are_mirrored_are_ticked(explorer: Explorer) -> None:
    ticks = {row[0]: row[-1] for row in explorer.spaces().rows}
    assert ticks["PLAT"] == "✓"
    assert [tick for key, tick in ticks.items() if key.startswith("~")] == [""]


def test_a_page_is_found_by_its_id_and_by_its_title(explorer: Explorer) -> None:
    by_id, by_title = explorer.page("1310862"), explorer.page("Release checklist")
    assert by_id.ref == by_title.ref
    assert by_id.chunks == by_title.chunks


def test_a_page_that_is_not_in_scope_is_not_shown(explorer: Explorer) -> None:
    with pytest.raises(LookupError, match="Plans of a dictator"):
        explorer.page("Plans of a dictator")


def test_a_page_is_shown_as_it_was_and_as_what_is_stored(explorer: Explorer) -> None:
    page = explorer.page()
    shown = page.before_and_after()._repr_html_()
    assert "&lt;ac:structured-macro" in shown
    assert "<ac:" not in shown
    assert len(page.sizes().bars) == len(page.chunks) > 1
    assert max(page.tokens) <= page.limit
    # What is shown as Markdown is what the chunks were cut from.
    for line in page.chunks[0].text.splitlines()[1:]:
        assert line in page.markdown


@pytest.mark.long
def test_a_run_empties_the_plan_and_fills_the_store(tmp_path: Path) -> None:
    seen: list[str] = []
    with explore({}, tmp_path) as explorer:
        assert explorer.plan(most=3).rows[3][1].startswith("… and ")
        done = dict(explorer.sync(Phases(lambda bar: seen.append(repr(bar)))).rows)
        assert done["pages added"] == done["pages listed"] != "0"
        assert f"{done['pages listed']} of {done['pages listed']} pages" in seen[-1]
        assert explorer.plan().rows == (("nothing", "every page is mirrored as it is", "", ""),)
        best = explorer.search(
            "the automatic certificate renewal failed, what do I do by hand?"
        ).rows[0]
        assert best[2] == "Runbook: Certificate renewal for *.lighthouse.example"
        assert best[-1].startswith("https://")


def test_a_run_that_ends_otherwise_says_why(tmp_path: Path) -> None:
    with explore({}, tmp_path) as explorer:
        assert explorer._gateway is not None
        explorer._gateway.fault("/wiki/api/v2/spaces", status=401)
        told = explorer.sync().rows[-1]
    assert told[0] == "exit 77"
    assert told[1]
