"""Make the archive of a checkout of an earlier version."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from confluence_sandbox import SampleGateway
from tests.job import earlier
from tests.job.harness import Job
from tests.job.places import embeds
from tests.servers.embedding import EmbeddingServer


def main(checkout: Path) -> None:
    """One run of the version in ``checkout``, packed."""
    commit = _git(checkout, "rev-parse", "--short", "HEAD")
    with (
        tempfile.TemporaryDirectory() as folder,
        SampleGateway(earlier.site()) as gateway,
        EmbeddingServer(**earlier.MODEL) as model,
    ):
        job = Job(Path(folder) / "job", gateway, env=earlier.SETTINGS | embeds(model))
        job.folder.mkdir()
        subprocess.run(
            [sys.executable, str(checkout / "sync.py")],
            cwd=job.folder,
            env=job.environ(PYTHONPATH=str(checkout)),
            check=True,
        )
        earlier.replace_place(job.folder, str((job.folder / "store").resolve()), earlier.FOLDER)
        _pack(job.folder, earlier.HERE / f"{commit}.zip")


def _pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".lock":
                packed.write(path, path.relative_to(folder))
    print(f"{archive.name}: {archive.stat().st_size} bytes")


def _git(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(checkout), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
