"""Files of ``NAME=value`` lines, as podman and ``oc create --from-env-file`` read them: a value is
what stands after the first ``=``, quotes included."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def read_env_file(path: str) -> dict[str, str]:
    """Raises ``SystemExit`` for a line that is refused."""
    found = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, value = line.partition("=")
        if not _NAME.fullmatch(name):
            raise SystemExit(f"{path}: {name!r} is not a valid name")
        found[name] = value
    return found
