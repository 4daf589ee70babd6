"""The files that users know, alone and together: every way in which they are applied ends in valid
objects."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.errors import Exit
from confluence_mirror.settings import Settings
from scripts.k8s import generate
from tests.cluster.files import CREDENTIALS, FLOWS, ROOT, SHELL, envsubst, one, substituted, text_of
from tests.kubelet.check import check
from tests.kubelet.objects import Obj, job_spec, load, parse, pod_template

ALL = (
    "secret.yaml",
    "configmap.yaml",
    "cronjob.yaml",
    "configmap-llama.yaml",
    "job-llama.yaml",
    "cronjob-llama.yaml",
)


def workloads(objects: list[Obj]) -> list[Obj]:
    return [o for o in objects if o["kind"] in ("Job", "CronJob")]


def settings_of(data: dict[str, str], tmp_path: Path) -> tuple[Settings, list[str]]:
    """What the job would make of a ConfigMap and the Secret, in a pod."""
    return Settings.load({**data, **CREDENTIALS}, tmp_path, in_container=True)


def test_the_folder_holds_the_files_that_users_know_and_nothing_else_that_apply_would_read() -> (
    None
):
    assert {p.name for p in (ROOT / "openshift").iterdir()} == {*ALL, "template.ocp"}


def test_the_generated_files_are_in_step_with_the_base() -> None:
    assert generate.main(["--check"]) == 0


def test_a_file_that_drifts_from_the_base_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in [
        *generate.SOURCES.values(),
        *(f"openshift/{name}" for name in ALL),
        "openshift/template.ocp",
    ]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    job = tmp_path / "openshift" / "job-llama.yaml"
    job.write_text(
        job.read_text(encoding="utf-8").replace("memory: 256Mi", "memory: 255Mi"), encoding="utf-8"
    )
    assert generate.main(["--check"]) == 1
    assert "job-llama.yaml" in capsys.readouterr().out


@pytest.mark.parametrize("files", FLOWS.values(), ids=FLOWS.keys())
def test_each_flow_is_complete_with_its_own_three_files(files: tuple[str, ...]) -> None:
    assert check(substituted(*files)) == []


def test_the_whole_folder_applies_both_flows_side_by_side() -> None:
    objects = substituted(*ALL)
    assert check(objects) == []
    jobs = workloads(objects)
    claims = {
        o["metadata"]["name"]: pod_template(o)["spec"]["volumes"][0]["persistentVolumeClaim"]
        for o in jobs
    }
    assert len(claims) == 3, "three names"
    assert claims["confluence-sync"] != claims["confluence-sync-llama"], (
        "two mirrors, two manifests"
    )
    assert claims["confluence-sync-llama-once"] == claims["confluence-sync-llama"], (
        "one mirror, one manifest"
    )


@pytest.mark.parametrize("name", ALL)
def test_a_file_edited_by_hand_applies(name: str) -> None:
    edited = text_of(name)
    for variable, value in SHELL.items():
        edited = edited.replace(f'"${{{variable}}}"', f'"{value}"')
    assert parse(edited) == substituted(name), (
        "every placeholder stands in double quotes of its own"
    )


@pytest.mark.parametrize("name", [n for n in ALL if "${" in text_of(n)])
def test_a_placeholder_that_nobody_filled_in_is_found(name: str) -> None:
    found = check(load([str(ROOT / "openshift" / name)]), with_policy=False)
    assert any("placeholder" in line for line in found)


@pytest.mark.parametrize(
    ("variable", "refusal"), [("IMAGE", "image: required"), ("CRON_SCHEDULE", "schedule ''")]
)
def test_a_variable_that_is_not_set_is_refused_by_the_server_and_not_used(
    variable: str, refusal: str
) -> None:
    shell = {name: value for name, value in SHELL.items() if name != variable}
    found = check(substituted(*FLOWS["Llama Stack every night"], shell=shell))
    assert any(refusal in line for line in found)


def test_the_schedule_that_is_set_is_that_of_both_nightly_jobs() -> None:
    jobs = workloads(substituted("cronjob.yaml", "cronjob-llama.yaml"))
    assert [job["spec"]["schedule"] for job in jobs] == [SHELL["CRON_SCHEDULE"]] * 2


@pytest.mark.parametrize("name", ["configmap.yaml", "configmap-llama.yaml"])
def test_the_job_understands_every_setting_of_a_configmap(name: str, tmp_path: Path) -> None:
    settings, warnings = settings_of(one(substituted(name), "ConfigMap")["data"], tmp_path)
    assert settings.scope.space_name == "Known Issues"
    assert settings.store.kind == ("llama" if "llama" in name else "vector-api")
    assert settings.output.log_format == "json"
    assert warnings == []


@pytest.mark.parametrize("name", ["configmap.yaml", "configmap-llama.yaml"])
def test_optional_settings_may_stay_empty(name: str, tmp_path: Path) -> None:
    optional = {
        "LABELS",
        "SINCE_HOURS",
        "FILTER_SPACE_KEYS",
        "SCOPE",
        "EXCLUDE_LABELS",
        "EXCLUDE_TREES",
        "COLLECTION_ID",
        "VECTOR_DB_ID",
        "BATCH_SIZE",
    }
    shell = {variable: value for variable, value in SHELL.items() if variable not in optional}
    settings, _ = settings_of(one(substituted(name, shell=shell), "ConfigMap")["data"], tmp_path)
    assert (settings.scope.labels, settings.scope.since_hours, settings.store.batch_size) == (
        (),
        24,
        100,
    )


@pytest.mark.parametrize("overlay", ["openshift", "eks", "shards"])
def test_the_job_understands_the_settings_of_an_overlay(overlay: str, tmp_path: Path) -> None:
    lines = (
        (ROOT / f"deploy/overlays/{overlay}/settings.env").read_text(encoding="utf-8").splitlines()
    )
    data = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    if overlay in ("eks", "shards"):
        data["PGVECTOR_URL"] = "postgresql://sync:secret@db.vectors.svc/vectors"  # from the Secret
    if overlay == "shards":
        data |= {"STATE_URL": "postgresql://sync:secret@db.vectors.svc/state"}
        data |= {"JOB_COMPLETION_INDEX": "2"}
    settings, warnings = settings_of(data, tmp_path)
    assert settings.store.kind == data["STORE"]
    assert warnings == []


EVERY_JOB = workloads(substituted("cronjob.yaml", "job-llama.yaml", "cronjob-llama.yaml"))


@pytest.mark.parametrize("workload", EVERY_JOB, ids=lambda o: str(o["metadata"]["name"]))
class TestEveryJob:
    def test_only_what_a_person_must_mend_fails_it_at_once(self, workload: Any) -> None:
        rules = job_spec(workload)["podFailurePolicy"]["rules"]
        at_once = {
            code
            for rule in rules
            if rule["action"] == "FailJob"
            for code in rule["onExitCodes"]["values"]
        }
        mend = {Exit.USAGE, Exit.REFUSED, Exit.STATE, Exit.PERMISSION, Exit.SETTINGS}
        assert at_once == {2, *mend}, "2 is argparse's own, and that of a program that is not there"
        retried = {Exit.UNAVAILABLE, Exit.UNFINISHED, Exit.TERMINATED, Exit.BUG}
        assert not at_once & retried
        assert {"type": "DisruptionTarget", "status": "True"} in rules[1]["onPodConditions"]

    def test_its_own_time_budget_ends_before_the_cluster_s(self, workload: Any) -> None:
        deadline = job_spec(workload)["activeDeadlineSeconds"]
        for name in ("configmap.yaml", "configmap-llama.yaml"):
            budget = int(one(substituted(name), "ConfigMap")["data"]["RUN_BUDGET_MINUTES"])
            assert budget * 60 + 300 < deadline < 24 * 3600

    def test_a_stopped_run_has_time_for_its_batch(self, workload: Any) -> None:
        assert pod_template(workload)["spec"]["terminationGracePeriodSeconds"] >= 20 + 30

    def test_state_lies_where_users_mount_it(self, workload: Any) -> None:
        mounts = {
            m["mountPath"]: m["name"]
            for m in pod_template(workload)["spec"]["containers"][0]["volumeMounts"]
        }
        assert mounts["/app"] == "state"

    def test_the_secret_wins_over_the_settings(self, workload: Any) -> None:
        sources = pod_template(workload)["spec"]["containers"][0]["envFrom"]
        assert [next(iter(s)) for s in sources] == ["configMapRef", "secretRef"]
        assert sources[1]["secretRef"]["name"] == "confluence-creds"


def test_no_object_names_a_namespace() -> None:
    everything = substituted(*ALL) + [
        o for p in sorted((ROOT / "deploy/base").glob("*.yaml")) for o in load([str(p)])
    ]
    assert not [o for o in everything if "namespace" in (o.get("metadata") or {})]


def test_envsubst_itself_agrees_with_ours(tmp_path: Path) -> None:
    program = next((p for d in os.get_exec_path() if (p := Path(d) / "envsubst").exists()), None)
    if program is None:
        pytest.skip("no envsubst here (gettext)")
    for name in ALL:
        done = subprocess.run(
            [program], input=text_of(name), env=SHELL, capture_output=True, text=True, check=True
        )
        assert done.stdout == envsubst(text_of(name), SHELL)


def texts() -> dict[str, str]:
    """What users read and apply, by its path."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / ".env.example"]
    found += [path for name in ("openshift", "deploy") for path in (ROOT / name).rglob("*.*")]
    return {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in found}


SERVICES = {
    "vector-api": "8001",
    "llama-stack": "8321",
    "chroma": "8000",
    "pushgateway": "9091",
}


def test_every_text_names_a_service_by_one_port_and_the_policy_opens_it() -> None:
    named = {
        (service, port)
        for text in texts().values()
        for service, port in re.findall(r"http://([a-z-]+)\.\w+\.svc:(\d+)", text)
        if service in SERVICES
    }
    assert named == set(SERVICES.items())
    policy = texts()["deploy/base/networkpolicy.yaml"]
    assert {*SERVICES.values(), "5432"} <= set(re.findall(r"port: (\d+), protocol: TCP", policy))


def test_every_text_calls_the_image_by_one_name() -> None:
    named = {
        found
        for text in texts().values()
        for found in re.findall(r"[\w./-]+/([\w-]*(?:sync|mirror)):(?:\d[\w.]*|latest)", text)
    }
    assert named == {"confluence-sync"}
