#!/usr/bin/env python3
"""Process an OpenShift Template by the rules of ``oc process``, where there is no oc.

    python -m tests.kubelet.template FILE [NAME=VALUE …] [--param-file FILE] [--seed N]

Prints a v1 List as YAML. ``${NAME}`` is filled in anywhere in strings and keys; ``${{NAME}}`` only
as a whole string, and then read as JSON. What oc does silently is an error here: a name that is no
parameter, a parameter without use.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.kubelet.objects import Obj

_NAME = re.compile(r"\$\{([a-zA-Z0-9_]+)\}")
_WHOLE = re.compile(r"\$\{\{([a-zA-Z0-9_]+)\}\}")
_CLASS = re.compile(r"\[([^\]]+)\](?:\{(\d+)\})?")
_SHORTHANDS = {r"\w": "a-zA-Z0-9_", r"\d": "0-9", r"\a": "a-zA-Z0-9", r"\A": "!-/:-@[-`{-~"}


class TemplateError(Exception):
    """What oc refuses, or should."""


def generate(expression: str, chance: random.Random) -> str:
    """A value of the form ``[class]{count}``, as ``generate: expression`` makes it."""

    def draw(match: re.Match[str]) -> str:
        letters = match[1]
        for short, long in _SHORTHANDS.items():
            letters = letters.replace(short, long)
        ranges = re.sub(
            "(.)-(.)",
            lambda r: "".join(map(chr, range(ord(r[1]), ord(r[2]) + 1))),
            letters,
            flags=re.S,
        )
        return "".join(chance.choices(ranges, k=int(match[2] or 1)))

    return _CLASS.sub(draw, expression)


def values_of(template: Obj, given: Mapping[str, str], chance: random.Random) -> dict[str, str]:
    """Every parameter's value: given, else its default, else generated."""
    values: dict[str, str] = {}
    for parameter in template.get("parameters") or []:
        name, default = parameter["name"], parameter.get("value", "")
        if not isinstance(default, str):
            raise TemplateError(
                f"parameter {name}: {default!r} is a {type(default).__name__}: quote it"
            )
        value = given.get(name, default)
        if not value and parameter.get("generate"):
            if parameter["generate"] != "expression":
                raise TemplateError(
                    f"parameter {name}: unknown generator {parameter['generate']!r}"
                )
            value = generate(parameter.get("from", ""), chance)
        if not value and parameter.get("required"):
            raise TemplateError(f"parameter {name} is required and must be specified")
        values[name] = value
    unknown = sorted(given.keys() - values.keys())
    if unknown:
        raise TemplateError(f"unknown parameter name(s): {', '.join(unknown)}")
    return values


def _text(text: str, values: Mapping[str, str]) -> str:
    return _NAME.sub(lambda match: values.get(match[1], match[0]), text)


def _fill(node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {_text(key, values): _fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, values) for value in node]
    if not isinstance(node, str):
        return node
    whole = _WHOLE.fullmatch(node)
    if whole is None or whole[1] not in values:
        return _text(node, values)
    try:
        return json.loads(values[whole[1]])
    except ValueError:
        return values[whole[1]]


def process(template: Obj, given: Mapping[str, str], *, seed: int | None = None) -> list[Obj]:
    """The objects that ``oc process`` prints. The template is not changed.

    A namespace written into an object is dropped unless it holds a parameter; the template's own
    labels go on the objects and not on their pod templates.
    """
    if template.get("kind") != "Template":
        raise TemplateError(f"not a Template: {template.get('kind')}")
    values = values_of(template, given, random.Random(seed))
    labels = _fill(template.get("labels") or {}, values)
    objects = []
    for source in copy.deepcopy(template.get("objects") or []):
        meta = source.setdefault("metadata", {})
        if "namespace" in meta and not _NAME.search(str(meta["namespace"])):
            del meta["namespace"]
        obj = _fill(source, values)
        if labels:
            obj["metadata"]["labels"] = {**(obj["metadata"].get("labels") or {}), **labels}
        objects.append(obj)
    return objects


def faults(template: Obj) -> list[str]:
    """Names that are no parameters (most often misspelt), and parameters that nothing uses."""
    known = {parameter["name"] for parameter in template.get("parameters") or []}
    text = json.dumps([template.get("objects"), template.get("labels"), template.get("message")])
    used = set(_NAME.findall(text)) | set(_WHOLE.findall(text))
    return [f"not a parameter: {n}" for n in sorted(used - known)] + [
        f"not used: {n}" for n in sorted(known - used)
    ]


def parameter_line(line: str) -> tuple[str, str]:
    """One line of a ``--param-file``, by oc's rules, which are not kubectl's.

    After openshift/oc, pkg/helpers/newapp/app/env.go: an unquoted ``#`` begins a comment;
    ``export`` is dropped; a colon separates too where no ``=`` stands before it; a pair of quotes
    is taken off, and a backslash between them escapes; a dollar sign means nothing.
    """
    kept: list[str] = []
    inside = False
    for part in line.split("#"):
        began_inside = inside
        inside ^= part.count('"') == 1 or part.count("'") == 1
        if not kept or began_inside or inside:
            kept.append(part)
    match = re.fullmatch(r"([^=:]*)[=:](.*)", "#".join(kept), re.S)
    if match is None:
        raise TemplateError(f"cannot separate name from value: {line!r}")
    name, value = match[1].removeprefix("export").strip(" "), match[2].strip(" ")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = re.sub(
            r"\\(.)", lambda escape: {"n": "\n", "r": "\r"}.get(escape[1], escape[1]), value[1:-1]
        )
    return name, value


def parameter_file(lines: Iterable[str]) -> dict[str, str]:
    """The parameters of a ``--param-file``."""
    return dict(
        parameter_line(line) for line in lines if line.strip() and not line.strip().startswith("#")
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("values", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--param-file", type=Path, action="append", default=[])
    parser.add_argument("--seed", type=int, help="make generated values repeatable")
    options = parser.parse_intermixed_args(arguments)
    try:
        template = yaml.safe_load(options.file.read_text(encoding="utf-8"))
        given: dict[str, str] = {}
        for file in options.param_file:
            given |= parameter_file(file.read_text(encoding="utf-8").splitlines())
        given |= dict(value.split("=", 1) for value in options.values)
        odd = faults(template)
        if odd:
            raise TemplateError("; ".join(odd))
        objects = process(template, given, seed=options.seed)
    except (TemplateError, ValueError, OSError, yaml.YAMLError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    yaml.safe_dump(
        {"apiVersion": "v1", "kind": "List", "items": objects}, sys.stdout, sort_keys=False
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
