"""The documents themselves, as a user sets them: in the environment alone, and nothing of what opens
the bucket is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from confluence_mirror.runs.mirror import open_mirror
from confluence_mirror.settings import Settings
from confluence_sandbox import SampleGateway
from tests.job.conftest import Make
from tests.servers.object_store import BUCKET, KEY, SECRET, ObjectServer

PLACE = f"s3://{BUCKET}/tree"


@pytest.mark.long
def test_documents_go_to_a_bucket_by_settings_alone_and_no_output_says_what_opens_it(
    make: Make, gateway: SampleGateway, objects: ObjectServer
) -> None:
    job = make()
    job.env |= {
        "DOCUMENT_STORE": PLACE,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": objects.url,
        "REQUEST_TIMEOUT": "1",
        "METRICS_FILE": "metrics.prom",
        "LOG_LEVEL": "DEBUG",
    }

    def run(*arguments: str, expect: int, **changes: str) -> str:
        done = job.here("--report", "report.json", *arguments, expect=expect, **changes)
        left = [path.read_text() for path in job.folder.glob("*.json")]
        left += [path.read_text() for path in job.folder.glob("*.prom")]
        said = " ".join([done.stdout, done.stderr, *left])
        addresses = (objects.url, objects.url.rpartition(":")[2], "127.0.0.1:9/")
        assert not [secret for secret in (KEY, SECRET, *addresses) if secret in said]
        return said

    said = run(expect=0)
    count = len(gateway.site.current())
    assert f"documents {count} written" in " ".join(said.split())
    assert f'outcome="written"}} {float(count)}' in said
    report = json.loads((job.folder / "report.json").read_text())
    assert report["documents"] == {"place": PLACE, "written": count, "moved": 0, "removed": 0}
    assert len(objects.files("tree")) == count
    run("verify", expect=0)
    objects.client.delete_object(Bucket=BUCKET, Key=objects.keys()[0])
    assert "1 document" in run("verify", expect=3)
    asked = len(gateway.log)
    assert "does not answer" in run(expect=69, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "is refused (404 NoSuchBucket)" in run(expect=78, DOCUMENT_STORE="s3://nobody/tree")
    assert len(gateway.log) == asked
    run(expect=0)
    assert len(objects.files("tree")) == count


def test_documents_go_to_a_folder_and_leave_it_with_a_purge(
    make: Make, gateway: SampleGateway, tmp_path: Path
) -> None:
    job = make()
    job.env["DOCUMENT_STORE"] = str(tmp_path / "tree")
    job.here(expect=0)
    assert len(list((tmp_path / "tree").rglob("page_content.md"))) == len(gateway.site.current())
    asked: list[str] = []
    settings, _ = Settings.load(job.environ(), job.folder, in_container=False)
    assert open_mirror(settings).purge(lambda place, _: asked.append(place)).report.exit_code == 0
    assert asked[0].endswith(f", its documents from {tmp_path / 'tree'}")
    assert not list((tmp_path / "tree").iterdir())
