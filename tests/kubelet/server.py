"""What an API server refuses beyond its schemas, and links to objects that nobody makes."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from typing import Any

from tests.kubelet.objects import (
    Obj,
    containers,
    job_spec,
    name_of,
    pod_template,
    quantity,
    strings,
)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_PLACEHOLDER = re.compile(r"\$\{\{?\w+\}?\}")
_ACTIONS = ("FailJob", "FailIndex", "Ignore", "Count")

_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_FIELDS: tuple[tuple[int, int, str], ...] = (
    (0, 59, ""),
    (0, 23, ""),
    (1, 31, ""),
    (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    (0, 6, "sun mon tue wed thu fri sat"),
)


def schedule_error(schedule: str) -> str | None:
    """Why the CronJob controller refuses a schedule, or None."""
    if schedule in _MACROS:
        return None
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        return "no TZ= in a schedule: use timeZone"
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        return f"{len(fields)} fields, not 5"
    faults = (
        _part_error(part, low, high, names.split())
        for text, (low, high, names) in zip(fields, _FIELDS, strict=True)
        for part in text.split(",")
    )
    return next((fault for fault in faults if fault), None)


def _part_error(part: str, low: int, high: int, names: list[str]) -> str | None:
    span, _, step = part.partition("/")
    if "/" in part and (not step.isdigit() or int(step) == 0):
        return f"step in {part!r}"
    if span in ("*", "?"):
        return None
    ends = []
    for word in span.split("-", 1):
        text = str(names.index(word.lower()) + low) if word.lower() in names else word
        if not text.isdigit() or not low <= int(text) <= high:
            return f"{word!r} is not in {low}..{high}"
        ends.append(int(text))
    return f"range {span!r} runs backwards" if ends[0] > ends[-1] else None


def twice(values: list[Any]) -> list[str]:
    """The strings that occur more than once."""
    return sorted({v for v in values if isinstance(v, str) and values.count(v) > 1})


def check_object(obj: Obj) -> Iterator[str]:
    """Names, labels, values that are no strings, placeholders that nobody filled in."""
    name, kind = name_of(obj), obj.get("kind")
    if not _NAME.fullmatch(name) or len(name) > (52 if kind == "CronJob" else 63):
        yield f"metadata.name: {name!r}"
    for key, value in ((obj.get("metadata") or {}).get("labels") or {}).items():
        if not isinstance(value, str) or not _LABEL.fullmatch(value):
            yield f"label {key}={value!r}"
    for part in ("data", "stringData"):
        for key, value in (obj.get(part) or {}).items():
            if not isinstance(value, str):
                yield f"{part}.{key}: {value!r} is a {type(value).__name__}: quote it"
    # A token may hold ${…} of its own, so that in a Secret only a value that is nothing else
    # counts.
    found = _PLACEHOLDER.fullmatch if kind == "Secret" else _PLACEHOLDER.search
    yield from (f"{text!r} holds an unfilled placeholder" for text in strings(obj) if found(text))


def check_cronjob(spec: Obj) -> Iterator[str]:
    """Schedule, zone, concurrency."""
    fault = schedule_error(str(spec.get("schedule") or ""))
    if fault:
        yield f"schedule {spec.get('schedule')!r}: {fault}"
    if "timeZone" in spec and spec["timeZone"] not in zoneinfo.available_timezones():
        yield f"timeZone: {spec['timeZone']!r}"
    if spec.get("concurrencyPolicy", "Allow") not in ("Allow", "Forbid", "Replace"):
        yield f"concurrencyPolicy: {spec['concurrencyPolicy']!r}"


def check_job(spec: Obj) -> Iterator[str]:
    """Deadlines, restart policy, podFailurePolicy, the pod."""
    pod = (spec.get("template") or {}).get("spec") or {}
    for key in ("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"):
        value = spec.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            yield f"{key}: {value!r}"
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        yield f"restartPolicy {pod.get('restartPolicy')!r}: a Job takes Never or OnFailure"
    if "podFailurePolicy" in spec and pod.get("restartPolicy") != "Never":
        yield "podFailurePolicy needs restartPolicy: Never"
    names = [c.get("name") for _, c in containers(pod)]
    for i, rule in enumerate((spec.get("podFailurePolicy") or {}).get("rules") or []):
        yield from (f"podFailurePolicy.rules[{i}]: {fault}" for fault in _rule_faults(rule, names))
    yield from _check_pod(pod)


def _rule_faults(rule: Obj, names: list[Any]) -> Iterator[str]:
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
    if bool(codes) == bool(conditions):
        yield "one of onExitCodes and onPodConditions"
    if rule.get("action") not in _ACTIONS:
        yield f"action: {rule.get('action')!r}"
    if codes:
        values, operator = codes.get("values") or [], codes.get("operator")
        if codes.get("containerName") and codes["containerName"] not in names:
            yield f"no container {codes['containerName']!r}"
        if operator not in ("In", "NotIn"):
            yield f"operator: {operator!r}"
        if operator == "In" and 0 in values:
            yield "0 is not allowed with In"
        if values != sorted(set(values)):
            yield "values must be in order, each once"
    if any(c.get("status") not in ("True", "False", "Unknown") for c in conditions or []):
        yield 'status must be the string "True"'


def _check_pod(pod: Obj) -> Iterator[str]:
    volumes = [v.get("name") for v in pod.get("volumes") or []]
    yield from (f"volumes: {name!r} twice" for name in twice(volumes))
    if not pod.get("containers"):
        yield "containers: required"
    for at, container in containers(pod):
        yield from (f"{at}.{fault}" for fault in _container_faults(container, volumes))


def _container_faults(container: Obj, volumes: list[Any]) -> Iterator[str]:
    if not container.get("image"):
        yield "image: required"
    context = container.get("securityContext") or {}
    if context.get("privileged") and context.get("allowPrivilegeEscalation") is False:
        yield "privileged contradicts allowPrivilegeEscalation: false"
    mounts = container.get("volumeMounts") or []
    yield from (
        f"volumeMounts: no volume {m.get('name')!r}" for m in mounts if m.get("name") not in volumes
    )
    yield from (
        f"volumeMounts: {path!r} twice" for path in twice([m.get("mountPath") for m in mounts])
    )
    variables = container.get("env") or []
    yield from (
        f"env: {name!r} twice: the last one wins silently"
        for name in twice([v.get("name") for v in variables])
    )
    for variable in variables:
        name, value = variable.get("name"), variable.get("value", "")
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            yield f"env: name {name!r}"
        if not isinstance(value, str):
            yield f"env {name}: value {value!r} is a {type(value).__name__}: quote it"
    yield from _resource_faults(container.get("resources") or {})


def _resource_faults(resources: Obj) -> Iterator[str]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for kind, given in (("requests", requests), ("limits", limits)):
        yield from (
            f"resources.{kind}.{k}: {v!r} is no quantity"
            for k, v in given.items()
            if quantity(v) is None
        )
    for key in requests.keys() & limits.keys():
        low, high = quantity(requests[key]), quantity(limits[key])
        if low is not None and high is not None and low > high:
            yield f"resources: {key} requested above its limit"


def _references(pod: Obj) -> Iterator[tuple[str, str, str | None]]:
    """(kind, name, key or None) of all that the pod cannot start without."""
    if pod.get("serviceAccountName", "default") != "default":
        yield "ServiceAccount", pod["serviceAccountName"], None
    kinds = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"))
    for _, container in containers(pod):
        for field, kind, _ in kinds:
            sources = [
                s[f"{field}Ref"] for s in container.get("envFrom") or [] if f"{field}Ref" in s
            ]
            values = [v.get("valueFrom") or {} for v in container.get("env") or []]
            sources += [v[f"{field}KeyRef"] for v in values if f"{field}KeyRef" in v]
            yield from ((kind, s["name"], s.get("key")) for s in sources if not s.get("optional"))
    for volume in pod.get("volumes") or []:
        for field, kind, key in (
            *kinds,
            ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
        ):
            if field in volume and not volume[field].get("optional"):
                yield kind, volume[field][key], None


def check_links(workload: Obj, objects: list[Obj]) -> Iterator[str]:
    """What the pod refers to must be among the objects; an ExternalSecret counts as the Secret that
    it makes."""
    have = {(o.get("kind"), name_of(o)): o for o in objects}
    external = {
        ((o.get("spec") or {}).get("target") or {}).get("name")
        for o in objects
        if o.get("kind") == "ExternalSecret"
    }
    for kind, name, key in sorted(
        set(_references(pod_template(workload).get("spec") or {})), key=str
    ):
        target = have.get((kind, name))
        if target is None:
            if kind != "Secret" or name not in external:
                yield f"{kind} {name!r} is in none of these files"
        elif key and not any(
            key in (target.get(part) or {}) for part in ("data", "stringData", "binaryData")
        ):
            yield f"{kind} {name!r} has no key {key!r}"


def check(obj: Obj, objects: list[Obj]) -> Iterator[str]:
    """Every finding of this module for one object among those that are applied together."""
    yield from check_object(obj)
    if obj.get("kind") == "CronJob":
        yield from check_cronjob(obj.get("spec") or {})
    if obj.get("kind") in ("CronJob", "Job"):
        yield from check_job(job_spec(obj))
        yield from check_links(obj, objects)
