"""Type every shell block of the documents in a new clone with an empty home.

    python -m scripts.documents.run              the environment's packages are this one's
    python -m scripts.documents.run --install    ``make demo`` installs them, as for a new user

Credentials and addresses are those of the sample site and of stand-in servers; ``podman``, ``oc``,
``kubectl`` and ``aws`` are stand-ins, which check what they are given and run the program as the
image or the cluster would. Exit 1 where a block fails, with what it printed.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from scripts.documents.blocks import DOCUMENTS, Block, shell_blocks
from scripts.documents.world import World, new_world

LEFT_OUT: dict[tuple[str, str], str] = {}
"""Blocks that are not run, with the reason."""

PUT_BACK = {
    ("README.md", "python sync.py"),
    ("README.md", "echo 'VECTOR_API_BASE_URL=http://localhost:8001' >> .env"),
    ("README.md", ".venv/bin/pip install -e '.[llama]'"),
    ("README.md", ".venv/bin/pip install -e '.[postgres]'"),
    ("README.md", "echo 'CHROMA_URL=http://localhost:8000' >> .env"),
    (
        "docs/deploy.md",
        'export IMAGE=quay.io/YOURS/confluence-sync:1.0.0 CRON_SCHEDULE="47 2 * * *"',
    ),
    ("docs/deploy.md", "cat > params.env <<'EOF'"),
    ("docs/deploy.md", "oc apply -k deploy/overlays/openshift"),
    ("docs/deploy.md", "kubectl apply -k deploy/overlays/eks"),
    (
        "docs/deploy.md",
        "oc set image cronjob/confluence-sync sync=quay.io/YOURS/confluence-sync:1.1.0",
    ),
    ("docs/deploy.md", "oc patch cronjob confluence-sync --type=json -p '["),
    ("docs/upgrading.md", "python ingest_conf.py --dry-run"),
}
"""One way of several, or a step that the next block does not build on: undone afterwards."""

VECTOR_API = "VECTOR_API_BASE_URL=http://localhost:8001"
LLAMA = ("VECTOR_API_BASE_URL=", "LLAMA_BASE_URL=http://localhost:8321")
FILLED_IN = {"README.md": (), "docs/deploy.md": (VECTOR_API,), "scripts/documents/notes.md": LLAMA}
"""What a reader of the document writes into a new ``.env``, beside site, user and space."""

BEFORE = {
    (
        "docs/deploy.md",
        'export IMAGE=quay.io/YOURS/confluence-sync:1.0.0 CRON_SCHEDULE="47 2 * * *"',
    ): LLAMA,
    ("docs/upgrading.md", "python ingest_conf.py --dry-run"): LLAMA,
}
"""The store that a block is for, where the document's other blocks are for another one."""


def key_of(block: Block) -> tuple[str, str]:
    """How the tables name a block."""
    return (block.document, block.first_line)


def script_of(block: Block, world: World) -> str:
    """The block's text, with the reader's own work in its place."""
    copied = "cp .env.example .env"
    settings = [*world.filled_in, *FILLED_IN.get(block.document, ())]
    lines = []
    if before := BEFORE.get(key_of(block)):
        lines.append(shlex.join(["fill-in", *before]))
    for line in block.text.splitlines():
        lines.append(line)
        if line.startswith(copied):
            lines.append(shlex.join(["fill-in", *settings]))
    return "\n".join(lines)


def run_block(block: Block, world: World) -> bool:
    """Whether it ended well; says so."""
    began = time.monotonic()
    with world.put_back() if key_of(block) in PUT_BACK else nullcontext():
        done = world.run(script_of(block, world))
    print(
        f"{'ok  ' if not done.returncode else 'FAIL'} {time.monotonic() - began:5.1f} s", end="  "
    )
    print(f"{block.document}: {block.first_line}", flush=True)
    if done.returncode:
        print(f"--- exit {done.returncode}\n{block.text}--- printed\n{done.stdout[-6000:]}")
    return not done.returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--install", action="store_true")
    parser.add_argument("documents", nargs="*", default=DOCUMENTS, metavar="DOCUMENT")
    given = parser.parse_args(arguments)
    ran = 0
    with (
        tempfile.TemporaryDirectory(prefix="documents-") as folder,
        new_world(Path(folder), install=given.install) as world,
    ):
        for block in (each for name in given.documents for each in shell_blocks(name)):
            if reason := LEFT_OUT.get(key_of(block)):
                print(f"left out: {block.document}: {block.first_line}: {reason}")
            elif not run_block(block, world):
                return 1
            else:
                ran += 1
    print(f"{ran} blocks of {len(given.documents)} documents, run as they stand")
    return 0


if __name__ == "__main__":
    sys.exit(main())
