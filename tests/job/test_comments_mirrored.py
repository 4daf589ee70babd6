"""``COMMENTS``: what a user sees of it, from the setting to an answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, Site
from tests.job.harness import Job
from tests.servers.vector_api import VectorApiServer


@pytest.mark.parametrize("kind", ["underscore", "embedded"])
def test_a_comment_is_found_reported_verified_and_never_dropped_by_a_setting_alone(
    tmp_path: Path, kind: str
) -> None:
    site = Site()
    site.add_space("OPS", "Operations")
    page = site.add("OPS", "Ingress", "<p>Restart the ingress.</p>")
    comment = site.add_comment(page, "<p>Behind the wombat proxy it takes fifteen minutes.</p>")
    report = tmp_path / "report.json"
    with SampleGateway(site) as gateway, VectorApiServer("underscore") as server:
        url = server.url if kind == "underscore" else ""
        job = Job(tmp_path / "job", gateway, url, {"RUN_REPORT": str(report)}, server)
        if kind == "embedded":
            job.env["STORE"] = "embedded"
        job.here(COMMENTS="open")
        told = json.loads(report.read_text(encoding="utf-8"))
        assert (told["pages"]["added"], told["comments"]["added"]) == (1, 1)
        job.here("verify", COMMENTS="open")
        asked = job.here("query", "wombat proxy", "--type", "comment", "--json", COMMENTS="open")
        (found,) = json.loads(asked.stdout)["results"]
        assert (found["page_id"], found["page_type"]) == (comment.id, "comment")
        assert found["url"].endswith(f"?focusedCommentId={comment.id}")
        shown = job.here("query", "wombat proxy", COMMENTS="open").stdout
        assert ", comment)" in shown.partition("\n")[0]
        assert "COMMENTS=open" in job.here(expect=65).stderr
        job.here("sync", "--change-scope")
        left = json.loads(job.here("query", "wombat proxy", "--json").stdout)["results"]
        assert {each["page_type"] for each in left} <= {"page"}
