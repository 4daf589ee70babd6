"""Names that are nearly ours: a mistyped variable must not be ignored in silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluence_mirror.settings.variables import Variable

# Variables of other programs that are a letter or two away from ours.
_OTHERS = frozenset({"OLLAMA_BASE_URL", "OLLAMA_API_KEY", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"})


def edit_distance(one: str, other: str, limit: int) -> int:
    """Edits between two names: letters added, left out, changed, or swapped with their neighbour.

    Optimal string alignment; ``limit + 1`` stands for anything above the limit.
    """
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before_that, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            edits = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                edits = min(edits, before_that[j - 2] + 1)
            row.append(edits)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def meant_by(name: str, ours: Mapping[str, Variable]) -> Variable | None:
    """The variable that somebody who wrote ``name`` probably meant; None where it is ours, or
    nobody's."""
    if name in ours or name in _OTHERS:
        return None
    plain = name.upper().replace("-", "_").replace(".", "_")
    for variable in ours.values():
        if plain == variable.name or plain in variable.mistaken:
            return variable
    found: list[tuple[int, Variable]] = []
    for variable in ours.values():
        limit = 2 if len(variable.name) >= 10 else 1
        edits = edit_distance(plain, variable.name, limit)
        if edits <= limit:
            found.append((edits, variable))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def find_misspelt(
    names: Iterable[str], ours: Mapping[str, Variable]
) -> tuple[list[str], list[str]]:
    """Faults and warnings for the names that are nearly ours."""
    faults: list[str] = []
    warnings: list[str] = []
    for name in sorted(names):
        variable = meant_by(name, ours)
        if variable is not None:
            text = f"{name}: is not a known variable; did you mean {variable.name}?"
            (faults if variable.steers else warnings).append(text)
    return faults, warnings
