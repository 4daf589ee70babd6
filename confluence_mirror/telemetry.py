"""Nothing phones home: libraries that report to their makers are told not to, before they are
imported.

onnxruntime 1.32 looks its maker's collector up from native code and writes a device id into the
home folder, from its import on; Chroma and the model hub's client know switches of the same kind.
"""

from __future__ import annotations

import os

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Environment variables by which each is switched off. The image sets them too
(``Containerfile``)."""


def switch_off() -> None:
    """Set all of them for this process and those that it starts, whatever the environment says."""
    os.environ.update(SWITCHES)
