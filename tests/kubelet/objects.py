"""Kubernetes objects read from YAML as an API server reads them, and the few notions that the tools
share."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Obj: TypeAlias = dict[str, Any]

_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*)?)(m|k|Ki|Mi|Gi|Ti|Pi|M|G|T|P)?")
_UNITS = {None: 1.0, "m": 1e-3, "k": 1e3}
_UNITS |= {unit: 1000.0 ** (i + 2) for i, unit in enumerate("MGTP")}
_UNITS |= {f"{unit}i": 1024.0 ** (i + 1) for i, unit in enumerate("KMGTP")}


class _StrictLoader(yaml.SafeLoader):
    """A key written twice is an error: an API server refuses it, PyYAML would keep the last one."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [key.value for key, _ in node.value]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise yaml.constructor.ConstructorError(
            None, None, f"key twice: {', '.join(twice)}", node.start_mark
        )
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text: str) -> list[Obj]:
    """The objects of a YAML text; those of a List one by one. Raises ``yaml.YAMLError``."""
    documents = [d for d in yaml.load_all(text, Loader=_StrictLoader) if d]
    return [o for d in documents for o in (d["items"] if d.get("kind") == "List" else [d])]


def load(files: Iterable[str]) -> list[Obj]:
    """The objects of files, applied together; ``-`` is standard input."""
    texts = (sys.stdin.read() if f == "-" else Path(f).read_text(encoding="utf-8") for f in files)
    return [o for text in texts for o in parse(text)]


def name_of(obj: Obj) -> str:
    """``metadata.name``, or the stem that the server would complete; empty where there is none."""
    meta = obj.get("metadata") or {}
    return str(meta.get("name") or str(meta.get("generateName") or "").rstrip("-"))


def job_spec(obj: Obj) -> Obj:
    """The JobSpec of a Job or a CronJob."""
    spec: Obj = obj.get("spec") or {}
    return (
        (spec.get("jobTemplate") or {}).get("spec") or {} if obj.get("kind") == "CronJob" else spec
    )


def pod_template(obj: Obj) -> Obj:
    """The pod template of a Job or a CronJob, with its metadata."""
    return job_spec(obj).get("template") or {}


def containers(pod: Obj) -> list[tuple[str, Obj]]:
    """Every container of a pod, init containers first, with its path."""
    return [
        (f"{kind}[{i}]", c)
        for kind in ("initContainers", "containers")
        for i, c in enumerate(pod.get(kind) or [])
    ]


def quantity(value: object) -> float | None:
    """A resource quantity in its base unit (bytes, cores), or None where it is none."""
    match = _QUANTITY.fullmatch(str(value))
    return float(match[1]) * _UNITS[match[2]] if match else None


def strings(node: object) -> Iterator[str]:
    """Every string in a tree, keys included."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
