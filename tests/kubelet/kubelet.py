"""What admission, the kubelet and the Job controller do with a pod, as functions: ids, environment,
verdict."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.kubelet.objects import Obj, containers, name_of

_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


class NotStartedError(Exception):
    """The pod would not be admitted, or stay Pending; the text begins with the reason that
    Kubernetes gives."""


@dataclass(frozen=True)
class Status:
    """How a container ended, with the kubelet's names."""

    container: str
    exit_code: int
    reason: str
    message: str
    seconds: float
    deadline_exceeded: bool


@dataclass(frozen=True)
class Namespace:
    """The objects that exist beside the pod."""

    objects: list[Obj]

    def workload(self, name: str | None) -> Obj:
        """The Job or CronJob of this name, or the only one."""
        jobs = [
            o
            for o in self.objects
            if o["kind"] in ("Job", "CronJob") and name in (None, name_of(o))
        ]
        if len(jobs) != 1:
            raise NotStartedError(
                "choose one Job or CronJob with --name:"
                f" {', '.join(map(name_of, jobs)) or 'none found'}"
            )
        return jobs[0]

    def find(self, kind: str, name: str) -> Obj | None:
        """An object, or None."""
        return next((o for o in self.objects if o["kind"] == kind and name_of(o) == name), None)

    def files(self, kind: str, reference: Obj, name: str) -> dict[str, bytes]:
        """The content of a ConfigMap or Secret; nothing where it is missing and optional."""
        found = self.find(kind, name)
        if found is None:
            if reference.get("optional"):
                return {}
            raise NotStartedError(f'CreateContainerConfigError: {kind} "{name}" not found')
        text, coded = ("data", "binaryData") if kind == "ConfigMap" else ("stringData", "data")
        plain = found.get(text) or {}
        if any(not isinstance(value, str) for value in plain.values()):
            raise NotStartedError(f"BadRequest: {kind} {name} holds a value that is no string")
        binary = {key: base64.b64decode(value) for key, value in (found.get(coded) or {}).items()}
        return binary | {key: value.encode() for key, value in plain.items()}


def expand(text: str, known: Mapping[str, str]) -> str:
    """``$(NAME)`` for a known name, ``$$`` for a dollar sign; everything else stays."""
    return _REFERENCE.sub(lambda m: "$" if m[0] == "$$" else known.get(m[1], m[0]), text)


def environment(
    namespace: Namespace, container: Obj, downward: Mapping[str, str]
) -> dict[str, str]:
    """The container's variables: ``envFrom`` in order, the last one wins; then ``env`` over all of
    them.

    ``downward`` holds what ``fieldRef`` may ask for, by path.
    """
    result: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        kind, field = (
            ("ConfigMap", "configMapRef") if "configMapRef" in source else ("Secret", "secretRef")
        )
        content = namespace.files(kind, source[field], source[field]["name"])
        named = {source.get("prefix", "") + key: value.decode() for key, value in content.items()}
        result |= {key: value for key, value in named.items() if _VARIABLE.fullmatch(key)}
    for variable in container.get("env") or []:
        name, value = variable["name"], variable.get("value", "")
        if not isinstance(value, str):
            raise NotStartedError(f"BadRequest: env {name}: {value!r} is no string")
        if "valueFrom" in variable:
            chosen = _chosen(namespace, name, variable["valueFrom"], downward)
            result |= {} if chosen is None else {name: chosen}
        else:
            result[name] = expand(value, result)
    return result


def _chosen(
    namespace: Namespace, name: str, source: Obj, downward: Mapping[str, str]
) -> str | None:
    for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        if field in source:
            reference = source[field]
            content = namespace.files(kind, reference, reference["name"])
            if reference["key"] in content:
                return content[reference["key"]].decode()
            if reference.get("optional"):
                return None
            missing = f"couldn't find key {reference['key']} in {kind} {reference['name']}"
            raise NotStartedError(f"CreateContainerConfigError: {missing}")
    path = str((source.get("fieldRef") or {}).get("fieldPath") or "")
    if path not in downward:
        raise NotStartedError(f"not supported here: env {name} from {sorted(source)} {path}")
    return downward[path]


def admit_restricted_v2(pod: Obj, uid: int) -> None:
    """What OpenShift's restricted-v2 refuses, and what it fills in: uid and fsGroup of the
    namespace's range, gid 0."""
    context = pod.setdefault("securityContext", {})
    refused = [f"hostPath volume {v['name']}" for v in pod.get("volumes") or [] if "hostPath" in v]
    refused += [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    if context.get("fsGroup", uid) != uid:
        refused.append(f"fsGroup: {context['fsGroup']} is not an allowed group")
    for at, container in containers(pod):
        own: dict[str, Any] = container.setdefault("securityContext", {})
        both = {**context, **own}
        if both.get("runAsUser", uid) != uid:
            refused.append(f"{at}.runAsUser: {both['runAsUser']} must be in the ranges: [{uid}, …]")
        if own.get("privileged"):
            refused.append(f"{at}.privileged")
        if set((own.get("capabilities") or {}).get("add") or []) - {"NET_BIND_SERVICE"}:
            refused.append(f"{at}.capabilities.add")
        if both.get("seccompProfile", {"type": "RuntimeDefault"})["type"] != "RuntimeDefault":
            refused.append(f"{at}.seccompProfile")
        own |= {"runAsUser": uid, "runAsGroup": both.get("runAsGroup", 0), "runAsNonRoot": True}
        own |= {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        own["seccompProfile"] = {"type": "RuntimeDefault"}
    if refused:
        raise NotStartedError(
            "Forbidden: unable to validate against restricted-v2: " + "; ".join(refused)
        )
    context["fsGroup"] = uid


def user_of(container: Obj, pod: Obj, image_user: str) -> str | None:
    """The ``uid[:gid]`` to run as, or None for the image's own. Raises where runAsNonRoot cannot be
    kept."""
    context = {**(pod.get("securityContext") or {}), **(container.get("securityContext") or {})}
    user, group = context.get("runAsUser"), context.get("runAsGroup")
    if context.get("runAsNonRoot"):
        own = image_user.partition(":")[0]
        if user == 0 or (user is None and own in ("", "0", "root")):
            raise NotStartedError(
                "CreateContainerConfigError: container has runAsNonRoot and image will run as root"
            )
        if user is None and not own.isdigit():
            raise NotStartedError(
                f"CreateContainerConfigError: image has non-numeric user ({own}), cannot verify"
            )
    if user is None:
        return None
    return str(user) if group is None else f"{user}:{group}"


def verdict(job: Obj, status: Status, *, disrupted: bool = False) -> str:
    """What the Job controller does: Complete, DeadlineExceeded, the action of the first rule that
    matches, or Count."""
    if status.deadline_exceeded:
        return "DeadlineExceeded"
    if status.exit_code == 0:
        return "Complete"
    for rule in (job.get("podFailurePolicy") or {}).get("rules") or []:
        codes = rule.get("onExitCodes")
        if codes and codes.get("containerName", status.container) == status.container:
            if (status.exit_code in codes["values"]) == (codes["operator"] == "In"):
                return str(rule["action"])
        elif disrupted and {"type": "DisruptionTarget", "status": "True"} in (
            rule.get("onPodConditions") or []
        ):
            return str(rule["action"])
    return "Count"
