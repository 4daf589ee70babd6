"""What an API server would take and a platform engineer would not: restricted pods, bounded jobs,
links to a policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from tests.kubelet.objects import Obj, containers, job_spec, pod_template

Target: TypeAlias = Literal["openshift", "eks", "any"]

_FIXED_TAG = re.compile(r":(?!latest$)\w[\w.-]*$")
_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def check(workload: Obj, objects: list[Obj], target: Target) -> Iterator[str]:
    """Every finding of this module for one Job or CronJob.

    ``openshift`` refuses ids of the manifest's own, which restricted-v2 chooses; ``eks`` demands
    them, because Pod Security "restricted" chooses none; ``any`` asks neither.
    """
    spec = workload.get("spec") or {}
    if workload.get("kind") == "CronJob":
        if spec.get("concurrencyPolicy") != "Forbid":
            yield "concurrencyPolicy: Forbid is expected"
        if (spec.get("startingDeadlineSeconds") or 0) < 10:
            yield "startingDeadlineSeconds: 10 or more (the controller looks every 10 s)"
    for key in ("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"):
        if job_spec(workload).get(key) is None:
            yield f"{key}: expected"
    pod = pod_template(workload).get("spec") or {}
    yield from _pod(pod, target)
    labels = (pod_template(workload).get("metadata") or {}).get("labels") or {}
    selectors = [
        ((o.get("spec") or {}).get("podSelector") or {}).get("matchLabels") or {}
        for o in objects
        if o.get("kind") == "NetworkPolicy"
    ]
    if not any(selector.items() <= labels.items() for selector in selectors):
        yield f"no NetworkPolicy in these files selects the pod's labels {labels}"


def _pod(pod: Obj, target: Target) -> Iterator[str]:
    volumes = pod.get("volumes") or []
    for volume in volumes:
        yield from (
            f"volume {volume.get('name')!r}: {kind}" for kind in volume.keys() - {"name"} - _VOLUMES
        )
    yield from (
        f"{key}: not allowed" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)
    )
    if pod.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken: false is expected"
    if pod.get("serviceAccountName") in (None, "", "default"):
        yield "a service account of its own is expected"
    context = pod.get("securityContext") or {}
    contexts = [context, *(c.get("securityContext") or {} for _, c in containers(pod))]
    fixed_user = any(c.get("runAsUser") is not None for c in contexts)
    fixed_group = context.get("fsGroup") is not None
    if target == "openshift" and (fixed_user or fixed_group):
        yield "runAsUser and fsGroup are the namespace's to choose under restricted-v2"
    if target == "eks" and not fixed_user:
        yield "runAsUser is expected"
    if (
        target == "eks"
        and not fixed_group
        and any({"persistentVolumeClaim", "ephemeral"} & v.keys() for v in volumes)
    ):
        yield "fsGroup is expected: a fresh volume belongs to root"
    for at, container in containers(pod):
        yield from (f"{at}: {fault}" for fault in _container(container, context))


def _container(container: Obj, pod_context: Obj) -> Iterator[str]:
    own = container.get("securityContext") or {}
    both = {**pod_context, **own}
    capabilities = own.get("capabilities") or {}
    resources = container.get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    image = str(container.get("image") or "")
    rules = {
        f"image {image!r} has no fixed tag or digest": "@sha256:" in image
        or bool(_FIXED_TAG.search(image.rsplit("/", 1)[-1])),
        "allowPrivilegeEscalation must be false": own.get("allowPrivilegeEscalation") is False,
        "capabilities.drop must have ALL": "ALL" in (capabilities.get("drop") or []),
        "capabilities.add": not set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"},
        "runAsNonRoot must be true": both.get("runAsNonRoot") is True,
        "runAsUser 0": both.get("runAsUser") != 0,
        "seccompProfile must be RuntimeDefault": (both.get("seccompProfile") or {}).get("type")
        in ("RuntimeDefault", "Localhost"),
        "privileged": not own.get("privileged"),
        "readOnlyRootFilesystem is expected": own.get("readOnlyRootFilesystem") is True,
        "cpu and memory requests and a memory limit are expected": {"cpu", "memory"}
        <= requests.keys()
        and "memory" in limits,
    }
    yield from (text for text, kept in rules.items() if not kept)
