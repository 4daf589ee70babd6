"""``make serve``: the service, on your Confluence where a credential is set, else on the sandbox's
site."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from confluence_mirror.settings import gather

_CONNECTED = ("CONF_CLOUD_ID", "CONFLUENCE_URL", "SERVICE_DATABASE_URL")


def main() -> None:
    """Does not return."""
    found = gather(os.environ, Path.cwd(), {}, {}, ()).values
    if not any(name in found for name in _CONNECTED):
        os.environ.update(_start_sandbox())
    command = [sys.executable, "-m", "confluence_mirror", "serve"]
    os.execv(sys.executable, command)  # noqa: S606


def _start_sandbox() -> dict[str, str]:
    """The sandbox as a process that ends with this one; what the service is told of it."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # held by the service, too: its end is the sandbox's
    process = subprocess.Popen(
        [sys.executable, "-m", "confluence_sandbox", "--with-parent"],
        stdin=reading,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(reading)
    assert process.stdout is not None
    about = json.loads(process.stdout.readline())
    print("A sample site is served on this machine:")
    for name in ("cloud_id", "user", "token"):
        print(f"  {name}: {about[name]}")
    print(f"  changes: {about['url']}", flush=True)
    return {
        "CONF_GATEWAY_URL": about["url"],
        "CONF_CLOUD_ID": about["cloud_id"],
        "CONF_USER": about["user"],
        "CONF_API_TOKEN": about["token"],
        "STATE_DIR": "data/service",
    }


if __name__ == "__main__":
    main()
