"""One question, asked by two users: as each of them reads Confluence."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make
from tests.job.harness import Job


def asked(job: Job, *options: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(job.here("query", "Policy 1", "--json", *options).stdout)
    return answer


def printed(job: Job, *arguments: str) -> str:
    """What the program of docs/permissions.md prints, as it stands there."""
    document = (Path(__file__).parents[2] / "docs/permissions.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(
        command, env=job.environ(), cwd=job.folder, check=True, capture_output=True, text=True
    ).stdout


def titles(answer: dict[str, Any]) -> set[str]:
    return {each["title"] for each in answer["results"]}


def test_two_users_get_two_answers_to_one_question(gateway: SampleGateway, make: Make) -> None:
    site = gateway.site
    ann, bob = site.add_person("Ann").account_id, site.add_person("Bob").account_id
    policy = next(each for each in site.current("HR") if each.title == "Policy 1")
    site.add_group("people", [ann])
    site.restrict_to(policy, groups=["people"])
    job = make(ACCESS="true")
    job.night()

    assert "Policy 1" in titles(asked(job, "--as", ann))
    assert "Policy 1 https://" in printed(job, "Policy 1", ann)
    assert "Policy 1 https://" not in printed(job, "Policy 1", bob)
    others = asked(job, "--as", bob)
    assert others["results"]
    assert "Policy 1" not in titles(others)
    assert "note" not in others
    assert "Policy 1" in titles(asked(job))
    assert "operator's view" in asked(job)["note"]
    assert "operator's view" in job.here("query", "Policy 1").stderr
    nobody = job.here("query", "Policy 1", "--as", "712020:nobody")
    assert nobody.stdout.strip() == "nothing found"
    assert "knows no account 712020:nobody" in nobody.stderr

    away = job.here("query", "Policy 1", "--as", ann, CONF_GATEWAY_URL="http://127.0.0.1:9")
    assert away.stdout.strip() == "nothing found"
    assert "so nothing is shown: Confluence did not answer" in away.stderr

    site.restrict_to(policy, users=[bob])
    assert "other readers than Confluence has" in job.here("verify", expect=3).stdout
    changed = job.night()
    assert (changed["pages"]["moved"], changed["pages"]["changed"]) == (1, 0)
    assert "Policy 1" in titles(asked(job, "--as", bob))
    assert "Policy 1" not in titles(asked(job, "--as", ann))
    job.here("verify")


def test_without_recorded_readers_nothing_is_shown_to_an_account(make: Make) -> None:
    job = make()
    job.night()
    refused = job.here("query", "Policy 1", "--as", "712020:anybody", expect=78)
    assert "Set ACCESS=true, and run a sync." in refused.stderr
    assert "note" not in asked(job)
    unfilled = job.here("query", "Policy 1", "--as", "712020:anybody", ACCESS="true")
    assert "run a sync with ACCESS=true" in unfilled.stderr
    assert "needs an account id" in job.here("query", "x", "--as", " ", expect=64).stderr
