"""How a setting is declared: once, as a field of the group that its readers are given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

from confluence_mirror.settings.values import Parser

_Arguments = ParamSpec("_Arguments")
_Group = TypeVar("_Group")


@dataclasses.dataclass(frozen=True, slots=True)
class Flag:
    """An option of the command line that sets a variable for one run."""

    name: str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    value: str = ""
    """Where the option takes none: what it sets."""
    help: str = ""
    """Where it does not say what the variable means."""


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable: what reads it, what it means, what it is when it is not set."""

    name: str
    parse: Parser
    meaning: str
    default: str = ""
    """As one would write it; empty: none."""
    example: str = ""
    """A value that is right; the default where empty."""
    shown: str = ""
    """What the documents say in place of the default, where that follows from another variable."""
    unset: Any = None
    """The value where neither a default nor anything else is given."""
    secret: bool = False
    steers: bool = False
    """Sets scope, store or state: a near miss of its name must not pass with a warning."""
    mistaken: tuple[str, ...] = ()
    """Names that people write for it and that are too far off to be found as a near miss."""
    flag: Flag | None = None

    @property
    def plain_meaning(self) -> str:
        """For what is not Markdown."""
        return self.meaning.replace("`", "")


def _declares(make: Callable[_Arguments, Variable]) -> Callable[_Arguments, Any]:
    """The arguments of ``Variable``, checked, for a field that holds its value."""

    def declare(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Any:
        return dataclasses.field(metadata={"variable": make(*args, **kwargs)})

    return declare


variable = _declares(Variable)


def group(kind: type[Any], title: str = "") -> Any:
    """A field that holds a group; with a title, it begins a section of ``.env.example``."""
    return dataclasses.field(metadata={"group": kind, "title": title})


def declared(kind: type[Any]) -> tuple[Variable, ...]:
    """Every variable of a group and of the groups in it, in the order in which they stand."""
    found: list[Variable] = []
    for each in dataclasses.fields(kind):
        if "group" in each.metadata:
            found += declared(each.metadata["group"])
        elif "variable" in each.metadata:
            found.append(each.metadata["variable"])
    return tuple(found)


def sections(kind: type[Any]) -> Iterator[tuple[str, tuple[Variable, ...]]]:
    """The titled groups, each with its variables."""
    for each in dataclasses.fields(kind):
        if each.metadata.get("title"):
            yield each.metadata["title"], declared(each.metadata["group"])


def filled(kind: type[_Group], values: Mapping[str, Any]) -> _Group:
    """A group with its values: those of variables by their names, all others by their fields'."""
    given: dict[str, Any] = {}
    for each in dataclasses.fields(kind):  # type: ignore[arg-type]
        if "group" in each.metadata:
            given[each.name] = filled(each.metadata["group"], values)
        else:
            of: Variable | None = each.metadata.get("variable")
            given[each.name] = values[of.name if of else each.name]
    return kind(**given)


def read_back(held: Any) -> Iterator[tuple[Variable, Any]]:
    """Every variable with its value, of a group and of the groups in it."""
    for each in dataclasses.fields(held):
        value = getattr(held, each.name)
        if "group" in each.metadata:
            yield from read_back(value)
        elif "variable" in each.metadata:
            yield each.metadata["variable"], value
