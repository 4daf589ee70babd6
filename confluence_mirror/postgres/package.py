"""psycopg, which is an extra."""

from __future__ import annotations

import importlib
from typing import Any, TypeAlias

from confluence_mirror.errors import WrongSettings, extra_hint

Connection: TypeAlias = Any
"""psycopg's connection: the package is an extra, so its types may not be there."""


def psycopg() -> Any:
    """The package, imported when it is needed. Absent: one line that names the extra."""
    try:
        return importlib.import_module("psycopg")
    except ImportError:
        raise WrongSettings(
            "A PostgreSQL URL is set, and the postgres extra is not installed; nothing was"
            " written.",
            hint=extra_hint("postgres"),
        ) from None
