#!/usr/bin/env python3
"""Run the pod of a Job or CronJob in podman as the kubelet would, and say what the Job controller
would make of it.

    python -m tests.kubelet.run_pod [options] FILE…      FILE: the Job or CronJob with its ConfigMaps,
    Secrets and claims

The container's log goes to standard output, a report (JSON) to --report or standard error, and the
exit code is the container's; 125 means that the pod would not have started, and why.

Real: uid, groups, capabilities, no_new_privs, seccomp, read-only root, memory, signals, exit codes,
PID 1, files. Not real: scheduling, CSI, NetworkPolicy, SELinux, image pulls; an emptyDir over its
limit is found after the run.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.kubelet.kubelet import (
    Namespace,
    NotStartedError,
    Status,
    admit_restricted_v2,
    environment,
    user_of,
    verdict,
)
from tests.kubelet.objects import Obj, job_spec, load, name_of, quantity
from tests.kubelet.volumes import Volumes

# What podman would heed itself goes on its command line; all else into its environment, where no ps
# shows it.
_PODMANS_OWN = re.compile(
    r"(PATH|HOME|TMPDIR|TZ|LD_.*|XDG_.*|CONTAINERS?_.*|STORAGE_.*|BUILDAH_.*|PODMAN_.*|REGISTRY_.*)"
)


def podman(*arguments: str) -> str:
    """The output of a podman command."""
    done = subprocess.run(["podman", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotStartedError(f"podman {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True)
class Stop:
    """When to end a container from outside."""

    deadline: float
    """Seconds: the Job's ``activeDeadlineSeconds``, or less."""
    grace: int
    """Seconds between SIGTERM and SIGKILL."""
    when: re.Pattern[str] | None
    """A log line at which SIGTERM is sent, as an eviction would."""


def security_flags(container: Obj, pod: Obj, groups: list[int], user: str | None) -> list[str]:
    """podman's flags for who the container is and what it may do."""
    own = container.get("securityContext") or {}
    context = {**(pod.get("securityContext") or {}), **own}
    flags = ["--user", user] if user else []
    flags += [flag for group in groups for flag in ("--group-add", str(group))]
    if own.get("readOnlyRootFilesystem"):
        flags += ["--read-only", "--read-only-tmpfs=false"]
    if own.get("allowPrivilegeEscalation") is False:
        flags += ["--security-opt", "no-new-privileges"]
    capabilities = own.get("capabilities") or {}
    flags += [f"--cap-drop={name}" for name in capabilities.get("drop") or []]
    flags += [f"--cap-add={name}" for name in capabilities.get("add") or []]
    if (context.get("seccompProfile") or {}).get("type", "Unconfined") == "Unconfined":
        flags += ["--security-opt", "seccomp=unconfined"]
    return flags


def resource_flags(container: Obj) -> list[str]:
    """podman's flags for the limits; without swap, as on a node."""
    limits = (container.get("resources") or {}).get("limits") or {}
    memory, cpu = quantity(limits.get("memory")), quantity(limits.get("cpu"))
    flags = ["--memory", str(int(memory)), "--memory-swap", str(int(memory))] if memory else []
    return flags + (["--cpus", str(cpu)] if cpu else [])


def mount_flags(container: Obj, volumes: Volumes) -> list[str]:
    """podman's flags for the volumes."""
    flags = []
    for mount in container.get("volumeMounts") or []:
        source = volumes.paths[mount["name"]] / mount.get("subPath", "")
        read_only = mount.get("readOnly") or mount["name"] not in volumes.writable
        flags += ["-v", f"{source}:{mount['mountPath']}:{'ro' if read_only else 'rw'}"]
    return flags


