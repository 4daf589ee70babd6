"""What the token may do: the scopes that this configuration needs, and those that it can do
without."""

from __future__ import annotations

from confluence_mirror.check.steps import Step
from confluence_mirror.confluence.checks import MissingScope, missing_scopes
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.errors import Exit
from confluence_mirror.runs.scope import scope_spec
from confluence_mirror.settings.scope import ScopeSettings


def scopes_step(gateway: Gateway, scope: ScopeSettings) -> Step:
    """Which scopes the token lacks: of those that decide, and of those that only decorate."""
    missing = missing_scopes(gateway, **_features(scope))
    if not missing:
        return Step("scopes", "ok", "the token has every scope that a sync uses")
    lines = tuple(_describe(each) for each in missing)
    facts = {"missing": [{"scope": each.scope, "required": each.required} for each in missing]}
    names = " ".join(each.scope for each in missing)
    if any(each.required for each in missing):
        hint = f"Scopes are fixed when a token is made: make a new one with these added: {names}"
        return Step("scopes", "failed", "the token lacks", hint, lines, Exit.PERMISSION, facts)
    return Step("scopes", "warning", "enough for a sync; the token lacks", "", lines, facts=facts)


def _features(scope: ScopeSettings) -> dict[str, bool]:
    """What of the settings decides which scopes a token needs (``missing_scopes``)."""
    by_label = scope.label_metadata or scope.labels or scope.exclude_labels
    of_pages = scope.access or scope.comments is not None or scope.attachments
    return {
        "searches": bool(by_label or of_pages or scope.reconcile_hours),
        "trees": scope_spec(scope).has_trees,
        "readers": scope.access,
        "comments": scope.comments is not None,
        "files": scope.attachments,
    }


def _describe(missing: MissingScope) -> str:
    other = f" (or {missing.granular})" if missing.granular else ""
    return f"{missing.scope}{other}: {missing.needed_for}" + (
        "" if missing.required else ", left out without it"
    )
