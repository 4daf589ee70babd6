"""A warning that comes every night is read by nobody: what stays as it is is told once for a
mirror."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.mirror.window import PlanSettings
from tests.mirror.conftest import small_site
from tests.mirror.harness import Bench
from tests.mirror.test_nights import page
from tests.mirror.test_token_scopes import whole_site

Make = Callable[..., Bench]


def lack(*scopes: str) -> Callable[[Bench], None]:
    return lambda bench: bench.gateway.switches.change(
        {"scopes": bench.gateway.switches.scopes - {*scopes}}
    )


def forget_label(bench: Bench) -> None:
    for each in bench.site.current():
        bench.site.relabel(each.id, [])


def refuse(path: str, **fault: Any) -> Callable[[Bench], None]:
    return lambda bench: bench.gateway.fault(path, **fault) and None


def clock_apart(bench: Bench) -> None:
    bench.site.clock.set(bench.site.clock.now() + timedelta(hours=3))


ACCESS = PlanSettings(access=True)
CONFIGURATIONS: dict[str, tuple[dict[str, Any], Callable[[Bench], None], str]] = {
    "nothing set": ({}, lambda _: None, ""),
    "WRITE_MODE=append": ({"write_mode": "append"}, lambda _: None, "WRITE_MODE=append"),
    "an advice": ({"advice": "Set CHUNK_TOKENS=auto"}, lambda _: None, "CHUNK_TOKENS"),
    "settings": ({"notices": ("CA_BUNDLE is empty",)}, lambda _: None, "CA_BUNDLE"),
    "a label that no page has": (
        {"wanted": ScopeSpec(labels=("runbook",))},
        forget_label,
        "no page has the label",
    ),
    "no scope for folders": ({}, lack("read:folder:confluence"), "read:folder:confluence"),
    "no scope for whiteboards": ({}, lack("read:whiteboard:confluence"), "read:whiteboard"),
    "no scope for names": ({}, lack("read:confluence-user", "read:user:confluence"), ""),
    "clocks apart": (
        {"plan": PlanSettings(reconcile_hours=24)},
        clock_apart,
        "clocks disagree",
    ),
    "unknown viewers": (
        {"plan": ACCESS},
        refuse(r"/spaces/\d+/permissions$", status=403),
        "who may view space OPS",
    ),
    "unreadable labels": (
        {},
        refuse("/content/search$", payload={"results": []}),
        "labels of some pages",
    ),
    "a folder that is refused": ({}, refuse(r"/folders/\d+$", status=403), "which holds pages"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_of_three_quiet_nights_the_second_and_the_third_warn_of_nothing(
    make: Make, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    options, arrange, told = CONFIGURATIONS[name]
    bench = make(whole_site())
    if "label" in name:
        bench.run(**options)
    arrange(bench)
    if name == "unreadable labels":
        bench.gateway.fault("/labels$", status=403)
    said: list[list[str]] = []
    for _ in range(3):
        caplog.clear()
        bench.run(**options)
        said.append([each.getMessage() for each in caplog.records if each.levelname == "WARNING"])
    assert any(told in text for text in said[0]) == bool(told)
    assert said[1:] == [[], []]


def test_a_warning_comes_again_when_its_cause_does(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make(whole_site())
    scopes = set(bench.gateway.switches.scopes)
    told = []
    for lacking in (True, True, False, True):
        bench.gateway.switches.scopes = scopes - ({"read:folder:confluence"} if lacking else set())
        caplog.clear()
        bench.run()
        told.append("breadcrumbs leave out folders" in caplog.text)
    assert told == [True, False, False, True]


def test_a_run_that_only_looks_tells_all_and_remembers_nothing(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make(small_site())
    bench.run()
    for _ in range(2):
        caplog.clear()
        bench.start(notices=("CA_BUNDLE is empty",)).dry_run()
        assert "CA_BUNDLE is empty" in caplog.text
    assert page(bench.site, "Home")
    caplog.clear()
    bench.run(notices=("CA_BUNDLE is empty",))
    assert [each.levelname for each in caplog.records if "CA_BUNDLE" in each.getMessage()] == [
        "WARNING"
    ]
