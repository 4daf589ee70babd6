"""A folder on this machine for each volume of a pod, with the owners and modes that the kubelet
gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tests.kubelet.kubelet import Namespace, NotStartedError
from tests.kubelet.objects import Obj, quantity

_SOURCES = {"configMap": ("ConfigMap", "name"), "secret": ("Secret", "secretName")}


class Volumes:
    """The pod's volumes, laid out below ``work``; claims named in ``claims`` keep their content
    there."""

    def __init__(
        self, namespace: Namespace, pod: Obj, work: Path, claims: Mapping[str, Path]
    ) -> None:
        self._namespace = namespace
        self.group: int | None = (pod.get("securityContext") or {}).get("fsGroup")
        self.paths: dict[str, Path] = {}
        self.writable: set[str] = set()
        self._limits: list[tuple[str, float]] = []
        for volume in pod.get("volumes") or []:
            name = volume["name"]
            self.paths[name] = work / f"volume-{name}"
            if "persistentVolumeClaim" in volume:
                self._claim(name, volume["persistentVolumeClaim"]["claimName"], claims)
            elif "emptyDir" in volume:
                self._empty(name, volume["emptyDir"] or {})
            else:
                self._files(name, volume)

    def _claim(self, name: str, claim: str, claims: Mapping[str, Path]) -> None:
        if self._namespace.find("PersistentVolumeClaim", claim) is None:
            raise NotStartedError(f'FailedMount: persistentvolumeclaim "{claim}" not found')
        path = self.paths[name] = claims.get(claim, self.paths[name])
        path.mkdir(exist_ok=True)
        self.writable.add(name)
        self._own(path, 0o755)  # a fresh disk belongs to root; only fsGroup opens it

    def _empty(self, name: str, source: Obj) -> None:
        self.paths[name].mkdir()
        self.writable.add(name)
        self._own(self.paths[name], 0o777)
        if "sizeLimit" in source:
            self._limits.append((name, quantity(source["sizeLimit"]) or 0.0))

    def _files(self, name: str, volume: Obj) -> None:
        kind = next((k for k in _SOURCES if k in volume), None)
        if kind is None:
            raise NotStartedError(
                f"not supported here: volume {name} of {sorted(volume.keys() - {'name'})}"
            )
        folder, source = self.paths[name], volume[kind]
        folder.mkdir()
        content = self._namespace.files(_SOURCES[kind][0], source, source[_SOURCES[kind][1]])
        if not content and source.get("optional"):
            return
        wanted = {i["key"]: i["path"] for i in source.get("items") or []} or {
            key: key for key in content
        }
        for key, path in wanted.items():
            if key in content:
                (folder / path).write_bytes(content[key])
                (folder / path).chmod(source.get("defaultMode", 0o644))
            elif not source.get("optional"):
                raise NotStartedError(f"FailedMount: references non-existent config key: {key}")

    def _own(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        if self.group is not None:  # the group may write, and what is made inside belongs to it
            os.chown(path, -1, self.group)
            path.chmod(mode | 0o2770)

    def evicted(self) -> str | None:
        """Why the kubelet would have evicted the pod for its use of an emptyDir, or None."""
        for name, limit in self._limits:
            files = [f for f in self.paths[name].rglob("*") if f.is_file() and not f.is_symlink()]
            used = sum(f.stat().st_blocks * 512 for f in files)
            if used > limit:
                return (
                    f'Usage of EmptyDir volume "{name}" exceeds the limit: {used} of {limit:.0f}'
                    " bytes"
                )
        return None
