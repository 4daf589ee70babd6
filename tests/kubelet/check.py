#!/usr/bin/env python3
"""Check manifests that are ready to apply: schemas, what an API server refuses beyond them, links,
policy.

    python -m tests.kubelet.check [--target openshift|eks|any] [--schemas 1.31,1.33,1.37]
    [--no-policy] FILE…

Give all the files that are applied together ("-" is standard input), templates processed and
overlays built. Several files may hold the same object if they hold it alike. One line for each
finding; exit 1 if there is any, 2 if a file cannot be read. --schemas needs kubernetes-validate;
the rest only PyYAML.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import yaml

from tests.kubelet import policy, server
from tests.kubelet.objects import Obj, load, name_of


def schema_faults(obj: Obj, versions: Sequence[str]) -> Iterator[str]:
    """Strict validation, so that a misspelt field is a fault; custom resources have no schema and
    pass."""
    if not versions:
        return
    import kubernetes_validate  # type: ignore[import-untyped]

    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    if "." in group and not group.endswith(".k8s.io"):
        return
    for version in versions:
        try:
            kubernetes_validate.validate(obj, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"schema {version}: {'.'.join(map(str, error.path))}: {error.message}"[:300]
        except kubernetes_validate.SchemaNotFoundError:
            yield f"schema {version}: no {obj.get('kind')} in {obj.get('apiVersion')}"


def unique(objects: list[Obj]) -> tuple[list[Obj], list[str]]:
    """The objects, each once; and a fault for each that two files hold differently."""
    seen: dict[tuple[object, str], Obj] = {}
    faults = []
    for obj in objects:
        known = seen.setdefault((obj.get("kind"), name_of(obj)), obj)
        if known != obj:
            faults.append(f"{obj.get('kind')}/{name_of(obj)}: twice, and not alike")
    return list(seen.values()), faults


def check(
    objects: list[Obj],
    *,
    target: policy.Target = "openshift",
    with_policy: bool = True,
    schemas: Sequence[str] = (),
) -> list[str]:
    """Every finding, one line each; an empty list is a pass."""
    objects, found = unique(objects)
    for obj in objects:
        at = f"{obj.get('kind')}/{name_of(obj)}"
        if obj.get("kind") == "Template":
            found.append(f"{at}: process the Template first")
            continue
        faults = [*schema_faults(obj, schemas), *server.check(obj, objects)]
        if with_policy and obj.get("kind") in ("CronJob", "Job"):
            faults += policy.check(obj, objects, target)
        found += [f"{at}: {fault}" for fault in faults]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--target", choices=("openshift", "eks", "any"), default="openshift")
    parser.add_argument(
        "--schemas", default="", metavar="VERSIONS", help="Kubernetes versions, e.g. 1.31,1.33,1.37"
    )
    parser.add_argument(
        "--no-policy", action="store_true", help="only what an API server would refuse"
    )
    options = parser.parse_intermixed_args(arguments)
    try:
        objects = load(options.files)
    except (OSError, yaml.YAMLError) as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    schemas = [version for version in options.schemas.split(",") if version]
    found = check(
        objects, target=options.target, with_policy=not options.no_policy, schemas=schemas
    )
    print("\n".join(found) or f"ok: {len(objects)} objects")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
