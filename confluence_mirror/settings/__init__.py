"""Every environment variable, checked together, with one-line errors. Nothing else reads the
environment."""

from confluence_mirror.errors import WrongSettings
from confluence_mirror.settings.checks import StoreKind
from confluence_mirror.settings.fields import (
    INGEST_DEFAULTS,
    MissingSettings,
    Settings,
    is_container,
)
from confluence_mirror.settings.sources import is_unicode, secrets_of_others, working_folder
from confluence_mirror.settings.values import Secret

__all__ = [
    "INGEST_DEFAULTS",
    "MissingSettings",
    "Secret",
    "Settings",
    "StoreKind",
    "WrongSettings",
    "is_container",
    "is_unicode",
    "secrets_of_others",
    "working_folder",
]
