"""What the settings warn of is told once for a mirror, and where nothing is written every time."""

from __future__ import annotations

from collections.abc import Callable

from tests.job.harness import Job

Make = Callable[..., Job]
DOUBTFUL = {"CA_BUNDLE": "/nonexistent/ca.pem"}
WARNS = "the file is missing or empty"


def test_a_warning_about_settings_comes_in_the_first_night_alone(make: Make) -> None:
    job = make(**DOUBTFUL)
    assert WARNS in job.here().stderr
    assert "WARNING" not in job.here().stderr
    assert WARNS in job.here("plan").stderr


def test_a_run_that_finds_no_store_still_says_what_is_doubtful(make: Make) -> None:
    job = make(**DOUBTFUL)
    said = job.here(VECTOR_API_BASE_URL="http://127.0.0.1:9", expect=69).stderr
    assert WARNS in said
