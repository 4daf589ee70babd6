"""The nightly job as a pod of OpenShift's: an arbitrary uid, gid 0, no capabilities, a read-only
root, 512 MiB."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.files import FLOWS, substituted
from tests.container.servers import PAGES
from tests.container.world import UID, Cluster, Servers, assert_whole
from tests.kubelet.objects import Obj, pod_template

NIGHTLY = FLOWS["the Vector API every night"]


@pytest.fixture
def nightly(servers: Servers) -> list[Obj]:
    return substituted(*NIGHTLY, shell=servers.shell)


@pytest.fixture
def slow_store(servers: Servers) -> Iterator[None]:
    servers.ask(do="slow", seconds=0.4)
    yield
    servers.ask(do="slow", seconds=0)


MIDDLE = r"mirroring [\d,]+ of"
"""A line of the log that comes each half minute."""


def doing(objects: list[Obj], *command: str) -> list[Obj]:
    """The same pod with another command."""
    changed = copy.deepcopy(objects)
    job = next(o for o in changed if o["kind"] == "CronJob")
    pod_template(job)["spec"]["containers"][0]["args"] = list(command)
    return changed


def test_a_run_mirrors_the_space_with_no_network_but_the_two_servers(
    cluster: Cluster, servers: Servers, nightly: list[Obj], state: Path
) -> None:
    ended = cluster.pod(nightly, state, settings={"COLLECTION_ID": "whole"})
    assert (ended.code, ended.report["job"]) == (0, "Complete"), ended.log
    assert_whole(servers.collection("whole"), servers.pages())
    assert "300 pages" in ended.report["message"]
    assert len(ended.report["message"].strip().splitlines()) <= 2
    assert servers.at["token"] not in ended.log + json.dumps(ended.report)
    before = servers.collection("whole")
    assert cluster.pod(nightly, state, settings={"COLLECTION_ID": "whole"}).code == 0
    assert servers.collection("whole") == before, "a second night with nothing new writes nothing"


def test_state_belongs_to_the_namespace_s_uid_and_group(
    cluster: Cluster, nightly: list[Obj], state: Path
) -> None:
    assert cluster.pod(nightly, state, settings={"COLLECTION_ID": "owned"}).code == 0
    written = [path for path in state.rglob("*") if path.is_file()]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in written} == {(UID, UID)}
    assert any(path.name == "manifest.db" for path in written)


SEEN = """
import json, os, tempfile
def writable(path):
    try:
        with tempfile.TemporaryFile(dir=path): return True
    except OSError: return False
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
caps = int(status["CapEff"], 16) | int(status["CapBnd"], 16)
places = ("/", "/opt/confluence-sync", "/opt/venv", "/app", "/tmp", "/var/tmp")
print(json.dumps({"uid": os.getuid(), "gid": os.getgid(), "caps": caps,
  "no_new_privs": status["NoNewPrivs"].strip(), "seccomp": status["Seccomp"].strip(),
  "writable": [place for place in places if writable(place)]}))
