"""Build the source distribution and the wheel, and try both: ``make packages``.

The source distribution holds every file of the repository, and its tests run from it. The wheel is
made from it, is what ``twine check`` accepts, and its commands work in an environment that has
nothing else. All extras together can be installed by each Python that is supported and is here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "packages"
PYTHONS = ("3.11", "3.12", "3.13")
COMMANDS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("confluence-mirror", ("--version",), 0),
    ("confluence-mirror", ("--help",), 0),
    ("confluence-mirror", ("check",), 78),
    ("confluence-mirror", ("plan",), 78),
    ("python", ("-m", "confluence_mirror", "--version"), 0),
    ("python", ("-m", "confluence_sandbox", "--help"), 0),
)
"""Tried without any setting: the program, its arguments, the exit code."""


def run(command: Sequence[str | Path], *, expect: int = 0, cwd: Path = ROOT) -> str:
    """What a command prints. Raises ``SystemExit`` where it ends otherwise than expected."""
    clean = {name: os.environ[name] for name in os.environ if not name.startswith("CONF_")}
    done = subprocess.run(
        [*command],
        cwd=cwd,
        env=clean,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != expect:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def build() -> tuple[Path, Path]:
    """The source distribution, and the wheel that was made from it."""
    shutil.rmtree(BUILT, ignore_errors=True)
    run([sys.executable, "-m", "build", "--outdir", BUILT, ROOT])
    (source,), (wheel,) = BUILT.glob("*.tar.gz"), BUILT.glob("*.whl")
    run([sys.executable, "-m", "twine", "check", "--strict", source, wheel])
    return source, wheel


def try_source(source: Path, folder: Path) -> None:
    """Nothing is missing, and tests run from it."""
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    tracked = run(["git", "ls-files"]).splitlines()
    if missing := [name for name in tracked if not (top / name).exists()]:
        raise SystemExit(f"not in {source.name}: {', '.join(missing[:20])}")
    tests = ["tests/settings", "tests/traps/test_house.py", "tests/cluster"]
    run([sys.executable, "-m", "pytest", "-q", "-n", "0", *tests], cwd=top)


def try_wheel(wheel: Path, folder: Path) -> None:
    """Its commands, where nothing else is installed."""
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    run([programs / "pip", "install", "--quiet", wheel])
    for program, arguments, code in COMMANDS:
        run([programs / program, *arguments], expect=code, cwd=folder)


def find_pythons() -> dict[str, str]:
    """The supported versions that are here, and their programs. A shim of pyenv may stand for a
    version that is not switched on, so each is asked."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = {}
    for version in PYTHONS:
        programs = [
            *root.glob(f"versions/{version}.*/bin/python"),
            shutil.which(f"python{version}"),
        ]
        for program in map(str, filter(None, programs)):
            asked = [program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
            if said.strip() == version:
                found[version] = program
    return found


def try_extras(wheel: Path, folder: Path, version: str, python: str) -> None:
    """All of them at once: pip finds versions that go together, and installs nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = ",".join(project["optional-dependencies"])
    run([python, "-m", "venv", folder])
    pip = [folder / "bin" / "pip", "install", "--quiet", "--dry-run"]
    run([*pip, f"{wheel}[{extras}]"])
    print(f"Python {version}: {extras} go together")


def main() -> int:
    """Exit code."""
    source, wheel = build()
    print(f"{source.name} and {wheel.name} in {BUILT.relative_to(ROOT)}")
    with tempfile.TemporaryDirectory(prefix="packages-") as name:
        folder = Path(name)
        (folder / "source").mkdir()
        try_source(source, folder / "source")
        print("the source distribution holds every file, and its tests run")
        try_wheel(wheel, folder / "bare")
        print(f"the wheel's commands run in an environment of its own: {len(COMMANDS)}")
        for version, python in find_pythons().items():
            try_extras(wheel, folder / version, version, python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
