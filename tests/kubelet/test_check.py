"""One defect at a time is planted in the product's own manifests; each is found, and the good ones
pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.files import one, substituted
from tests.kubelet.check import check, main, unique
from tests.kubelet.objects import Obj, job_spec, parse, pod_template, quantity
from tests.kubelet.server import schedule_error

GOOD = substituted("secret.yaml", "configmap.yaml", "cronjob.yaml")


class Manifests:
    """The parts of a set of manifests that a defect is planted in."""

    def __init__(self) -> None:
        self.all = copy.deepcopy(GOOD)
        self.cron = one(self.all, "CronJob")["spec"]
        self.job = job_spec(one(self.all, "CronJob"))
        self.pod = pod_template(one(self.all, "CronJob"))["spec"]
        self.box = self.pod["containers"][0]
        self.context = self.box["securityContext"]
        self.rules = self.job["podFailurePolicy"]["rules"]

    def of(self, kind: str) -> Obj:
        return next(o for o in self.all if o["kind"] == kind)

    def without(self, kind: str) -> None:
        self.all = [o for o in self.all if o["kind"] != kind]


Defect = Callable[[Manifests], object]

SERVER: dict[str, tuple[Defect, str]] = {
    "hour 25": (lambda m: m.cron.update(schedule="0 25 * * *"), "schedule"),
    "no schedule": (lambda m: m.cron.pop("schedule"), "schedule"),
    "TZ= in the schedule": (lambda m: m.cron.update(schedule="TZ=UTC 0 2 * * *"), "timeZone"),
    "unknown time zone": (lambda m: m.cron.update(timeZone="Europe/Atlantis"), "timeZone"),
    "concurrencyPolicy Never": (
        lambda m: m.cron.update(concurrencyPolicy="Never"),
        "concurrencyPolicy",
    ),
    "negative deadline": (
        lambda m: m.job.update(activeDeadlineSeconds=-1),
        "activeDeadlineSeconds",
    ),
    "restartPolicy Always": (lambda m: m.pod.update(restartPolicy="Always"), "restartPolicy"),
    "podFailurePolicy with OnFailure": (lambda m: m.pod.update(restartPolicy="OnFailure"), "Never"),
    "a rule for no container": (
        lambda m: m.rules[0]["onExitCodes"].update(containerName="synch"),
        "synch",
    ),
    "exit code 0 with In": (
        lambda m: m.rules[0]["onExitCodes"].update(values=[0, 77]),
        "0 is not allowed",
    ),
    "exit codes out of order": (
        lambda m: m.rules[0]["onExitCodes"].update(values=[78, 77]),
        "order",
    ),
    "an exit code twice": (lambda m: m.rules[0]["onExitCodes"].update(values=[77, 77]), "order"),
    "no condition status": (lambda m: m.rules[1]["onPodConditions"][0].pop("status"), "True"),
    "a boolean status": (lambda m: m.rules[1]["onPodConditions"][0].update(status=True), "True"),
    "an unknown action": (lambda m: m.rules[0].update(action="Fail"), "action"),
    "a rule with nothing": (lambda m: m.rules[0].pop("onExitCodes"), "one of"),
    "env value is a number": (
        lambda m: m.box.update(env=[{"name": "N", "value": 100}]),
        "quote it",
    ),
    "env name with a blank": (
        lambda m: m.box.update(env=[{"name": "A B", "value": "1"}]),
        "env: name",
    ),
    "an env name twice": (lambda m: m.box.update(env=[{"name": "A"}, {"name": "A"}]), "twice"),
    "no image": (lambda m: m.box.pop("image"), "image"),
    "memory 1Gig": (lambda m: m.box["resources"]["limits"].update(memory="1Gig"), "quantity"),
    "request above limit": (lambda m: m.box["resources"]["requests"].update(memory="2Gi"), "above"),
    "mount without its volume": (lambda m: m.pod["volumes"].pop(0), "no volume"),
    "two volumes of one name": (
        lambda m: m.pod["volumes"].append({"name": "tmp", "emptyDir": {}}),
        "twice",
    ),
    "a path mounted twice": (
        lambda m: m.box["volumeMounts"].append({"name": "tmp", "mountPath": "/app"}),
        "twice",
    ),
    "privileged": (lambda m: m.context.update(privileged=True), "privileged"),
    "name with capitals": (
        lambda m: m.of("CronJob")["metadata"].update(name="Sync"),
        "metadata.name",
    ),
    "name of 53 characters": (
        lambda m: m.of("CronJob")["metadata"].update(name="a" * 53),
        "metadata.name",
    ),
    "label with a blank": (
        lambda m: m.of("CronJob")["metadata"]["labels"].update(x="a b"),
        "label",
    ),
    "a number in a ConfigMap": (lambda m: m.all[1]["data"].update(BATCH_SIZE=100), "quote it"),
    "placeholder in the image": (lambda m: m.box.update(image="quay.io/x/y:${TAG}"), "placeholder"),
    "placeholder in a ConfigMap": (
        lambda m: m.all[1]["data"].update(SPACE_NAME="a ${B} c"),
        "placeholder",
    ),
    "placeholder in the Secret": (
        lambda m: m.of("Secret")["stringData"].update(CONF_USER="${X}"),
        "placeholder",
    ),
    "Secret missing": (lambda m: m.without("Secret"), "none of these"),
    "claim missing": (lambda m: m.without("PersistentVolumeClaim"), "none of these"),
    "service account missing": (lambda m: m.without("ServiceAccount"), "none of these"),
    "ConfigMap misnamed": (
        lambda m: m.all[1]["metadata"].update(name="confluence-sync-confg"),
        "none of these",
    ),
    "an object twice and not alike": (
        lambda m: m.all.append({**m.of("Secret"), "stringData": {"CONF_USER": "another"}}),
        "not alike",
    ),
    "a key that the Secret has not": (
        lambda m: m.box.update(
            env=[
                {
                    "name": "T",
                    "valueFrom": {"secretKeyRef": {"name": "confluence-creds", "key": "NO"}},
                }
            ]
        ),
        "no key",
    ),
}

POLICY: dict[str, tuple[Defect, str]] = {
    "NetworkPolicy for other pods": (
        lambda m: m.of("NetworkPolicy")["spec"].update(podSelector={"matchLabels": {"app": "x"}}),
        "NetworkPolicy",
    ),
    "root": (lambda m: m.context.update(runAsUser=0), "runAsUser 0"),
    "a fixed uid": (lambda m: m.pod["securityContext"].update(runAsUser=1001), "restricted-v2"),
    "a fixed fsGroup": (lambda m: m.pod["securityContext"].update(fsGroup=1001), "restricted-v2"),
    "no seccompProfile": (
        lambda m: m.pod["securityContext"].pop("seccompProfile"),
        "seccompProfile",
    ),
    "may be root": (lambda m: m.pod["securityContext"].pop("runAsNonRoot"), "runAsNonRoot"),
    "capabilities kept": (lambda m: m.context.pop("capabilities"), "drop"),
    "a capability added": (lambda m: m.context["capabilities"].update(add=["NET_RAW"]), "add"),
    "privilege escalation": (
        lambda m: m.context.pop("allowPrivilegeEscalation"),
        "allowPrivilegeEscalation",
    ),
    "writable root": (lambda m: m.context.pop("readOnlyRootFilesystem"), "readOnlyRootFilesystem"),
    "hostPath": (
        lambda m: m.pod["volumes"].append({"name": "h", "hostPath": {"path": "/etc"}}),
        "hostPath",
    ),
    "hostNetwork": (lambda m: m.pod.update(hostNetwork=True), "hostNetwork"),
    "token mounted": (
        lambda m: m.pod.pop("automountServiceAccountToken"),
        "automountServiceAccountToken",
    ),
    "default service account": (lambda m: m.pod.pop("serviceAccountName"), "service account"),
    "no resources": (lambda m: m.box.pop("resources"), "requests"),
    "image :latest": (lambda m: m.box.update(image="quay.io/x/y:latest"), "tag"),
    "registry port, no tag": (lambda m: m.box.update(image="registry.example:5000/x/y"), "tag"),
    "no deadline": (lambda m: m.job.pop("activeDeadlineSeconds"), "activeDeadlineSeconds"),
    "no ttl": (lambda m: m.job.pop("ttlSecondsAfterFinished"), "ttlSecondsAfterFinished"),
    "runs overlap": (lambda m: m.cron.pop("concurrencyPolicy"), "Forbid"),
    "no starting deadline": (
        lambda m: m.cron.pop("startingDeadlineSeconds"),
        "startingDeadlineSeconds",
    ),
}


def test_the_good_manifests_pass() -> None:
    assert check(GOOD) == []


@pytest.mark.parametrize("name", [*SERVER, *POLICY])
def test_each_defect_is_found_and_named(name: str) -> None:
    plant, word = {**SERVER, **POLICY}[name]
    manifests = Manifests()
    plant(manifests)
    assert any(word in line for line in check(manifests.all)), check(manifests.all)


@pytest.mark.parametrize("name", SERVER)
def test_what_a_server_refuses_is_found_without_policy(name: str) -> None:
    manifests = Manifests()
    SERVER[name][0](manifests)
    assert check(manifests.all, with_policy=False)


@pytest.mark.parametrize("name", POLICY)
def test_policy_can_be_left_out(name: str) -> None:
    manifests = Manifests()
    POLICY[name][0](manifests)
    assert check(manifests.all, with_policy=False) == []


def test_eks_wants_the_ids_that_openshift_refuses() -> None:
    manifests = Manifests()
    assert len(check(manifests.all, target="eks")) == 2
    manifests.pod["securityContext"].update(runAsUser=1001, fsGroup=1001)
    assert check(manifests.all, target="eks") == []
    assert len(check(manifests.all, target="openshift")) == 1


def test_a_secret_may_come_from_an_external_secret() -> None:
    external = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "any"},
        "spec": {"target": {"name": "confluence-creds"}},
    }
    assert check([*(o for o in GOOD if o["kind"] != "Secret"), external]) == []


def test_an_object_that_two_files_hold_alike_counts_once() -> None:
    assert unique([*GOOD, *copy.deepcopy(GOOD)]) == (GOOD, [])


def test_a_token_may_hold_a_dollar_sign_and_braces() -> None:
    manifests = Manifests()
    manifests.of("Secret")["stringData"]["CONF_API_TOKEN"] = 't:"# $x ${Y}='
    assert check(manifests.all) == []


@pytest.mark.parametrize(
    "schedule",
    [
        "0 2 * * *",
        "*/5 * * * *",
        "0 2 * * SUN-SAT",
        "0 2 * jan 1",
        "@daily",
        "? ? * * ?",
        "0/15 * * * *",
        "1,2 * * * *",
    ],
)
def test_a_schedule_is_accepted_as_the_controller_does(schedule: str) -> None:
    assert schedule_error(schedule) is None


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "0 2 * * 7",
        "0 24 * * *",
        "60 * * * *",
        "0 2 * *",
        "0 2 * * * *",
        "@reboot",
        "0 2 0 * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "1, 2 * * * *",
        "0 2 L * *",
        "0 2 * 13 *",
        "-1 * * * *",
        "@Daily",
        "0 2 ** * *",
        "1/ * * * *",
    ],
)
def test_a_schedule_is_refused_as_the_controller_does(schedule: str) -> None:
    assert schedule_error(schedule)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1Gi", 2.0**30), ("100m", 0.1), ("256Mi", 2.0**28), ("2", 2.0), ("1M", 1e6), ("1Gig", None)],
)
def test_a_quantity_is_read_as_kubernetes_does(text: str, value: float | None) -> None:
    assert quantity(text) == value


def test_a_key_written_twice_is_an_error() -> None:
    with pytest.raises(yaml.YAMLError, match="key twice: a"):
        parse("a: 1\na: 2\n")


def test_the_command_tells_findings_from_files_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def result(objects: list[Any]) -> int:
        (tmp_path / "x.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        return main([str(tmp_path / "x.yaml")])

    assert result(GOOD) == 0
    assert result(GOOD[1:]) == 1
    assert "confluence-creds" in capsys.readouterr().out
    assert main([str(tmp_path / "missing.yaml")]) == 2
