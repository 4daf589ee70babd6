"""The pod of each manifest, run as the kubelet would run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.files import FLOWS, IMAGE, LLAMA, ROOT, SCOPE, substituted, text_of
from tests.container.world import Cluster, Servers, assert_whole, run
from tests.kubelet import template
from tests.kubelet.objects import Obj, parse

CREDENTIALS = ("CONF_USER", "CONF_API_TOKEN")


@pytest.fixture
def few(servers: Servers) -> dict[str, str]:
    """The site with few pages, for a Llama Stack."""
    return {"CONF_GATEWAY_URL": servers.at["small"]}


def assert_in_llama(servers: Servers, name: str) -> None:
    """Every page of the small site answers from the vector store of this name."""
    assert servers.in_llama(name) == set(servers.pages(few=True).values())


@pytest.mark.parametrize("flow", ["Llama Stack now", "Llama Stack every night"])
def test_a_llama_stack_manifest(
    flow: str, cluster: Cluster, servers: Servers, state: Path, few: dict[str, str]
) -> None:
    shell = {**servers.shell, "VECTOR_DB_ID": flow.replace(" ", "-").lower()}
    ended = cluster.pod(substituted(*FLOWS[flow], shell=shell), state, settings=few)
    assert (ended.code, ended.report["job"]) == (0, "Complete"), ended.log
    assert_in_llama(servers, shell["VECTOR_DB_ID"])
    assert (state / "conf_known_issues.vdb").exists()


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_the_template_s_pods(
    kind: str, cluster: Cluster, servers: Servers, state: Path, few: dict[str, str]
) -> None:
    shell = {**servers.shell, "VECTOR_DB_ID": f"template-{kind.lower()}"}
    names = {*LLAMA, *SCOPE, *IMAGE, *CREDENTIALS}
    objects = template.process(
        yaml.safe_load(text_of("template.ocp")), {name: shell[name] for name in names}
    )
    name = next(o["metadata"]["name"] for o in objects if o["kind"] == kind)
    ended = cluster.pod(objects, state, name=name, settings=few)
    assert (ended.code, ended.report["job"]) == (0, "Complete"), ended.log
    assert_in_llama(servers, shell["VECTOR_DB_ID"])


@pytest.mark.parametrize("overlay", ["openshift", "eks"])
def test_an_overlay_s_pod(overlay: str, cluster: Cluster, servers: Servers, state: Path) -> None:
    built = run("kubectl", "kustomize", str(ROOT / "deploy/overlays" / overlay))
    objects = [*parse(built.stdout), *substituted("secret.yaml", shell=servers.shell)]
    settings = {
        "CONF_CLOUD_ID": servers.at["cloud_id"],
        "SPACE_NAME": "Space GEN",
        "FILTER_SPACE_KEYS": "",
        "STORE": "vector-api",
        "VECTOR_API_BASE_URL": servers.at["vector_api"],
        "COLLECTION_ID": f"overlay-{overlay}",
    }
    ended = cluster.pod(objects, state, settings=settings, openshift=overlay == "openshift")
    assert (ended.code, ended.report["job"]) == (0, "Complete"), ended.log
    assert_whole(servers.collection(f"overlay-{overlay}"), servers.pages())


def from_env_file(tmp_path: Path, kind: list[str], name: str, lines: dict[str, str]) -> Obj:
    """What ``oc create KIND NAME --from-env-file=FILE`` makes; kubectl's code is the same."""
    file = tmp_path / f"{name}.env"
    file.write_text("".join(f"{key}={value}\n" for key, value in lines.items()), encoding="utf-8")
    command = [
        "kubectl",
        "create",
        *kind,
        name,
        f"--from-env-file={file}",
        "--dry-run=client",
        "-o",
        "yaml",
    ]
    made: Any = yaml.safe_load(run(*command).stdout)
    return made


@pytest.mark.parametrize("flow", ["Llama Stack now", "Llama Stack every night"])
def test_settings_and_secret_made_from_env_files_drive_the_same_jobs(
    flow: str, cluster: Cluster, servers: Servers, state: Path, tmp_path: Path, few: dict[str, str]
) -> None:
    shell = servers.shell
    lines = {name: shell[name] for name in ("CONF_CLOUD_ID", "LLAMA_BASE_URL")}
    lines |= {"SPACE_NAME": '"Space GEN"', "VECTOR_DB_ID": "from-env-file", "LABELS": ""}
    secret = {"CONF_USER": shell["CONF_USER"], "CONF_API_TOKEN": f"'{shell['CONF_API_TOKEN']}'"}
    objects = substituted(FLOWS[flow][2], shell=shell)
    objects.append(from_env_file(tmp_path, ["configmap"], "working-sync-config", lines))
    objects.append(from_env_file(tmp_path, ["secret", "generic"], "confluence-creds", secret))
    ended = cluster.pod(objects, state, settings=few)
    assert ended.code == 0, ended.log
    assert_in_llama(servers, "from-env-file")
