"""The connectivity check against a site that is well, and against one that is not."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, Site

ROOT = Path(__file__).parents[2]


def states(steps):
    return {name: step["state"] for name, step in steps.items()}


def test_on_a_site_that_is_well_every_step_is_ticked(run):
    code, steps = run()
    assert code == 0
    assert states(steps) == {
        "settings": "ok",
        "gateway": "ok",
        "site": "ok",
        "credential": "ok",
        "scopes": "ok",
        "clocks": "ok",
        "space": "ok",
        "pages": "ok",
        "page": "ok",
        "attachments": "ok",
        "restrictions": "ok",
        "comments": "ok",
        "store": "skipped",
    }


def test_the_space_is_known_issues_unless_one_is_set(run):
    assert run()[1]["space"]["facts"]["spaces"][0]["key"] == "KI"
    assert run(SPACE_NAME="Documents")[1]["space"]["facts"]["spaces"][0]["key"] == "DOCS"
    assert run(FILTER_SPACE_KEYS="DOCS")[1]["space"]["facts"]["spaces"][0]["key"] == "DOCS"


def test_the_first_pages_are_listed_with_title_last_change_and_link(run, site):
    pages = run()[1]["pages"]
    assert len(pages["facts"]["pages"]) == len(pages["lines"]) == 10
    first = site.current("KI")[0]
    assert pages["facts"]["pages"][0]["title"] == first.title
    assert pages["facts"]["pages"][0]["url"].startswith(f"https://{site.host}/wiki/spaces/KI/")
    assert len(run(TEST_LIMIT="3")[1]["pages"]["lines"]) == 3


def test_one_page_is_read_and_converted(run):
    _, steps = run()
    facts = steps["page"]["facts"]
    assert facts["id"] == steps["pages"]["facts"]["pages"][0]["id"]
    assert facts["read"] > facts["markdown"] >= len("A body.")
    assert (facts["way"], facts["macros"]) == ("xml", ["toc"])


def test_a_person_sees_ticks_and_one_verdict(say):
    code, text = say()
    lines = text.splitlines()
    assert code == 0
    assert lines[0].startswith("✓ settings")
    assert any(line.startswith("✓ space        Known Issues (key KI, id ") for line in lines)
    assert lines[-1] == "Everything that a sync needs is there."


def test_nothing_is_written(run, environ, gateway, tmp_path):
    run()
    assert list(tmp_path.iterdir()) == []
    assert {entry.method for entry in gateway.log} == {"GET"}


def test_without_settings_the_next_steps_are_told(say):
    code, text = say(CONF_CLOUD_ID="", CONF_USER="", CONF_API_TOKEN="", CONF_GATEWAY_URL="")
    assert code == 78
    assert text.startswith("✗ settings     No settings")
    assert "make demo" in text
    assert text.endswith("Not yet: settings (exit 78).\n")


def test_every_wrong_setting_is_told(run):
    code, steps = run(TEST_LIMIT="many", SINCE_HOURS="x")
    assert code == 78
    assert [line.split(":")[0] for line in steps["settings"]["lines"]] == [
        "SINCE_HOURS",
        "TEST_LIMIT",
    ]


def test_another_cloud_id_is_told_from_a_bad_credential(run):
    code, steps = run(CONF_CLOUD_ID="11111111-2222-3333-4444-555555555555")
    assert code == 77
    assert (steps["gateway"]["state"], steps["site"]["state"]) == ("ok", "failed")
    assert "/_edge/tenant_info" in steps["site"]["next"]
    assert steps["space"] == {
        "name": "space",
        "state": "skipped",
        "said": "they need the site",
        "next": "",
    }


def test_a_bad_credential_is_told_from_another_cloud_id(run):
    code, steps = run(CONF_API_TOKEN="another-token")
    assert code == 77
    assert (steps["site"]["state"], steps["credential"]["state"]) == ("ok", "failed")
    assert "CONF_API_TOKEN" in steps["credential"]["next"]


def test_a_proxy_that_answers_html_is_blamed_on_the_gateways_address(run, gateway):
    gateway.fault("", status=404, html=True)
    code, steps = run()
    assert code == 77
    assert steps["gateway"]["state"] == "failed"
    assert "CONF_GATEWAY_URL" in steps["gateway"]["next"]


def test_a_scope_is_looked_for_in_place_of_the_space_of_users(run, gateway):
    gateway.switches.scopes -= {"read:folder:confluence"}
    _, steps = run(SPACE_NAME="", SCOPE="space:DOCS")
    assert [space["key"] for space in steps["space"]["facts"]["spaces"]] == ["DOCS"]
    assert steps["scopes"]["state"] == "warning"
    code, steps = run(SPACE_NAME="", SCOPE="space:DOCS", EXCLUDE_TREES="4711")
    assert (code, steps["scopes"]["state"]) == (77, "failed")


def test_each_missing_scope_is_told_by_name(run, gateway):
    gateway.switches.scopes -= {
        "search:confluence",
        "read:folder:confluence",
        "read:embed:confluence",
    }
    code, steps = run()
    assert code == 77
    assert steps["scopes"]["state"] == "failed"
    missing = {scope["scope"]: scope["required"] for scope in steps["scopes"]["facts"]["missing"]}
    assert missing == {
        "search:confluence": True,
        "read:folder:confluence": False,
        "read:embed:confluence": False,
    }
    assert all(any(scope in line for line in steps["scopes"]["lines"]) for scope in missing)
    assert "make a new one" in steps["scopes"]["next"]
    assert steps["pages"]["state"] == "ok"


def test_scopes_that_few_spaces_need_are_a_warning(run, gateway):
    gateway.switches.scopes -= {"read:whiteboard:confluence", "read:confluence-user"}
    code, steps = run()
    assert code == 0
    assert steps["scopes"]["state"] == "warning"
    assert steps["credential"]["said"].startswith("accepted")


def test_without_the_scope_for_spaces_that_scope_is_named_and_the_credential_is_not_blamed(
    run, gateway
):
    gateway.switches.scopes -= {"read:space:confluence"}
    code, steps = run()
    assert code == 77
    assert steps["credential"]["state"] == "ok"
    assert steps["scopes"]["facts"]["missing"][0]["scope"] == "read:space:confluence"
    assert steps["space"]["state"] == "failed"


@pytest.mark.parametrize(("hours", "word"), [(3, "behind"), (-3, "ahead")])
def test_clocks_that_disagree_are_a_warning(hours, word, run, site):
    site.clock.set(datetime.now(UTC) + timedelta(hours=hours))
    code, steps = run()
    assert code == 0
    assert steps["clocks"]["state"] == "warning"
    assert word in steps["clocks"]["said"]


def test_an_unknown_space_is_answered_with_near_names(run):
    code, steps = run(SPACE_NAME="Known Isues")
    assert code == 77
    assert "'Known Issues' (KI)" in steps["space"]["said"]
    assert (steps["pages"]["state"], steps["page"]["state"]) == ("skipped", "skipped")


def test_a_space_without_a_visible_page_is_a_warning(run):
    code, steps = run(SPACE_NAME="Documents")
    assert code == 0
    assert (steps["pages"]["state"], steps["page"]["state"]) == ("warning", "skipped")


def test_a_page_that_cannot_be_read_ends_with_75(run, gateway):
    def without_body(answer):
        return answer | {
            "results": [row | {"body": {"storage": {"value": 5}}} for row in answer["results"]]
        }

    gateway.fault("/wiki/api/v2/pages$", query="body-format", change=without_body)
    code, steps = run()
    assert code == 75
    assert steps["page"]["state"] == "failed"
    assert "cannot be read" in steps["page"]["said"]


def test_what_narrows_the_scope_is_told(run, site):
    folder = site.add("KI", "A folder", type="folder")
    _, steps = run(FILTER_FOLDER_ID=folder.id, LABELS="runbook")
    assert f"FILTER_FOLDER_ID={folder.id} and LABELS=runbook" in steps["space"]["lines"][0]


def test_a_label_that_no_page_bears_is_told(run, site):
    site.add("KI", "A page", "<p>text.</p>", labels=["runbook"])
    code, steps = run(LABELS="Runbook")
    assert (code, steps["labels"]["said"]) == (0, "pages that have them: 1 runbook")
    code, steps = run(LABELS="runbook,runbok")
    assert (code, steps["labels"]["state"]) == (78, "failed")
    assert "no page has the label runbok" in steps["labels"]["said"]


def test_an_expired_credential_on_a_site_that_is_open_to_all_is_told(run, site):
    site.publish_space("KI")
    site.expire()
    code, steps = run()
    assert (code, steps["credential"]["state"]) == (77, "failed")
    assert "anonymous" in steps["credential"]["said"]


def test_attachments_and_restrictions_are_visible_or_not_and_not_needed(run, gateway):
    gateway.switches.scopes -= {"read:attachment:confluence"}
    gateway.fault("/restriction$", payload={"results": []})
    code, steps = run()
    assert code == 0
    assert steps["attachments"]["facts"] == {"visible": False}
    assert "read:attachment:confluence" in steps["attachments"]["said"]
    assert steps["restrictions"]["facts"] == {"visible": True}


def test_with_access_restrictions_and_viewers_must_be_visible(run, site, gateway):
    code, steps = run(ACCESS="true")
    assert code == 0
    assert steps["viewers"]["facts"] == {"viewers": {"KI": 2}}
    assert steps["restrictions"]["facts"] == {"visible": True}

    gateway.switches.scopes -= {"read:user:confluence", "read:confluence-content.permission"}
    code, steps = run(ACCESS="true")
    assert code == 77
    lacking = [(each["scope"], each["required"]) for each in steps["scopes"]["facts"]["missing"]]
    assert ("read:user:confluence", True) in lacking
    assert lacking.index(("read:user:confluence", True)) == 0

    gateway.fault("/spaces/[0-9]+/permissions$", status=403, payload={"message": "no"})
    assert run(ACCESS="true")[1]["viewers"]["state"] == "failed"


def test_no_answer_holds_the_credential(say, run, gateway):
    gateway.fault(
        "/user/current",
        status=403,
        payload={"message": f"bad token {gateway.token}", "statusCode": 403},
    )
    _, text = say(SPACE_NAME=f"x{gateway.token}")
    assert gateway.token not in text
    assert gateway.token not in str(run(SPACE_NAME=f"x{gateway.token}"))


def test_a_title_cannot_reach_the_terminal(say, site):
    site.rename(site.current("KI")[0].id, "Title \x1b[31m red")
    assert "\x1b" not in say()[1]


def test_a_stranger_flag_ends_with_64(capsys):
    from confluence_mirror.check import main

    assert main(["--yaml"]) == 64
    assert main(["--help"]) == 0
    assert "SPACE_NAME" in capsys.readouterr().out


def test_a_stranger_flag_is_json_where_the_folder_s_settings_say_so(capsys, tmp_path, monkeypatch):
    from confluence_mirror.check import main

    (tmp_path / ".env").write_text("LOG_FORMAT=json\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("confluence_mirror.terminal._tells_json", False)
    assert main(["--yaml"], {}) == 64
    assert json.loads(capsys.readouterr().err)["exit_code"] == 64


def test_the_script_is_the_same_check_and_works_on_a_terminal_without_unicode(
    environ: dict[str, str],
):
    with_path = environ | {
        "PATH": "/usr/bin:/bin",
        "PYTHONIOENCODING": "ascii",
        "SPACE_NAME": "Documents",
    }
    done = subprocess.run(
        [sys.executable, ROOT / "test_confluence.py"], env=with_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode("ascii").splitlines()
    assert lines[0].startswith("+ settings")
    assert lines[-1] == "Everything that a sync needs is there."


def test_a_gateway_that_is_down_ends_with_69(site: Site, tmp_path: Path):
    from confluence_mirror.check.site import SiteCheck
    from confluence_mirror.check.steps import Steps
    from confluence_mirror.confluence.gateway import Gateway
    from confluence_mirror.confluence.pages import ConfluenceSource
    from confluence_mirror.settings import Settings

    with SampleGateway(site) as gone:
        environ = {
            "CONF_CLOUD_ID": gone.cloud_id,
            "CONF_USER": gone.user,
            "CONF_API_TOKEN": gone.token,
        }
        settings, _ = Settings.load(
            environ | {"CONF_GATEWAY_URL": gone.url}, tmp_path, in_container=False
        )
    with Gateway(gone.url, gone.cloud_id, gone.user, gone.token, sleep=lambda _: None) as gateway:
        steps = Steps(lambda _: None)
        SiteCheck(settings, gateway, ConfluenceSource(gateway), steps).run()
    assert steps.exit == 69
    assert [step.name for step in steps.all if step.state == "failed"] == ["gateway"]


def test_the_check_says_how_many_comments_there_are(run, site, gateway):
    page = site.current("KI")[0]
    for number in range(3):
        site.add_comment(page, f"<p>Remark {number}.</p>")
    assert run()[1]["comments"]["facts"] == {"visible": 3, "more": False}
    gateway.switches.scopes -= {"read:comment:confluence"}
    assert run()[0] == 0
    code, steps = run(COMMENTS="open")
    assert code == 77
    assert steps["scopes"]["facts"]["missing"][0]["scope"] == "read:comment:confluence"


def test_files_need_scopes_of_their_own_where_they_are_mirrored(run, gateway):
    gateway.switches.scopes -= {
        "readonly:content.attachment:confluence",
        "read:attachment:confluence",
    }
    assert run()[0] == 0
    code, steps = run(ATTACHMENTS="true")
    assert code == 77
    missing = {each["scope"] for each in steps["scopes"]["facts"]["missing"]}
    assert {"readonly:content.attachment:confluence", "read:attachment:confluence"} <= missing
    gateway.switches.scopes |= {
        "readonly:content.attachment:confluence",
        "read:attachment:confluence",
    }
    code, steps = run(ATTACHMENTS="true")
    assert code == 0
    assert "which are mirrored" in steps["attachments"]["said"]
