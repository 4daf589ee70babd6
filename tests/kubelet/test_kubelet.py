"""What a pod of ours would be given and how its end would be judged: the parts that need no
podman."""

from __future__ import annotations

import base64
import copy
from pathlib import Path
from typing import Any

import pytest

from confluence_mirror.errors import Exit
from tests.cluster.files import SHELL, one, substituted
from tests.kubelet.kubelet import (
    Namespace,
    NotStartedError,
    Status,
    admit_restricted_v2,
    environment,
    expand,
    user_of,
    verdict,
)
from tests.kubelet.objects import Obj, job_spec, pod_template
from tests.kubelet.volumes import Volumes

OBJECTS: list[Obj] = [
    {
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"A": "from map", "B": "b", "bad key": "x"},
    },
    {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"A": base64.b64encode(b"from secret").decode()},
        "stringData": {"T": "t $(A)"},
    },
]
LLAMA = substituted("secret.yaml", "configmap-llama.yaml", "job-llama.yaml")


def variables(container: Obj, objects: list[Obj] = OBJECTS) -> dict[str, str]:
    return environment(Namespace(objects), container, {"metadata.name": "pod-1"})


def test_the_job_gets_its_settings_and_its_secret() -> None:
    got = variables(pod_template(one(LLAMA, "Job"))["spec"]["containers"][0], LLAMA)
    assert got["CONF_API_TOKEN"] == SHELL["CONF_API_TOKEN"]
    assert got["LLAMA_BASE_URL"] == SHELL["LLAMA_BASE_URL"]


def test_a_later_source_wins_and_env_wins_over_all() -> None:
    sources = [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "s"}}]
    assert variables({"envFrom": sources}) == {"A": "from secret", "B": "b", "T": "t $(A)"}
    assert variables({"envFrom": sources[::-1]})["A"] == "from map"
    assert variables({"envFrom": sources, "env": [{"name": "A", "value": "x"}]})["A"] == "x"


def test_references_are_expanded_as_kubernetes_does() -> None:
    assert expand("$(X) $$(X) $(NO) $X", {"X": "1"}) == "1 $(X) $(NO) $X"
    pod_name = {"name": "P", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    assert variables({"env": [pod_name, {"name": "Q", "value": "$(P)!"}]}) == {
        "P": "pod-1",
        "Q": "pod-1!",
    }


@pytest.mark.parametrize(
    "container",
    [
        {"envFrom": [{"configMapRef": {"name": "none"}}]},
        {"env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "none"}}}]},
        {"env": [{"name": "K", "value": 1}]},
    ],
)
def test_a_pod_that_could_not_start_is_not_started(container: Obj) -> None:
    with pytest.raises(NotStartedError):
        variables(container)


def test_what_is_optional_may_be_missing() -> None:
    assert variables({"envFrom": [{"configMapRef": {"name": "none", "optional": True}}]}) == {}


def test_restricted_v2_fills_in_the_ids_of_our_pods() -> None:
    pod = copy.deepcopy(pod_template(one(LLAMA, "Job"))["spec"])
    admit_restricted_v2(pod, 1000690000)
    assert pod["securityContext"]["fsGroup"] == 1000690000
    assert user_of(pod["containers"][0], pod, "1001:0") == "1000690000:0"


@pytest.mark.parametrize(
    "fault",
    [
        {"securityContext": {"runAsUser": 1001}},
        {"securityContext": {"fsGroup": 1001}},
        {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
        {"volumes": [{"name": "h", "hostPath": {}}]},
        {"hostNetwork": True},
    ],
)
def test_restricted_v2_refuses_choices_of_our_own(fault: Any) -> None:
    with pytest.raises(NotStartedError, match="restricted-v2"):
        admit_restricted_v2({"containers": [{"name": "c"}], **fault}, 1000690000)


@pytest.mark.parametrize("image_user", ["", "root", "0:0", "sync"])
def test_an_image_without_a_numeric_user_is_not_run_where_root_is_forbidden(
    image_user: str,
) -> None:
    with pytest.raises(NotStartedError):
        user_of({}, {"securityContext": {"runAsNonRoot": True}}, image_user)


def test_the_trust_bundle_is_there_where_the_cluster_gives_one_and_only_there(
    tmp_path: Path,
) -> None:
    pod = pod_template(one(LLAMA, "Job"))["spec"]
    (tmp_path / "without").mkdir()
    empty = Volumes(Namespace(LLAMA), pod, tmp_path / "without", {})
    assert list(empty.paths["trusted-ca"].iterdir()) == []
    filled = copy.deepcopy(LLAMA)
    next(o for o in filled if o["metadata"]["name"] == "trusted-ca")["data"] = {
        "ca-bundle.crt": "PEM"
    }
    (tmp_path / "with").mkdir()
    full = Volumes(Namespace(filled), pod, tmp_path / "with", {})
    assert (full.paths["trusted-ca"] / "tls-ca-bundle.pem").read_text(encoding="utf-8") == "PEM"
    assert full.writable == {"state", "tmp"}


@pytest.mark.parametrize(
    ("code", "disrupted", "action"),
    [
        (Exit.OK, True, "Complete"),
        (Exit.USAGE, False, "FailJob"),
        (Exit.REFUSED, False, "FailJob"),
        (Exit.STATE, False, "FailJob"),
        (Exit.PERMISSION, True, "FailJob"),
        (Exit.SETTINGS, False, "FailJob"),
        (2, False, "FailJob"),
        (Exit.UNAVAILABLE, False, "Count"),
        (Exit.BUG, False, "Count"),
        (Exit.UNFINISHED, False, "Count"),
        (Exit.TERMINATED, False, "Count"),
        (Exit.TERMINATED, True, "Ignore"),
        (137, True, "Ignore"),
    ],
)
def test_the_manifests_policy_judges_each_exit_code(
    code: int, disrupted: bool, action: str
) -> None:
    ended = Status("sync", code, "Error", "", 1.0, deadline_exceeded=False)
    assert verdict(job_spec(one(LLAMA, "Job")), ended, disrupted=disrupted) == action
