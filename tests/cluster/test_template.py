"""``openshift/template.ocp``, processed by OpenShift's rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cluster.files import (
    CREDENTIALS,
    IMAGE,
    LLAMA,
    ROOT,
    SCHEDULE,
    SCOPE,
    one,
    substituted,
)
from tests.kubelet import template as oc
from tests.kubelet.check import check
from tests.kubelet.objects import Obj, pod_template

GIVEN = {**CREDENTIALS, **SCOPE, **LLAMA, **IMAGE, **SCHEDULE}
FILE = ROOT / "openshift/template.ocp"


def small(data: dict[Any, Any], *parameters: Obj, **more: Any) -> Obj:
    obj = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}
    return {"kind": "Template", "parameters": list(parameters), "objects": [obj], **more}


def data(template: Obj, **values: str) -> Any:
    return oc.process(template, values)[0]["data"]


def test_the_template_makes_everything_that_the_jobs_need(template: Any) -> None:
    objects = oc.process(template, GIVEN)
    assert check(objects) == []
    assert {o["kind"] for o in objects} >= {
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
        "Job",
        "CronJob",
    }


def test_every_parameter_is_used_and_every_name_is_a_parameter(template: Any) -> None:
    assert oc.faults(template) == []
    known = "IMAGE CRON_SCHEDULE LLAMA_BASE_URL CONF_CLOUD_ID SPACE_NAME VECTOR_DB_ID LABELS BATCH_SIZE SINCE_HOURS"
    assert {*known.split(), "CONF_USER", "CONF_API_TOKEN"} <= {
        p["name"] for p in template["parameters"]
    }


def test_applied_again_it_starts_one_more_run_and_changes_nothing_else(template: Any) -> None:
    first, second = oc.process(template, GIVEN), oc.process(template, GIVEN)
    assert one(first, "Job")["metadata"]["name"] != one(second, "Job")["metadata"]["name"]
    assert [o for o in first if o["kind"] != "Job"] == [o for o in second if o["kind"] != "Job"]


def test_it_makes_the_same_objects_as_the_files(template: Any) -> None:
    made = oc.process(template, GIVEN)
    files = substituted(
        "secret.yaml", "configmap-llama.yaml", "cronjob-llama.yaml", "job-llama.yaml"
    )
    by_name = {(o["kind"], o["metadata"]["name"]): o for o in files}
    for obj in made:
        assert obj["metadata"]["labels"].pop("app.kubernetes.io/part-of") == "confluence-sync"
        if obj["kind"] == "Job":
            obj["metadata"]["name"] = "confluence-sync-llama-once"
        assert obj == by_name.pop((obj["kind"], obj["metadata"]["name"]))
    assert not by_name


def test_the_template_s_own_labels_do_not_reach_the_pods_that_the_policy_selects(
    template: Any,
) -> None:
    for obj in (o for o in oc.process(template, GIVEN) if o["kind"] in ("Job", "CronJob")):
        assert pod_template(obj)["metadata"]["labels"] == {
            "app.kubernetes.io/name": "confluence-sync"
        }


@pytest.mark.parametrize(
    "name",
    ["IMAGE", "LLAMA_BASE_URL", "CONF_CLOUD_ID", "SPACE_NAME", "CONF_USER", "CONF_API_TOKEN"],
)
def test_what_nobody_can_guess_is_required(template: Any, name: str) -> None:
    with pytest.raises(oc.TemplateError, match=f"{name} is required"):
        oc.process(template, {k: v for k, v in GIVEN.items() if k != name})


def test_the_rest_has_defaults(template: Any) -> None:
    required = {p["name"] for p in template["parameters"] if p.get("required") and "value" not in p}
    made = oc.process(template, {k: v for k, v in GIVEN.items() if k in required})
    assert check(made) == []
    assert (
        next(o for o in made if o["metadata"]["name"] == "working-sync-config")["data"]["LABELS"]
        == ""
    )


@settings(max_examples=50)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1).filter(
        lambda t: "'" not in t
    )
)
@pytest.mark.long
def test_any_token_in_single_quotes_comes_through_a_parameter_file_unharmed(token: str) -> None:
    line = "CONF_API_TOKEN='" + token.replace("\\", "\\\\") + "'"
    values = {**GIVEN, **oc.parameter_file([line])}
    made = oc.process(yaml.safe_load(FILE.read_text(encoding="utf-8")), values)
    assert one(made, "Secret")["stringData"]["CONF_API_TOKEN"] == token


def test_a_name_is_filled_in_anywhere_and_its_value_is_not_filled_in_again() -> None:
    a, b = {"name": "A"}, {"name": "B", "value": "2"}
    assert data(small({"k${A}": "x${A}y${A}${B}"}, a, b), A="1") == {"k1": "x1y12"}
    assert data(small({"v": "${A}"}, a, b), A="${B}$x\"#'") == {"v": "${B}$x\"#'"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("true", True), ("null", None), ("[1]", [1]), ("0123", "0123"), ("three", "three")],
)
def test_double_braces_as_a_whole_string_are_read_as_json(text: str, value: object) -> None:
    assert data(small({"v": "${{A}}", "part": "x${{A}}y"}, {"name": "A"}), A=text) == {
        "v": value,
        "part": "x${{A}}y",
    }


@pytest.mark.parametrize(
    ("parameter", "values", "message"),
    [
        ({"name": "A", "value": 100}, {}, "quote it"),
        ({"name": "A", "required": True}, {"A": ""}, "required"),
        ({"name": "A"}, {"B": "1"}, "unknown parameter"),
        ({"name": "A", "generate": "uuid"}, {}, "unknown generator"),
    ],
)
def test_what_oc_refuses_is_refused(parameter: Obj, values: dict[str, str], message: str) -> None:
    with pytest.raises(oc.TemplateError, match=message):
        oc.process(small({}, parameter), values)


def test_a_misspelt_name_is_told_which_oc_leaves_in_silence() -> None:
    assert oc.faults(small({"v": "${AA}"}, {"name": "A"})) == ["not a parameter: AA", "not used: A"]


def test_a_fixed_namespace_is_dropped_and_one_from_a_parameter_kept() -> None:
    source = small({}, {"name": "NS", "value": "n"}, labels={"l": "${NS}"})
    source["objects"][0]["metadata"]["namespace"] = "fixed"
    source["objects"].append({"kind": "Job", "metadata": {"name": "j", "namespace": "${NS}"}})
    first, second = oc.process(source, {})
    assert first["metadata"] == {"name": "c", "labels": {"l": "n"}}
    assert second["metadata"] == {"name": "j", "namespace": "n", "labels": {"l": "n"}}
    assert source["objects"][0]["metadata"]["namespace"] == "fixed", (
        "the template itself is not changed"
    )


@pytest.mark.parametrize(
    ("expression", "pattern"),
    [
        ("[a-z0-9]{6}", "[a-z0-9]{6}"),
        ("x-[0-9]{2}[A-F]", "x-[0-9]{2}[A-F]"),
        (r"[\w]{9}", r"\w{9}"),
    ],
)
def test_generated_values_have_the_form_asked_for(expression: str, pattern: str) -> None:
    source = small({"v": "${A}"}, {"name": "A", "generate": "expression", "from": expression})
    assert all(re.fullmatch(pattern, data(source)["v"]) for _ in range(20))
    assert data(source, A="mine") == {"v": "mine"}


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("A=Known Issues", "A", "Known Issues"),
        ('A="Known Issues"', "A", "Known Issues"),
        ("A='a#b'", "A", "a#b"),
        ("A=a#b", "A", "a"),
        ("export A=1", "A", "1"),
        ("A: b=c", "A", "b=c"),
        ("A=http://x:1", "A", "http://x:1"),
        (r'A="a\nb\c"', "A", "a\nbc"),
        (r"A=a\nb", "A", r"a\nb"),
        ("A=a$HOME", "A", "a$HOME"),
        ("A = b ", "A", "b"),
    ],
)
def test_a_parameter_file_has_rules_of_its_own(line: str, name: str, value: str) -> None:
    assert oc.parameter_line(line) == (name, value)


def test_a_value_on_the_command_line_wins_over_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "params.env"
    file.write_text(
        "# a comment\n\n" + "".join(f"{name}={value}\n" for name, value in GIVEN.items())
    )
    assert oc.main([str(FILE), "--param-file", str(file), "SPACE_NAME=Mine"]) == 0
    items = yaml.safe_load(capsys.readouterr().out)["items"]
    config = next(o for o in items if o["metadata"]["name"] == "working-sync-config")
    assert config["data"]["SPACE_NAME"] == "Mine"
    assert config["data"]["CONF_CLOUD_ID"] == GIVEN["CONF_CLOUD_ID"]
