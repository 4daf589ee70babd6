"""The users' files with their placeholders filled in: what the tests of manifests and container
share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tests.kubelet.objects import Obj, parse

ROOT = Path(__file__).resolve().parents[2]

CREDENTIALS = {
    "CONF_USER": "bot@serviceaccount.example.com",
    "CONF_API_TOKEN": "ATSTT3xFfGF0secret",
}
SCOPE = {
    "CONF_CLOUD_ID": "11111111-2222-3333-4444-555555555555",
    "SPACE_NAME": "Known Issues",
    "LABELS": "runbook,known-issue",
    "EXCLUDE_LABELS": "draft",
    "EXCLUDE_TREES": "",  # each must be a page or folder of the site
    "SINCE_HOURS": "24",
}
VECTOR_API = {
    "VECTOR_API_BASE_URL": "http://vector-api.rag.svc:8001",
    "COLLECTION_ID": "confluence",
    "FILTER_SPACE_KEYS": "",
    "SCOPE": "",
}
LLAMA = {
    "LLAMA_BASE_URL": "http://llama-stack.rag.svc:8321",
    "VECTOR_DB_ID": "conf-known-issues",
    "BATCH_SIZE": "100",
}
IMAGE = {"IMAGE": "quay.io/example/confluence-sync:1.0.0"}
SCHEDULE = {"CRON_SCHEDULE": "7 3 * * *"}
SHELL = {**CREDENTIALS, **SCOPE, **VECTOR_API, **LLAMA, **IMAGE, **SCHEDULE}
FLOWS = {
    "the Vector API every night": ("secret.yaml", "configmap.yaml", "cronjob.yaml"),
    "Llama Stack now": ("secret.yaml", "configmap-llama.yaml", "job-llama.yaml"),
    "Llama Stack every night": ("secret.yaml", "configmap-llama.yaml", "cronjob-llama.yaml"),
}


def text_of(name: str) -> str:
    return (ROOT / "openshift" / name).read_text(encoding="utf-8")


def envsubst(text: str, shell: Mapping[str, str]) -> str:
    """What gettext's envsubst makes of a file: ``$NAME`` and ``${NAME}``, nothing for what is not
    set."""
    names = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
    return names.sub(lambda m: shell.get(m[1] or m[2], ""), text)


def substituted(*names: str, shell: Mapping[str, str] = SHELL) -> list[Obj]:
    """The objects of files of openshift/, as ``envsubst < FILE | oc apply -f -`` would send
    them."""
    return [o for name in names for o in parse(envsubst(text_of(name), shell))]


def one(objects: list[Obj], kind: str) -> Obj:
    found = [o for o in objects if o["kind"] == kind]
    assert len(found) == 1, f"{len(found)} of {kind}"
    return found[0]
