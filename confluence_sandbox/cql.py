"""A subset of CQL: what sync jobs ask, and the refusals for what is not CQL.

Fields and functions: https://developer.atlassian.com/cloud/confluence/cql-fields/ and
…/cql-functions/.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeAlias

from confluence_sandbox.content import Contained, Content, SpaceInfo

Predicate: TypeAlias = Callable[[Content], bool]

TYPES = (
    "space",
    "user",
    "page",
    "blogpost",
    "comment",
    "attachment",
    "database",
    "whiteboard",
    "slide",
    "embed",
    "folder",
)
FIELDS = (
    "ancestor",
    "container",
    "content",
    "created",
    "creator",
    "id",
    "label",
    "lastmodified",
    "parent",
    "sitesearch",
    "space",
    "space.key",
    "space.type",
    "text",
    "title",
    "type",
)
ORDERS = ("created", "id", "lastmodified", "title", "space")
_TOKEN = re.compile(
    r'\s*(?:("(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')|(>=|<=|!=|!~|[=<>~(),])|([^\s=<>~!(),"\']+))'
)
_LITERALS = ("%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")
_STEP = re.compile(r"^([+-]?)(\d+)([yMwdhm])$")
_HOURS = {"y": 365 * 24, "M": 30 * 24, "w": 7 * 24, "d": 24, "h": 1, "m": 1 / 60}
_COMPARISONS: dict[str, Callable[[datetime, datetime], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class CqlError(Exception):
    """Refused with 400; the text is Confluence's."""


@dataclass(frozen=True)
class Context:
    """What a query is asked against."""

    now: datetime
    zone: tzinfo = UTC
    """In which absolute literals are read."""
    spaces: Callable[[int], SpaceInfo | None] = lambda _: None
    parent: Callable[[str | None], Content | None] = lambda _: None
    """The row of an id, to climb the tree."""
    through_folders: bool = True
    """Whether ``ancestor`` sees through what is not a page."""


@dataclass(frozen=True)
class Query:
    """A parsed query."""

    matches: Predicate
    order: tuple[tuple[str, bool], ...]
    """(field, descending)."""


def minute(moment: datetime) -> datetime:
    """The index keeps minutes."""
    return moment.replace(second=0, microsecond=0)


def parse(text: str, context: Context) -> Query:
    """Read a query. Raises ``CqlError`` with what Confluence would answer."""
    parser = _Parser(text, context)
    return parser.query()


