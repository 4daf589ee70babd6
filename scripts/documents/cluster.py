"""A namespace without a cluster: its objects as files, and Jobs that run when they are made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.documents import container
from tests.kubelet import policy
from tests.kubelet.check import check
from tests.kubelet.objects import Obj, job_spec, name_of, pod_template

OBJECTS = container.STATE / "objects"


def path_of(kind: str, name: str) -> Path:
    return OBJECTS / f"{kind.lower()}.{name}.json"


def read(kind: str, name: str) -> Obj:
    """Raises ``SystemExit`` where there is no such object."""
    path = path_of(kind, name)
    if not path.exists():
        raise SystemExit(f'Error from server (NotFound): {kind.lower()} "{name}" not found')
    obj: Obj = json.loads(path.read_text(encoding="utf-8"))
    return obj


def everything() -> list[Obj]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(OBJECTS.glob("*.json"))]


def write(obj: Obj) -> None:
    OBJECTS.mkdir(parents=True, exist_ok=True)
    path_of(obj["kind"], name_of(obj)).write_text(json.dumps(obj), encoding="utf-8")


def apply(
    objects: Sequence[Obj], *, create: bool = False, target: policy.Target = "openshift"
) -> None:
    """What the server accepts is there afterwards, and a new Job has run. Raises ``SystemExit`` for
    what is refused, and for a Job that did not end well."""
    new = {(o["kind"], name_of(o)) for o in objects}
    others = [o for o in everything() if (o["kind"], name_of(o)) not in new]
    there_already = [o for o in others if o["kind"] not in ("Job", "CronJob")]
    if faults := check([*objects, *there_already], target=target):
        raise SystemExit("\n".join(faults))
    for obj in objects:
        there = path_of(obj["kind"], name_of(obj)).exists()
        if there and (create or obj["kind"] == "Job"):
            raise SystemExit(f"{obj['kind']}/{name_of(obj)} already exists, or cannot be changed")
        write(obj)
        print(f"{obj['kind'].lower()}/{name_of(obj)} {'configured' if there else 'created'}")
    for obj in objects:
        if obj["kind"] == "Job":
            run_job(obj)


def run_job(job: Obj) -> None:
    """Run the Job's pod to its end; its log is kept. One that sleeps is only there."""
    spec = pod_template(job)["spec"]
    (one,) = spec["containers"]
    container.require_pushed(one["image"])
    if one["args"][0] == "sleep":
        return
    variables: dict[str, str] = {}
    for source in one["envFrom"]:
        ((how, named),) = source.items()
        kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[how]
        obj = read(kind, named["name"])
        variables |= obj.get("data") or {}
        variables |= obj.get("stringData") or {}
    done = container.run_image(one["args"], variables, volume_of(job))
    log_of(name_of(job)).write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise SystemExit(f"job/{name_of(job)} ended with {done.returncode}")


def volume_of(job: Obj) -> Path:
    """The folder of its claim."""
    volumes = pod_template(job)["spec"]["volumes"]
    (claim,) = [v["persistentVolumeClaim"] for v in volumes if "persistentVolumeClaim" in v]
    read("PersistentVolumeClaim", claim["claimName"])
    return container.STATE / "volumes" / str(claim["claimName"])


def log_of(job: str) -> Path:
    return container.STATE / f"job-{job}.log"


def execute(job: str, command: Sequence[str]) -> int:
    """In the pod of a Job, whose ``/app`` is its volume. Exit code."""
    folder = volume_of(read("Job", job))
    folder.mkdir(parents=True, exist_ok=True)
    inside = [str(folder) if word == "/app" else word for word in command]
    return subprocess.run(inside, check=False).returncode


def job_from(cronjob: Obj, name: str) -> Obj:
    """``oc create job NAME --from=cronjob/…``."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": cronjob["spec"]["jobTemplate"]["metadata"]["labels"]},
        "spec": job_spec(cronjob),
    }


def delete(kinds: Sequence[str], names: Sequence[str], label: tuple[str, str] | None) -> int:
    """How many were deleted; their logs and volumes go along."""
    gone = 0
    for obj in everything():
        kind, name = obj["kind"].lower(), name_of(obj)
        labels = obj["metadata"].get("labels") or {}
        chosen = name in names if label is None else labels.get(label[0]) == label[1]
        if kind in kinds and chosen:
            path_of(kind, name).unlink()
            if kind == "persistentvolumeclaim":
                shutil.rmtree(container.STATE / "volumes" / name, ignore_errors=True)
            gone += 1
            print(f"{kind}/{name} deleted")
    return gone