"""


def test_the_pod_may_do_what_the_manifest_grants_and_no_more(
    cluster: Cluster, nightly: list[Obj], state: Path
) -> None:
    ended = cluster.pod(doing(nightly, "python", "-c", SEEN), state)
    assert json.loads(ended.log) == {
        "uid": UID,
        "gid": 0,
        "caps": 0,
        "no_new_privs": "1",
        "seccomp": "2",
        "writable": ["/app", "/tmp"],
    }


@pytest.mark.parametrize(
    ("setting", "value", "code", "verdict", "said"),
    [
        ("CONF_CLOUD_ID", "", 78, "FailJob", "CONF_CLOUD_ID"),
        ("STORE", "vector_api", 78, "FailJob", "STORE"),
        ("SPACE_NAME", "No such space", 77, "FailJob", "No such space"),
        ("CONF_API_TOKEN", "wrong-token-0001", 77, "FailJob", "CONF_API_TOKEN"),
        ("STATE_DIR", "/nowhere", 74, "FailJob", "/nowhere"),
        ("VECTOR_API_BASE_URL", "http://127.0.0.1:9", 69, "Count", "127.0.0.1:9"),
    ],
)
def test_a_run_that_cannot_be_says_why_and_is_retried_only_where_that_can_help(
    cluster: Cluster,
    nightly: list[Obj],
    state: Path,
    setting: str,
    value: str,
    code: int,
    verdict: str,
    said: str,
) -> None:
    ended = cluster.pod(nightly, state, settings={setting: value})
    assert (ended.code, ended.report["job"]) == (code, verdict), ended.log
    assert said in ended.report["message"], "kubectl describe shows it"
    assert "Traceback" not in ended.log


def test_the_pod_s_own_disk_is_no_store_by_default(
    cluster: Cluster, nightly: list[Obj], state: Path
) -> None:
    ended = cluster.pod(nightly, state, settings={"STORE": "", "VECTOR_API_BASE_URL": ""})
    assert (ended.code, ended.report["job"]) == (78, "FailJob"), ended.log


@pytest.mark.usefixtures("slow_store")
def test_a_drained_node_costs_nothing_and_the_next_run_finishes_the_work(
    cluster: Cluster, servers: Servers, nightly: list[Obj], state: Path
) -> None:
    settings = {"COLLECTION_ID": "drained", "BATCH_SIZE": "20"}
    servers.ask(do="slow", seconds=1.5)  # more than half a minute of writing
    ended = cluster.pod(nightly, state, "--term-when", MIDDLE, "--disrupted", settings=settings)
    assert (ended.code, ended.report["job"]) == (143, "Ignore"), ended.log
    assert "SIGTERM" in ended.report["message"]
    committed = servers.collection("drained")
    assert 0 < len({row["metadata"]["page_id"] for row in committed}) < PAGES
    servers.ask(do="slow", seconds=0)
    ended = cluster.pod(nightly, state, settings=settings)
    assert ended.code == 0, ended.log
    rows = servers.collection("drained")
    assert_whole(rows, servers.pages())
    assert rows[: len(committed)] == committed, "what was confirmed is not sent again"


@pytest.mark.usefixtures("slow_store")
@pytest.mark.parametrize("moment", ["Vector API", "listing", "writing: [0-9]+ pages"])
def test_a_stop_that_nobody_excuses_counts_as_a_failure_whenever_it_comes(
    cluster: Cluster, nightly: list[Obj], state: Path, moment: str
) -> None:
    settings = {"COLLECTION_ID": "stopped", "BATCH_SIZE": "20"}
    ended = cluster.pod(nightly, state, "--term-when", moment, settings=settings)
    assert (ended.code, ended.report["job"]) == (143, "Count"), ended.log


@pytest.mark.usefixtures("slow_store")
def test_the_job_s_deadline_stops_a_run_as_a_drain_does(
    cluster: Cluster, nightly: list[Obj], state: Path
) -> None:
    ended = cluster.pod(
        nightly, state, "--timeout", "5", settings={"COLLECTION_ID": "late", "BATCH_SIZE": "5"}
    )
    assert (ended.code, ended.report["job"]) == (143, "DeadlineExceeded"), ended.log


def test_a_store_behind_a_private_ca_is_reached_with_the_injected_bundle_alone(
    cluster: Cluster, servers: Servers, nightly: list[Obj], state: Path
) -> None:
    settings = {"COLLECTION_ID": "private", "VECTOR_API_BASE_URL": servers.at["vector_api_tls"]}
    refused = cluster.pod(nightly, state, settings=settings)
    assert refused.code in (69, 78), refused.log
    assert "certificate" in refused.log.lower()
    injected: Any = next(o for o in nightly if o["metadata"]["name"] == "trusted-ca")
    injected["data"] = {"ca-bundle.crt": servers.certificate.read_text(encoding="utf-8")}
    ended = cluster.pod(nightly, state, settings=settings)
    assert ended.code == 0, ended.log
    assert_whole(servers.collection("private"), servers.pages())


def test_without_fsgroup_a_fresh_volume_is_root_s_and_the_job_says_so(
    cluster: Cluster, nightly: list[Obj], state: Path
) -> None:
    ended = cluster.pod(nightly, state, openshift=False)
    assert (ended.code, ended.report["job"]) == (74, "FailJob"), ended.log
