"""Every manifest and rendering against the schemas of three Kubernetes versions, and a linter that
we did not write."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cluster.files import CREDENTIALS, FLOWS, IMAGE, LLAMA, ROOT, SCOPE, substituted, text_of
from tests.container.world import run
from tests.kubelet import template
from tests.kubelet.check import check
from tests.kubelet.objects import Obj, parse
from tests.kubelet.policy import Target

VERSIONS = ("1.31", "1.33", "1.37")
"""OpenShift 4.18, OpenShift 4.20, the newest."""

SKIPPED = {
    "CKV_K8S_21": "the namespace is the user's",
    "CKV_K8S_43": "a digest is for the overlay of a cluster that wants one",
    "CKV_K8S_35": (
        "a Secret as variables serves --from-env-file; CONF_API_TOKEN_FILE is the other way"
    ),
    "CKV_K8S_15": "the tag is fixed: IfNotPresent pulls what it names",
    "CKV_K8S_40": "OpenShift chooses the uid",
    "CKV_K8S_11": "no CPU limit: it would only slow the job down",
}


def kustomized(overlay: str) -> list[Obj]:
    built = run("kubectl", "kustomize", str(ROOT / "deploy/overlays" / overlay))
    assert built.returncode == 0, built.stdout
    return parse(built.stdout)


def processed() -> list[Obj]:
    return template.process(
        yaml.safe_load(text_of("template.ocp")), {**CREDENTIALS, **SCOPE, **LLAMA, **IMAGE}
    )


def renderings() -> dict[str, tuple[list[Obj], Target]]:
    every = {name: (substituted(*names), "openshift") for name, names in FLOWS.items()}
    return {
        **every,
        "template": (processed(), "openshift"),
        "overlay openshift": ([*kustomized("openshift"), *substituted("secret.yaml")], "openshift"),
        "overlay eks": (kustomized("eks"), "eks"),
        "overlay shards": ([*kustomized("shards"), *substituted("secret.yaml")], "openshift"),
    }


@pytest.fixture(scope="module")
def rendered() -> dict[str, tuple[list[Obj], Target]]:
    return renderings()


NAMES = [*FLOWS, "template", "overlay openshift", "overlay eks", "overlay shards"]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_valid_in_three_versions_and_keeps_the_policy(
    name: str, rendered: dict[str, tuple[list[Obj], Target]]
) -> None:
    objects, target = rendered[name]
    assert check(objects, target=target, schemas=VERSIONS) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("concurrencyPolicy", "concurencyPolicy"),
        ("resources", "resource"),
        ("backoffLimit: 3", "backoffLimit: three"),
        ("batch/v1", "batch/v1beta1"),
    ],
)
def test_the_schemas_find_what_our_own_rules_do_not(old: str, new: str) -> None:
    text = yaml.safe_dump_all(substituted(*FLOWS["the Vector API every night"]))
    assert old in text
    assert any("schema" in line for line in check(parse(text.replace(old, new)), schemas=VERSIONS))


def checkov(text: str, folder: Path) -> tuple[int, str]:
    """Its exit code and what it said of a YAML text."""
    (folder / "all.yaml").write_text(text, encoding="utf-8")
    flags = [
        "--framework",
        "kubernetes",
        "--skip-download",
        "--compact",
        "--quiet",
        "--skip-check",
        ",".join(SKIPPED),
    ]
    done = run(str(ROOT / ".venv-checkov/bin/checkov"), *flags, "-f", str(folder / "all.yaml"))
    return done.returncode, done.stdout


def test_checkov_finds_nothing(
    rendered: dict[str, tuple[list[Obj], Target]], tmp_path: Path
) -> None:
    everything = [obj for objects, _ in rendered.values() for obj in objects]
    code, said = checkov(yaml.safe_dump_all(everything), tmp_path)
    assert code == 0, said
    assert "Failed checks: 0" in said


def test_checkov_is_not_blind(tmp_path: Path) -> None:
    text = yaml.safe_dump_all(substituted(*FLOWS["the Vector API every night"]))
    code, said = checkov(text.replace("readOnlyRootFilesystem: true", "privileged: true"), tmp_path)
    assert code == 1
    assert "CKV_K8S_16" in said
