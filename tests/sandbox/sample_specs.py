"""Atlassian's OpenAPI descriptions as JSON schemas, to hold answers against."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

NULL_IN_PRACTICE = {
    "parentId",
    "parentType",
    "position",
    "description",
    "icon",
    "homepageId",
    "displayName",
    "timeZone",
    "resolutionLastModifierId",
    "resolutionLastModifiedAt",
}
"""Properties that the live API gives as null although v2's description does not mark them as
nullable."""

COMPOSED = ("allOf", "anyOf", "oneOf")


class Description:
    """One of the two descriptions."""

    def __init__(self, file: Path, prefix: str) -> None:
        self.prefix = prefix
        """What stands before the description's paths on the site."""
        self.document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        self.definitions = {
            name: self._schema(schema)
            for name, schema in self.document["components"]["schemas"].items()
        }

    def answer(self, method: str, path: str, status: int = 200) -> dict[str, Any]:
        """The JSON schema of an answer; ``KeyError`` if the description has no such route, status
        or body."""
        operation = self._operation(path)[method.lower()]
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        return {"components": {"schemas": self.definitions}, **self._schema(schema)}

    def _operation(self, path: str) -> Any:
        """Free parts of a path have names of their own here and there (``{comment-id}``)."""
        plain = {re.sub(r"{[^}]+}", "{}", each): each for each in self.document["paths"]}
        return self.document["paths"][plain[re.sub(r"{[^}]+}", "{}", path)]]

    def _schema(self, schema: Any) -> Any:
        """JSON Schema knows no ``nullable``, and says itself what may not be there beside the named
        properties."""
        if isinstance(schema, list):
            return [self._schema(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        made = {
            name: self._schema(value)
            for name, value in schema.items()
            if name not in ("nullable", "properties")
        }
        if "properties" in schema:
            made["properties"] = {
                name: self._nullable(self._schema(value))
                if name in NULL_IN_PRACTICE
                else self._schema(value)
                for name, value in schema["properties"].items()
            }
        return self._nullable(made) if schema.get("nullable") else made

    @staticmethod
    def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
        return {"anyOf": [schema, {"type": "null"}]}

    def unknown(self, value: Any, schema: dict[str, Any], where: str = "") -> set[str]:
        """Paths of properties in an answer that the description does not name."""
        named, open_ended, items = self._properties(schema)
        if isinstance(value, list):
            return {each for row in value for each in self.unknown(row, items, f"{where}[]")}
        if not isinstance(value, dict) or not named:
            return set()
        found = {f"{where}.{name}" for name in value if name not in named and not open_ended}
        for name in value.keys() & named.keys():
            found |= self.unknown(value[name], named[name], f"{where}.{name}")
        return found

    def _properties(self, schema: dict[str, Any]) -> tuple[dict[str, Any], bool, dict[str, Any]]:
        """Named properties, whether others are welcome, and what the items of a list are."""
        if "$ref" in schema:
            return self._properties(self.definitions[schema["$ref"].rsplit("/", 1)[-1]])
        named, open_ended = (
            dict(schema.get("properties", {})),
            bool(schema.get("additionalProperties")),
        )
        items: dict[str, Any] = schema.get("items", {})
        for word in COMPOSED:
            for part in schema.get(word, []):
                more, welcome, listed = self._properties(part)
                for name, each in more.items():
                    named[name] = {"allOf": [named[name], each]} if name in named else each
                open_ended, items = open_ended or welcome, items or listed
        return named, open_ended, items