class _Parser:
    def __init__(self, text: str, context: Context) -> None:
        self.text = text
        self.context = context
        self.tokens = self._split(text)
        self.at = 0

    def _split(self, text: str) -> list[str]:
        tokens, at = [], 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._nonsense()
            tokens.append(found.group().strip())
            at = found.end()
        return tokens

    def _nonsense(self) -> CqlError:
        return CqlError(f"Could not parse cql : {self.text}")

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self.at += 1
        return token

    def _word(self, *words: str) -> bool:
        if self._peek().lower() in words:
            self.at += 1
            return True
        return False

    def query(self) -> Query:
        if not self.tokens:
            raise self._nonsense()
        matches: Predicate = (lambda _: True) if self._peek().lower() == "order" else self._either()
        order = self._order()
        if self._peek():
            raise self._nonsense()
        return Query(matches, order)

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if not self._word("order"):
            return ()
        if not self._word("by"):
            raise self._nonsense()
        order: list[tuple[str, bool]] = []
        while not order or self._word(","):
            field = self._next().lower()
            if field not in ORDERS:
                raise CqlError(f"Field {field} cannot be ordered by")
            descending = self._word("desc")
            if not descending:
                self._word("asc")
            order.append((field, descending))
        return tuple(order)

    def _either(self) -> Predicate:
        parts = [self._both()]
        while self._word("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _both(self) -> Predicate:
        parts = [self._one()]
        while self._word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _one(self) -> Predicate:
        if self._word("not"):
            inner = self._one()
            return lambda row: not inner(row)
        if self._word("("):
            inner = self._either()
            if not self._word(")"):
                raise self._nonsense()
            return inner
        return self._clause()

    def _clause(self) -> Predicate:
        field = self._next().lower()
        if field not in FIELDS:
            known = ", ".join(FIELDS)
            raise CqlError(f"No field exists with name '{field}'. Fields: [{known}, subtype]")
        sign = self._next().lower()
        if sign == "not":
            if not self._word("in"):
                raise self._nonsense()
            sign = "not in"
        if sign in ("in", "not in"):
            values = self._values()
        elif sign in ("~", "!~", *_COMPARISONS):
            values = [self._value()]
        else:
            raise self._nonsense()
        if field in ("lastmodified", "created"):
            return self._when(field, sign, values[0])
        if sign in (">", ">=", "<", "<="):
            raise CqlError(f"Operator {sign} is not supported for field {field}")
        return self._compare(field, sign, [str(value) for value in values])

    def _values(self) -> list[str | datetime]:
        if not self._word("("):
            raise self._nonsense()
        values = [self._value()]
        while self._word(","):
            values.append(self._value())
        if not self._word(")"):
            raise self._nonsense()
        return values

    def _value(self) -> str | datetime:
        token = self._next()
        if token[:1] in ('"', "'"):
            return re.sub(r"\\(.)", r"\1", token[1:-1])
        if not token or re.fullmatch(r"[=<>~(),!]+", token) or token.startswith("~"):
            raise self._nonsense()
        if self._peek() == "(":
            return self._call(token)
        return token

    def _call(self, name: str) -> datetime:
        self._next()
        step = "" if self._peek() == ")" else str(self._value())
        if self._next() != ")" or name.lower() != "now":
            raise self._nonsense()
        if not step:
            return self.context.now
        found = _STEP.match(step)
        if found is None:
            raise CqlError(f"Could not parse the increment : {step}")
        sign, count, unit = found.groups()
        distance = timedelta(hours=_HOURS[unit] * int(count))
        return self.context.now + (-distance if sign == "-" else distance)

    def _literal(self, text: str) -> datetime:
        for form in _LITERALS:
            try:
                return datetime.strptime(text, form).replace(tzinfo=self.context.zone)
            except ValueError:
                continue
        raise CqlError(f"Date value '{text}' is not in a supported format")

    def _when(self, field: str, sign: str, value: str | datetime) -> Predicate:
        compare = _COMPARISONS.get(sign)
        if compare is None:
            raise CqlError(f"Operator {sign} is not supported for field {field}")
        limit = value if isinstance(value, datetime) else self._literal(value)
        if field == "created":
            return lambda row: compare(minute(row.created_at), limit)
        return lambda row: compare(minute(row.version.created_at), limit)

    def _compare(self, field: str, sign: str, values: list[str]) -> Predicate:
        wanted = {value.lower() for value in values}
        if field == "title" and "" in wanted:
            raise CqlError("Title value cannot be empty")
        if field == "type" and not wanted <= set(TYPES):
            raise CqlError(
                f"Invalid type value(s) {sorted(wanted - set(TYPES))}. Types: [{', '.join(TYPES)}]"
            )
        test = self._like(field, values[0]) if sign in ("~", "!~") else self._equal(field, wanted)
        return (lambda row: not test(row)) if sign in ("!=", "not in", "!~") else test

    def _like(self, field: str, value: str) -> Predicate:
        words = value.lower().replace("*", " ").split()
        if field == "title":
            return lambda row: all(word in row.title.lower() for word in words)
        if field in ("text", "sitesearch"):
            return lambda row: all(word in f"{row.title} {row.body}".lower() for word in words)
        raise CqlError(f"Operator ~ is not supported for field {field}")

    def _equal(self, field: str, wanted: set[str]) -> Predicate:
        context = self.context
        if field in ("space", "space.key", "space.type"):

            def in_space(row: Content) -> bool:
                space = context.spaces(row.space_id)
                return (
                    space is not None
                    and (space.type if field == "space.type" else space.key).lower() in wanted
                )

            return in_space
        if field == "ancestor":
            return lambda row: self._below(row, wanted)
        if field == "label":
            return lambda row: any(name.lower() in wanted for _, name in row.labels)
        simple: dict[str, Predicate] = {
            "type": lambda row: row.type in wanted,
            "id": lambda row: row.id in wanted,
            "content": lambda row: row.id in wanted,
            "container": lambda row: isinstance(row, Contained) and row.container_id in wanted,
            "parent": lambda row: row.parent_id in wanted,
            "title": lambda row: row.title.lower() in wanted,
            "creator": lambda row: row.author.lower() in wanted,
        }
        if field not in simple:
            raise CqlError(f"Operator = is not supported for field {field}")
        return simple[field]

    def _below(self, row: Content, wanted: set[str]) -> bool:
        parent_id = row.parent_id
        while parent_id is not None:
            if parent_id in wanted:
                return True
            parent = self.context.parent(parent_id)
            if parent is None or (parent.type != "page" and not self.context.through_folders):
                return False
            parent_id = parent.parent_id
        return False
