#!/usr/bin/env python3
"""Write the files of ``openshift/`` that repeat the kustomize base, from that base; or tell whether
they differ.

    generate.py           writes cronjob.yaml, cronjob-llama.yaml, job-llama.yaml and template.ocp
    generate.py --check   writes nothing; exit 1 and the names of the files that differ

The sources are the base (``deploy/base``), the injected ConfigMap
(``deploy/overlays/openshift/trusted-ca.yaml``), the template's parameters
(``deploy/template-head.yaml``) and the hand-written ``openshift/{secret,configmap-llama}.yaml``.
They are treated as text, so that their comments come along.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    "account": "deploy/base/serviceaccount.yaml",
    "state": "deploy/base/state.yaml",
    "network": "deploy/base/networkpolicy.yaml",
    "cronjob": "deploy/base/cronjob.yaml",
    "trusted-ca": "deploy/overlays/openshift/trusted-ca.yaml",
    "secret": "openshift/secret.yaml",
    "template-head": "deploy/template-head.yaml",
    "config-llama": "openshift/configmap-llama.yaml",
}
GENERATED = "# Generated from deploy/base by scripts/k8s/generate.py: change it there.\n"
HEADS = {
    "cronjob.yaml": (
        """# The nightly job with the Vector API: needs configmap.yaml and secret.yaml.
#   export IMAGE=… CRON_SCHEDULE="17 2 * * *"
#   envsubst '$IMAGE $CRON_SCHEDULE' < openshift/cronjob.yaml | oc apply -f -
"""
    ),
    "cronjob-llama.yaml": (
        """# The nightly job with Llama Stack: needs secret.yaml and configmap-llama.yaml.
#   export IMAGE=… CRON_SCHEDULE="47 2 * * *"
#   envsubst '$IMAGE $CRON_SCHEDULE' < openshift/cronjob-llama.yaml | oc apply -f -
"""
    ),
    "job-llama.yaml": (
        """# One run with Llama Stack, now: needs secret.yaml and configmap-llama.yaml.
# A Job cannot be changed: to run it again, or with another image, delete it first.
#   oc delete job confluence-sync-llama-once --ignore-not-found
#   export IMAGE=…; envsubst '$IMAGE' < openshift/job-llama.yaml | oc apply -f -
"""
    ),
}


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """Each first text by its second; each must be there, or the base has changed under us."""
    for old, new in pairs:
        if old not in text:
            raise SystemExit(f"generate: {old!r} is not in the base")
        text = text.replace(old, new)
    return text


def job_of(cronjob: str, name: str) -> str:
    """The CronJob's jobTemplate, which stands last in its file, as a Job of its own."""
    body = cronjob.split("  jobTemplate:\n", 1)[1]
    lines = "".join(line.removeprefix("    ") for line in body.splitlines(keepends=True))
    return f"apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n" + lines.removeprefix(
        "metadata:\n"
    )


def item(text: str) -> str:
    """A document as an element of the template's list of objects."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    marks = ["  "] * first + ["  - "] + ["    "] * (len(lines) - first - 1)
    return "".join(f"{mark}{line}\n" for mark, line in zip(marks, lines, strict=True))


def render(source: dict[str, str]) -> dict[str, str]:
    """-> the generated files, name to text."""
    image = ("image: confluence-sync\n", 'image: "${IMAGE}"\n')
    claim = ("confluence-sync-state", "confluence-sync-llama-state")
    nightly = replaced(source["cronjob"], image, ('"17 2 * * *"', '"${CRON_SCHEDULE}"'))
    llama = replaced(
        nightly,
        ("  name: confluence-sync\n", "  name: confluence-sync-llama\n"),
        ("02:17", "02:47"),
        ("args: [sync.py]", "args: [ingest_conf.py]"),
        ("confluence-sync-config", "working-sync-config"),
        claim,
    )
    state = replaced(source["state"], claim)
    shared = [source[n] for n in ("account", "trusted-ca", "network")]
    once = job_of(llama, "confluence-sync-llama-once")
    files = {
        "cronjob.yaml": [*shared, source["state"], nightly],
        "cronjob-llama.yaml": [*shared, state, llama],
        "job-llama.yaml": [*shared, state, once],
    }
    out = {name: GENERATED + HEADS[name] + "---\n".join(docs) for name, docs in files.items()}
    zone = ("timeZone: Etc/UTC", 'timeZone: "${TIME_ZONE}"')
    objects = [
        *shared,
        state,
        source["config-llama"],
        source["secret"],
        replaced(llama, zone),
        replaced(once, ("confluence-sync-llama-once", "confluence-sync-llama-${RUN_ID}")),
    ]
    out["template.ocp"] = GENERATED + source["template-head"] + "".join(map(item, objects))
    return out


def main(arguments: list[str]) -> int:
    files = render(
        {name: (ROOT / path).read_text(encoding="utf-8") for name, path in SOURCES.items()}
    )
    targets = {ROOT / "openshift" / name: text for name, text in files.items()}
    if arguments == ["--check"]:
        stale = [
            p.name
            for p, text in targets.items()
            if not p.exists() or p.read_text(encoding="utf-8") != text
        ]
        for name in stale:
            print(f"openshift/{name} differs from deploy/base: run scripts/k8s/generate.py")
        return 1 if stale else 0
    for path, text in targets.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
