"""A checkout as a new user has it: programs outside the environment, and what ``make`` says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("sync.py", "ingest_conf.py", "test_confluence.py")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The programs, without an environment."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in PROGRAMS:
        shutil.copy(ROOT / name, folder / name)
    large = shutil.ignore_patterns("__pycache__", "data", "*.onnx")
    shutil.copytree(ROOT / "confluence_mirror", folder / "confluence_mirror", ignore=large)
    return folder


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [python, *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_python_without_the_packages_says_in_one_line_how_they_are_installed(
    bare: Path, checkout: Path, program: str
) -> None:
    done = run(bare, checkout, program, "--help")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1)
    assert "pip install -r requirements.txt, or make demo" in done.stderr


def test_a_python_without_the_packages_goes_on_with_that_of_the_environment_beside_it(
    bare: Path, checkout: Path
) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    inner = checkout / ".venv" / "bin" / "python"
    inner.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    inner.chmod(0o755)
    done = run(bare, checkout, "sync.py", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("confluence-mirror ")
    assert "Nothing was read or written" in run(bare, checkout, "sync.py", "plan").stderr


WITHOUT_CHROMA = """
import runpy, sys
sys.modules["chromadb"] = None
sys.argv = ["sync.py", *sys.argv[1:]]
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@pytest.mark.parametrize("command", ["sync", pytest.param("--demo", marks=pytest.mark.long)])
def test_the_image_says_how_it_is_built_with_the_embedded_store_that_it_lacks(
    tmp_path: Path, command: str
) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "CONFLUENCE_SYNC_IMAGE": "1",
        "STORE": "embedded",
        "CONF_CLOUD_ID": "11111111-2222-3333-4444-555555555555",
        "CONF_USER": "bot@example.com",
        "CONF_API_TOKEN": "a-token",
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_CHROMA, str(ROOT / "sync.py"), command],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78
    assert "unless it is built with --build-arg EMBEDDED=1" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def make(folder: Path, *arguments: str) -> str:
    shutil.copy(ROOT / "Makefile", folder)
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def test_make_help_names_what_a_user_runs(tmp_path: Path) -> None:
    shown = make(tmp_path, "help")
    assert all(f"make {target} " in shown for target in ("demo", "sync", "test", "image", "clean"))


def test_a_python_that_is_named_replaces_the_environment_of_another_one(
    tmp_path: Path, bare: Path
) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    (folder / "python").symlink_to(bare)
    for name in ("demo", "test", "lint"):
        (folder.parent / f"{name}.done").write_text("", encoding="utf-8")
    again = "-m venv --clear .venv"
    assert again not in make(tmp_path, "-n", "sync")
    assert again not in make(tmp_path, "-n", f"PYTHON={bare}", "sync")
    other = tmp_path / "another"
    other.write_text('#!/bin/sh\n[ "$1" != -c ] || echo another\n', encoding="utf-8")
    other.chmod(0o755)
    assert again in make(tmp_path, "-n", f"PYTHON={other}", "sync")
