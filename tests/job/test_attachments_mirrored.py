"""``ATTACHMENTS``: what a user sees of it, from the setting to an answer."""

from __future__ import annotations

import json
from pathlib import Path

from confluence_sandbox import SampleGateway, Site
from tests.files import made
from tests.job.harness import Job
from tests.servers.vector_api import VectorApiServer

FILES = {"ATTACHMENTS": "true", "ATTACHMENT_MAX_MB": "1"}


def test_a_file_is_found_reported_verified_and_never_dropped_by_a_setting_alone(
    tmp_path: Path,
) -> None:
    site = Site()
    site.add_space("OPS", "Operations")
    page = site.add("OPS", "Ingress", "<p>Restart the ingress.</p>")
    plan = made.pdf([[(50, 700, "First page")], [(50, 700, "Behind the wombat proxy")]])
    file = site.attach_file(page, "plan.pdf", plan, media_type="application/pdf")
    broken = site.attach_file(page, "broken.pdf", b"%PDF-1.7", media_type="application/pdf")
    site.attach_file(page, "large.txt", b"word " * 200_001)
    report = tmp_path / "report.json"
    with SampleGateway(site) as gateway, VectorApiServer("underscore") as server:
        job = Job(tmp_path / "job", gateway, server.url, {"RUN_REPORT": str(report)}, server)
        run = job.here(**FILES)
        told = json.loads(report.read_text(encoding="utf-8"))
        assert (told["pages"]["added"], told["files"]["added"]) == (1, 3)
        reasons = {each["filename"]: each["reason"] for each in told["files"]["unreadable"]}
        assert reasons["large.txt"] == "it has 1.0 MB, and ATTACHMENT_MAX_MB is 1"
        assert set(reasons) == {"large.txt", "broken.pdf"}
        assert f"no text   {broken.id} “broken.pdf”: it is damaged" in run.stdout + run.stderr
        job.here("verify", **FILES)
        asked = job.here("query", "wombat proxy", "--type", "attachment", "--json", **FILES)
        (found,) = json.loads(asked.stdout)["results"]
        assert (found["page_id"], found["title"]) == (file.id, "plan.pdf")
        assert "plan.pdf (Ingress)" in json.dumps(found)
        assert "ATTACHMENTS=true" in job.here(expect=65).stderr
        job.here("sync", "--change-scope")
        left = json.loads(job.here("query", "wombat proxy", "--json").stdout)["results"]
        assert {each["page_type"] for each in left} <= {"page"}
    assert gateway.leaks() == []
