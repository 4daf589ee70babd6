"""What podman and a cluster do with the image, where neither is there: its entry point runs on the
clone, with the variables that the container would have and no others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

CLONE = Path(os.environ.get("STAND_IN_CLONE", "/nowhere"))
STATE = Path(os.environ.get("STAND_IN_STATE", "/nowhere"))
PUSHED = STATE / "pushed"
_STARTS = """
import sys
from pathlib import Path
from scripts.container import entrypoint
entrypoint.CODE = Path(sys.argv[1])
entrypoint.main(sys.argv[2:])
"""


def run_image(
    arguments: Sequence[str], variables: Mapping[str, str], volume: Path
) -> subprocess.CompletedProcess[str]:
    """One container, to its end; what it prints is in ``stdout``."""
    volume.mkdir(parents=True, exist_ok=True)
    python = CLONE / ".venv" / "bin" / "python"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(STATE),
        "PYTHONPATH": str(CLONE),
        "STATE_DIR": str(volume),
        "CONFLUENCE_SYNC_IMAGE": "1",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        # The name of the gateway leads to the sample site here.
        "CONF_GATEWAY_URL": os.environ["STAND_IN_GATEWAY"],
        **variables,
    }
    return subprocess.run(
        [python, "-c", _STARTS, str(CLONE), *arguments],
        env=environ,
        cwd=volume,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def remember_push(image: str) -> None:
    """The registry has it from now on."""
    with PUSHED.open("a", encoding="utf-8") as file:
        file.write(f"{image}\n")


def require_pushed(image: str) -> None:
    """Raise ``SystemExit`` for an image that no registry has."""
    pushed = PUSHED.read_text(encoding="utf-8").splitlines() if PUSHED.exists() else []
    if image not in pushed:
        raise SystemExit(f"ImagePullBackOff: {image} was never pushed")
