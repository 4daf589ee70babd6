"""Two jobs in one folder, with the embedded store: they share its files, and each has a mirror of
its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway, Site
from tests.job.harness import Job
from tests.mirror.conftest import body, small_site
from tests.servers.embedding import EmbeddingServer

pytestmark = [pytest.mark.crash, pytest.mark.chroma]


def two_spaces(pages: int) -> Site:
    site = small_site(pages)
    site.add_space("HR", "People")
    for number in range(pages):
        site.add("HR", f"Policy {number}", body(500 + number))
    return site


def test_two_jobs_in_one_folder_that_are_killed_together_leave_two_exact_mirrors(
    tmp_path: Path,
) -> None:
    with SampleGateway(two_spaces(30)) as gateway, EmbeddingServer(**{"bge-m3": 48}) as model:
        env = {
            "STORE": "embedded",
            "EMBEDDING_BASE_URL": model.url,
            "EMBEDDING_MODEL_ID": "bge-m3",
            "BATCH_SIZE": "3",
        }
        jobs = [
            Job(tmp_path, gateway, env=env | {"COLLECTION_ID": name, "FILTER_SPACE_KEYS": space})
            for name, space in (("operations", "OPS"), ("people", "HR"))
        ]
        for instant in (4, 9, 15):
            runs = [job.start() for job in jobs]
            asked = [0]

            def kill(
                _number: int,
                instant: int = instant,
                asked: list[int] = asked,
                runs: list[subprocess.Popen[str]] = runs,
            ) -> None:
                asked[0] += 1
                if asked[0] == instant:
                    for run in runs:
                        run.kill()

            model.before = kill
            for run in runs:
                run.communicate(timeout=120)
        model.before = lambda _number: None
        together = [job.start() for job in jobs]
        for run in together:
            run.communicate(timeout=120)
            assert run.returncode in (0, 69, 75)
        for job in jobs:
            job.run()
            job.run("--verify")
            assert job.report()["chunks"]["sent"] == 0
