"""``podman`` (and ``aws``) as the documents use it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from scripts.documents import container
from scripts.documents.settings_files import read_env_file

BUILT = "localhost/confluence-sync:latest"


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    command, *rest = arguments
    if command == "run":
        return _run(rest)
    if command == "build":
        parser = argparse.ArgumentParser(prog="podman build")
        parser.add_argument("--platform", required=True)
        parser.add_argument("-t", required=True)
        parser.add_argument("context")
        given = parser.parse_args(rest)
        if not (container.CLONE / given.context / "Containerfile").exists():
            raise SystemExit("no Containerfile here")
        _remember(given.t)
    elif command == "tag":
        _require(rest[0])
        _remember(rest[1])
    elif command == "push":
        _require(rest[0])
        container.remember_push(rest[-1])
    elif command != "login":
        raise SystemExit(f"podman {command}: the stand-in has no such command")
    return 0


def _run(rest: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="podman run")
    parser.add_argument("--rm", action="store_true", required=True)
    parser.add_argument("--env-file", action="append", default=[])
    parser.add_argument("-e", action="append", default=[])
    parser.add_argument("image")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args(rest)
    _require(given.image)
    variables = {k: v for path in given.env_file for k, v in read_env_file(path).items()}
    variables |= dict(each.split("=", 1) for each in given.e)
    variables["KUBERNETES_SERVICE_HOST"] = ""
    done = container.run_image(given.arguments, variables, container.STATE / "by-hand")
    sys.stdout.write(done.stdout)
    return done.returncode


def _remember(image: str) -> None:
    with (container.STATE / "built").open("a", encoding="utf-8") as file:
        file.write(f"{image}\n")


def _require(image: str) -> None:
    built = container.STATE / "built"
    if image not in (built.read_text(encoding="utf-8").splitlines() if built.exists() else []):
        raise SystemExit(f"{image} was never built")
