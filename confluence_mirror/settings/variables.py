"""How a setting is declared: once, as a field of the group that its readers are given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

from confluence_mirror.settings import values

_Arguments = ParamSpec("_Arguments")
_Group = TypeVar("_Group")


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable: what reads it, what it means, what it is when it is not set."""

    name: str
    parse: values.Parser
    meaning: str
    default: str = ""
    """As one would write it; empty: none."""
    example: str = ""
    """A value that is right; the default where empty."""
    shown: str = ""
    """What the documents say in place of the default, where that follows from another variable."""
    unset: Any = None
    """The value where neither a default nor anything else is given."""
    verbatim: bool = False
    """Blanks at its ends count, and the empty value is one."""
    steers: bool = False
    """Sets scope, store or state: a near miss of its name must not pass with a warning."""
    shared: bool = False
    """Other programs read it, too: it is ours only where what needs it is set."""
    mistaken: tuple[str, ...] = ()
    """Names that people write for it and that are too far off to be found as a near miss."""
    option: str = ""
    """Of the command line, which sets it for one run."""
    option_kind: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What ``add_argument`` is told of that, beyond the help."""

    @property
    def secret(self) -> bool:
        """No text shows it, and its place is a file of its own."""
        return self.parse in (values.credential, values.postgres, values.state_url)

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
        if inner := each.metadata.get("group"):
            found += declared(inner)
        elif one := each.metadata.get("variable"):
            found.append(one)
    return tuple(found)


def filled(kind: type[_Group], given: Mapping[str, Any]) -> _Group:
    """A group with its values: those of variables by their names, all others by their fields'."""
    made: dict[str, Any] = {}
    for each in dataclasses.fields(kind):  # type: ignore[arg-type]
        if inner := each.metadata.get("group"):
            made[each.name] = filled(inner, given)
        else:
            one: Variable | None = each.metadata.get("variable")
            made[each.name] = given[one.name if one else each.name]
    return kind(**made)


def held(group: Any) -> Iterator[tuple[Variable, Any]]:
    """Every variable with its value, of a group and of the groups in it."""
    for each in dataclasses.fields(group):
        value = getattr(group, each.name)
        if "group" in each.metadata:
            yield from held(value)
        elif one := each.metadata.get("variable"):
            yield one, value
