"""The image's lock and recipe, as far as they can be judged without building it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.cluster.files import ROOT

LOCKS = {
    "requirements.lock": "scripts/container/image.in",
    "requirements-embedded.lock": "scripts/container/image-embedded.in",
}
EXTRAS = ("llama", "postgres", "metrics", "files")
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(\[[^]]*\])?\s*([^;]*)")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    """name -> version of every requirement in a lock."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([a-z0-9-]+)==(\S+) \\$", line) for line in lines]
    return {match[1]: match[2] for match in found if match}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def fits(version: str, bounds: str) -> bool:
    """Whether a version lies within ``>=1.5,<2``: the forms that the project uses."""
    rules = [
        re.fullmatch(r"(>=|<|==)([0-9.]+)", bound.strip())
        for bound in bounds.split(",")
        if bound.strip()
    ]
    assert all(rules), bounds
    compare: dict[str, Any] = {
        ">=": lambda a, b: a >= b,
        "<": lambda a, b: a < b,
        "==": lambda a, b: a == b,
    }
    return all(compare[rule[1]](numbers(version), numbers(rule[2])) for rule in rules if rule)


@pytest.mark.parametrize(("lock", "inputs"), LOCKS.items())
def test_the_lock_pins_what_the_project_asks_for(lock: str, inputs: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(r for e in EXTRAS for r in project["optional-dependencies"][e]),
    ]
    wanted += [
        r
        for r in (ROOT / inputs).read_text(encoding="utf-8").splitlines()
        if r and not r.startswith("#")
    ]
    pinned = pins(lock)
    for requirement in wanted:
        match = REQUIREMENT.match(requirement)
        assert match
        name = normal(match[1])
        assert name in pinned, f"{name} is not in {lock}: run scripts/lock.sh"
        assert fits(pinned[name], match[3]), (
            f"{name}=={pinned[name]} is not {match[3]}: run scripts/lock.sh"
        )


@pytest.mark.parametrize("lock", LOCKS)
def test_every_file_in_the_lock_is_known_by_its_hash_and_by_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=[a-z0-9])", text[text.index("\n") + 1 :])
    assert len(requirements) == len(pins(lock)) > 40
    assert all(
        re.search(r"--hash=sha256:[0-9a-f]{64}", requirement) for requirement in requirements
    )
    assert "://" not in text
    assert "index" not in text.split("\n", 1)[0]


def test_the_image_holds_no_package_of_chroma_s_but_for_the_embedded_store() -> None:
    unwanted = {"chromadb", "chromadb-client", "kubernetes", "torch"}
    assert not unwanted & pins("requirements.lock").keys()
    assert "chromadb" in pins("requirements-embedded.lock")


def test_the_builder_is_given_what_the_recipe_copies_and_nothing_of_a_user_s() -> None:
    ignore = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignore
    allowed = [line[1:] for line in ignore if line.startswith("!")]
    recipe = (ROOT / "Containerfile").read_text(encoding="utf-8")
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", recipe, re.M)
        for word in line.split()
    ]
    assert sorted(copied) == sorted(allowed)
    assert not [path for path in allowed if ".env" in path or path.startswith(".")]


def test_the_recipe_keeps_the_container_s_contract() -> None:
    final = (ROOT / "Containerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9][0-9]*:0$", final, re.M), (
        "a number, as runAsNonRoot wants it, and OpenShift's group"
    )
    assert re.search(r'^ENTRYPOINT \["', final, re.M), (
        "exec form: no shell between PID 1 and Python"
    )
    assert not re.search(r"^(VOLUME|HEALTHCHECK)", final, re.M)
    assert not re.search(r"pip +(install|download)|apt-get", final), (
        "nothing is installed in the final stage"
    )
