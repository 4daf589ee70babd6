"""The JSON report, and its schema in the documents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from report_samples import Clock, Counts, ended, nightly

from confluence_mirror.errors import Exit, StateUnusable, Unfinished
from confluence_mirror.mirror.events import DriftFound, PageNotWritten, PagePlanned, PageWritten
from confluence_mirror.runs import json_report, text
from confluence_mirror.runs.report import RunReport

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
SCHEMA = json.loads(re.search(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)[1])  # type: ignore[index]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def errors(value: Any, schema: dict[str, Any], at: str = "report") -> list[str]:
    """Where a value does not fit the schema: the keywords that ours uses, no others."""
    unknown = schema.keys() - {
        "$schema",
        "$defs",
        "$ref",
        "title",
        "type",
        "required",
        "properties",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "anyOf",
        "minimum",
        "pattern",
    }
    assert not unknown, f"{at}: this check does not know {unknown}"
    if "$ref" in schema:
        return errors(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], at)
    if "anyOf" in schema:
        return (
            []
            if any(not errors(value, one, at) for one in schema["anyOf"])
            else [f"{at}: fits none"]
        )
    found = []
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    allowed = tuple(kind for name in kinds for kind in _TYPES[name])
    if kinds and (
        not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed)
    ):
        return [f"{at}: is {type(value).__name__}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        found.append(f"{at}: is {value!r}")
    if "minimum" in schema and value < schema["minimum"]:
        found.append(f"{at}: is {value}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: is {value!r}")
    if isinstance(value, dict):
        found += [
            f"{at}.{name}: is missing" for name in schema.get("required", []) if name not in value
        ]
        known = schema.get("properties", {})
        for name, item in value.items():
            rule = known.get(name, schema.get("additionalProperties"))
            found += errors(item, rule, f"{at}.{name}") if isinstance(rule, dict) else []
    for number, item in enumerate(value if isinstance(value, list) else []):
        found += errors(item, schema.get("items", {}), f"{at}[{number}]")
    return found


def reports() -> dict[str, RunReport]:
    planned = RunReport("dry-run")
    planned.hear(PagePlanned("add", "1", "New"))
    planned.end(Exit.OK)
    verified = RunReport("verify")
    verified.hear(DriftFound("stray", "chunk-1"))
    verified.end(Exit.DRIFT)
    return {"nightly": ended(), "nothing yet": RunReport(), "dry run": planned, "verify": verified}


@pytest.mark.parametrize("name", reports())
def test_a_report_fits_its_schema(name):
    assert errors(json_report.to_json(reports()[name]), SCHEMA) == []


@pytest.mark.parametrize("exit_code", list(Exit))
def test_the_schema_knows_every_exit_code(exit_code):
    assert errors(json_report.to_json(ended(exit_code)), SCHEMA) == []


def test_the_schema_would_notice_a_field_that_is_missing_or_mistyped():
    report = json_report.to_json(ended())
    broken = report | {
        "seconds": "long",
        "pages": {**report["pages"], "added": -1},
        "started": "yesterday",
    }
    del broken["chunks"]
    assert {line.split(":")[0] for line in errors(broken, SCHEMA)} == {
        "report.seconds",
        "report.pages.added",
        "report.started",
        "report.chunks",
    }


def test_the_schema_and_the_table_of_the_document_name_every_field():
    fields = set(json_report.to_json(ended()))
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == fields
    table = DOCUMENT.split("As a JSON Schema")[0]
    first_cells = " ".join(
        line.split("|")[1] for line in table.splitlines() if line.startswith("| `")
    )
    assert set(re.findall(r"`(\w+)`", first_cells)) == fields


def test_the_report_of_a_night_says_what_was_done():
    report = json_report.to_json(ended())
    assert report["pages"] == {
        "listed": 12408,
        "added": 31,
        "changed": 112,
        "moved": 0,
        "unchanged": 12259,
        "removed": 4,
        "failed": 2,
        "quarantined": 0,
    }
    assert report["failed"][0] == {
        "id": "7001",
        "type": "page",
        "title": "Broken",
        "reason": "the body cannot be converted",
        "attempts": 1,
        "quarantined": False,
    }
    assert report["chunks"]["sent"] == 1204
    assert report["requests"] == {"GET /wiki/api/v2/pages": {"200": 250, "429": 1}}
    assert (report["retries"], report["waited_seconds"], report["received_bytes"]) == (
        1,
        5.25,
        12_345_678,
    )
    assert report["phases"] == {"listing": 72, "writing": 120}
    assert (report["seconds"], report["exit_code"], report["watermark"]) == (
        192,
        75,
        "2026-01-31T02:17:00Z",
    )


@pytest.mark.parametrize(
    ("kind", "touched", "counted"),
    [
        ("add", True, "added"),
        ("change", True, "changed"),
        ("change", False, "changed"),
        ("move", True, "moved"),
        ("retry", True, "changed"),
        ("retry", False, "unchanged"),
        ("check", False, "unchanged"),
        ("check", True, "changed"),
    ],
)
def test_a_written_page_is_counted_by_why_it_was_planned_and_whether_anything_was_sent(
    kind, touched, counted
):
    report = RunReport()
    report.hear(PageWritten(kind, touched, "xml"))
    assert {name for name, count in report.page_counts().items() if count} == {counted}


def test_a_page_that_fails_twice_in_a_run_is_named_once():
    report = RunReport()
    report.hear(PageNotWritten("1", "T", "first", 1, False))
    report.hear(PageNotWritten("1", "T", "second", 2, False))
    assert [failure["reason"] for failure in json_report.to_json(report)["failed"]] == ["second"]


def test_a_phase_that_comes_again_adds_up_and_the_end_closes_the_last():
    clock = Clock()
    report = RunReport(clock=clock)
    for name, seconds in (("listing", 2), ("writing", 3), ("listing", 4)):
        report.progress.phase(name)
        clock.now += seconds
    report.end(Exit.OK)
    clock.now += 100
    assert json_report.to_json(report)["phases"] == {"listing": 6, "writing": 3}


def test_the_gateways_counts_are_totals():
    report = RunReport()
    report.traffic(Counts())
    report.traffic(Counts(retries=7))
    assert (report.retries, report.received_bytes) == (7, 12_345_678)


def test_the_file_is_whole_and_takes_an_older_ones_place(tmp_path):
    path = tmp_path / "new folder" / "report.json"
    json_report.write(ended(Exit.OK), path)
    json_report.write(ended(Exit.UNFINISHED), path)
    assert json.loads(path.read_text(encoding="utf-8"))["exit_code"] == 75
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


def test_text_of_every_script_stays_readable_in_the_file(tmp_path):
    report = nightly()
    report.hear(PageNotWritten("1", "障害対応 — Störung 🚒", "lone surrogate \ud800", 1, False))
    json_report.write(report, tmp_path / "report.json")
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert "障害対応 — Störung 🚒" in text
    assert json.loads(text)["failed"][-1]["reason"].startswith("lone surrogate")


def test_a_report_that_cannot_be_written_ends_with_74_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "report.json", tmp_path / "folder"):
        with pytest.raises(StateUnusable, match="the report could not be written") as refused:
            json_report.write(ended(), path)
        assert refused.value.exit == 74
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]


def test_no_text_that_leaves_the_report_holds_what_the_mask_knows(tmp_path):
    report = ended(mask=lambda text: text.replace("canary", "***"))
    report.hear(PageNotWritten("1", "canary", "refused: canary", 1, False))
    report.warn("canary")
    report.hear(PagePlanned("add", "1", "canary", "canary"))
    report.traffic(Counts({("GET /canary", 200): 1}))
    report.end_with(Unfinished("canary", hint="canary"))
    json_report.write(report, tmp_path / "report.json")
    told = [
        text.summary(report),
        text.plan(report),
        text.termination_message(report),
        (tmp_path / "report.json").read_text(),
    ]
    for said in told:
        assert "***" in said
        assert "canary" not in said
