"""What the contract is tried in: a network with three servers and nothing else, and pods in it."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import files
from tests.kubelet.objects import Obj, pod_template

UID = 1000600000 + int.from_bytes(os.urandom(2), "big")
"""As a namespace of OpenShift would give it."""


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command with its output as one text."""
    return subprocess.run(
        command,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        **options,
    )


class Servers:
    """The servers, in a network namespace of their own."""

    def __init__(self, network: str, folder: Path) -> None:
        self.network = network
        self.certificate = folder / "ca.crt"
        key = folder / "ca.key"
        subject = ["-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1"]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
        subprocess.run(
            [*made, "-keyout", str(key), "-out", str(self.certificate)],
            check=True,
            capture_output=True,
        )
        program = [
            "python",
            "-m",
            "tests.container.servers",
            str(self.certificate),
            str(key),
        ]
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", network, sys.executable, *program[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=files.ROOT,
        )
        self.at: dict[str, str] = self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def ask(self, **command: Any) -> Any:
        """One command to the servers' process (see ``servers``)."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    @property
    def shell(self) -> dict[str, str]:
        """What a user would have exported before envsubst."""
        return {
            **files.SHELL,
            "CONF_CLOUD_ID": self.at["cloud_id"],
            "CONF_USER": self.at["user"],
            "CONF_API_TOKEN": self.at["token"],
            "SPACE_NAME": "Space GEN",
            "LABELS": "",
            "VECTOR_API_BASE_URL": self.at["vector_api"],
            "LLAMA_BASE_URL": self.at["llama"],
        }

    def pages(self, *, few: bool = False) -> dict[str, str]:
        """id -> title of every page of the site, or of the small one: what a mirror must hold."""
        found: dict[str, str] = self.ask(do="pages", few=few)
        return found

    def in_llama(self, name: str) -> set[str]:
        """The titles that the vector store of this name can answer with."""
        return {attributes["title"] for _, attributes in self.ask(do="llama")[name]}

    def collection(self, name: str) -> list[Obj]:
        """The rows of a collection of the Vector API; of none, no rows."""
        found = [c for c in self.ask(do="vector_api").values() if c["name"] == name]
        return found[0]["rows"] if found else []


def assert_whole(rows: Sequence[Obj], pages: Mapping[str, str]) -> None:
    """A collection holds every page of the site, every chunk of each page once, and no other."""
    chunks: dict[str, list[Obj]] = {}
    for row in rows:
        meta = row["metadata"]
        assert meta["content_hash"] == hashlib.sha256(row["text"].encode()).hexdigest()
        chunks.setdefault(meta["page_id"], []).append(meta)
    assert {page: metas[0]["title"] for page, metas in chunks.items()} == dict(pages)
    for metas in chunks.values():
        assert sorted(m["chunk_index"] for m in metas) == list(range(metas[0]["chunk_count"]))
    assert len({row["id"] for row in rows}) == len(rows)


@contextlib.contextmanager
def network() -> Iterator[str]:
    """A network namespace with a loopback and nothing else: what a pod reaches in it, it reaches on
    purpose."""
    name = f"csync{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


@dataclass(frozen=True)
class Outcome:
    """How a pod ended."""

    code: int
    log: str
    report: dict[str, Any]
    """As ``run_pod`` writes it: ``job``, ``reason``, ``message`` …"""


@dataclass(frozen=True)
class Cluster:
    """Runs pods of an image beside the servers."""

    image: str
    servers: Servers
    folder: Path

    def pod(
        self,
        objects: Sequence[Obj],
        state: Path,
        *options: str,
        settings: Mapping[str, str] | None = None,
        name: str = "",
        openshift: bool = True,
        memory: str = "512Mi",
    ) -> Outcome:
        """Run the pod of the one Job or CronJob among the objects (or of the one named), its claim
        kept in ``state``.

        Every pod has less memory than its manifest gives it: what runs in 512 MiB has room in 1
        GiB.
        """
        objects = copy.deepcopy(list(objects))
        for obj in objects:
            if obj["kind"] in ("Job", "CronJob"):
                pod_template(obj)["spec"]["containers"][0]["resources"]["limits"]["memory"] = memory
        claims = [o["metadata"]["name"] for o in objects if o["kind"] == "PersistentVolumeClaim"]
        manifest, report = self.folder / "manifest.yaml", self.folder / "report.json"
        manifest.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        report.unlink(missing_ok=True)
        given = {"CONF_GATEWAY_URL": self.servers.at["gateway"], **(settings or {})}
        arguments = [
            "--image",
            self.image,
            "--network",
            f"ns:/run/netns/{self.servers.network}",
            "--timeout",
            "120",
        ]
        arguments += [a for key, value in given.items() for a in ("--set", f"{key}={value}")]
        arguments += [a for claim in claims for a in ("--claim", f"{claim}={state}")]
        arguments += ["--name", name] if name else []
        arguments += ["--scc-uid", str(UID)] if openshift else []
        done = run(
            *(
                sys.executable,
                "-m",
                "tests.kubelet.run_pod",
                str(manifest),
                "--report",
                str(report),
            ),
            *(*arguments, *options),
            cwd=files.ROOT,
        )
        ended = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        return Outcome(done.returncode, done.stdout, ended)

    def podman(
        self,
        *arguments: str,
        options: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> Outcome:
        """``podman run --rm -e … IMAGE arguments``, as users do, hardened as a pod is."""
        shell = self.servers.shell
        names = ("CONF_CLOUD_ID", "CONF_USER", "CONF_API_TOKEN", "SPACE_NAME")
        variables = {name: shell[name] for name in names} | {
            "CONF_GATEWAY_URL": self.servers.at["gateway"]
        }
        variables |= settings or {}
        flags = [
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--memory=512m",
        ]
        flags += ["--user", f"{UID}:0", "--tmpfs", "/tmp", "--tmpfs", "/app:mode=0770", *options]
        given = [a for key, value in variables.items() for a in ("-e", f"{key}={value}")]
        where = f"--network=ns:/run/netns/{self.servers.network}"
        done = run("podman", "run", "--rm", where, *flags, *given, self.image, *arguments)
        return Outcome(done.returncode, done.stdout, {})