def run(
    name: str, flags: list[str], command: list[str], variables: dict[str, str], stop: Stop
) -> tuple[Obj, str, float]:
    """Run one container to its end -> podman's State, the end of its log, seconds."""
    passed = {key: value for key, value in variables.items() if not _PODMANS_OWN.fullmatch(key)}
    named = [f for k, v in variables.items() for f in ("--env", k if k in passed else f"{k}={v}")]
    start, asked = time.monotonic(), threading.Event()

    def end() -> None:
        if not asked.is_set():
            asked.set()
            subprocess.run(
                ["podman", "stop", "-t", str(stop.grace), name], check=False, capture_output=True
            )

    process = subprocess.Popen(
        ["podman", "run", "--name", name, *flags, *named, *command],
        env={**os.environ, **passed},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    timer = threading.Timer(stop.deadline, end)
    timer.daemon = True
    timer.start()
    log: list[str] = []
    try:
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            log = [*log[-79:], line]
            if stop.when and stop.when.search(line):
                threading.Thread(target=end, daemon=True).start()
        if process.wait() == 125:
            raise NotStartedError("podman run: " + "".join(log).strip())
        state: Obj = json.loads(podman("inspect", name))[0]["State"]
        return state, "".join(log), time.monotonic() - start
    finally:
        timer.cancel()
        subprocess.run(["podman", "rm", "-f", "-t", "0", name], check=False, capture_output=True)


def run_container(
    pod_name: str,
    pod: Obj,
    namespace: Namespace,
    volumes: Volumes,
    work: Path,
    stop: Stop,
    options: argparse.Namespace,
) -> Status:
    """The pod's one container, from its YAML to its status."""
    container = pod["containers"][0]
    image = options.image or container["image"]
    downward = {"metadata.name": pod_name, "metadata.namespace": "default"}
    variables = environment(namespace, container, downward) | dict(
        v.split("=", 1) for v in options.set
    )
    message = work / "termination-log"
    message.touch()
    message.chmod(0o666)
    user = user_of(container, pod, podman("image", "inspect", "-f", "{{.User}}", image).strip())
    groups = [] if volumes.group is None else [volumes.group]
    flags = ["--network", options.network, "--hostname", pod_name, "--pids-limit", "4096"]
    flags += (
        security_flags(container, pod, groups, user)
        + resource_flags(container)
        + mount_flags(container, volumes)
    )
    flags += ["-v", f"{message}:/dev/termination-log:rw"]
    if container.get("command"):
        flags += ["--entrypoint", json.dumps(container["command"])]
    state, log, seconds = run(
        pod_name, flags, [image, *(container.get("args") or [])], variables, stop
    )
    code = int(state["ExitCode"])
    text = message.read_bytes()[:4096].decode(errors="replace")
    if not text and code and container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        text = log[-2048:]
    reason = "OOMKilled" if state.get("OOMKilled") else "Error" if code else "Completed"
    return Status(
        container["name"], code, reason, text, round(seconds, 2), seconds >= stop.deadline
    )


def run_job(options: argparse.Namespace, work: Path) -> Obj:
    """The whole of it -> the report."""
    namespace = Namespace(load(options.files))
    workload = namespace.workload(options.name)
    job = job_spec(workload)
    pod = copy.deepcopy(job["template"]["spec"])
    if len(pod["containers"]) != 1 or pod.get("initContainers"):
        raise NotStartedError("not supported here: more than one container")
    if options.scc_uid is not None:
        admit_restricted_v2(pod, options.scc_uid)
    claims = {
        name: Path(folder).resolve() for name, folder in (c.split("=", 1) for c in options.claim)
    }
    volumes = Volumes(namespace, pod, work, claims)
    stop = Stop(
        deadline=min(float(job.get("activeDeadlineSeconds", 1e9)), options.timeout),
        grace=min(pod.get("terminationGracePeriodSeconds", 30), options.grace),
        when=re.compile(options.term_when) if options.term_when else None,
    )
    status = run_container(
        f"{name_of(workload)}-{os.getpid()}", pod, namespace, volumes, work, stop, options
    )
    evicted = volumes.evicted()
    return {
        **asdict(status),
        "evicted": evicted,
        "phase": "Failed" if status.exit_code or evicted else "Succeeded",
        "job": verdict(job, status, disrupted=options.disrupted),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--name", help="which Job or CronJob, if the files hold more than one")
    parser.add_argument("--image", help="run this image in place of the pod's")
    parser.add_argument(
        "--scc-uid", type=int, metavar="UID", help="admit as restricted-v2 would, with this uid"
    )
    parser.add_argument(
        "--network", default="host", help="host, none, ns:/run/netns/NAME (default host)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="wins over the pod's variable",
    )
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="keep a claim's content in DIR",
    )
    parser.add_argument(
        "--timeout", type=float, default=1e9, help="a deadline, if shorter than the Job's"
    )
    parser.add_argument(
        "--grace", type=int, default=3600, help="a grace period, if shorter than the pod's"
    )
    parser.add_argument("--term-when", metavar="REGEX", help="send SIGTERM when a log line matches")
    parser.add_argument(
        "--disrupted", action="store_true", help="judge the failure as that of an evicted pod"
    )
    parser.add_argument("--report", type=Path, help="write the report here, not to standard error")
    options = parser.parse_intermixed_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="run-pod."))
    work.chmod(0o711)
    try:
        report = run_job(options, work)
    except NotStartedError as error:
        print(f"run-pod: {error}", file=sys.stderr)
        return 125
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = json.dumps(report) + "\n"
    if options.report:
        options.report.write_text(text, encoding="utf-8")
    else:
        sys.stderr.write(text)
    return int(report["exit_code"])


if __name__ == "__main__":
    sys.exit(main())
