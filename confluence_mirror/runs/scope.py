"""From settings to the scope that the engine is told."""

from __future__ import annotations

from confluence_mirror.mirror.scope import ScopeSpec
from confluence_mirror.settings.scope import ScopeSettings


def scope_spec(scope: ScopeSettings) -> ScopeSpec:
    """The scope as it is set."""
    of_comments = {None: (), "open": ("comment",), "all": ("comment", "resolved comment")}
    return ScopeSpec(
        scope.space_name or "",
        scope.space_keys,
        scope.folder_id or "",
        scope.labels,
        (*(["attachment"] if scope.attachments else []), *of_comments[scope.comments]),
        scope.items,
        scope.exclude_labels,
        scope.exclude_trees,
    )
