"""Every environment variable, checked together, with one-line errors. Nothing else reads the environment."""

from confluence_sync.errors import WrongSettings
from confluence_sync.settings.checks import StoreKind
from confluence_sync.settings.fields import INGEST_DEFAULTS, MissingSettings, Settings, is_container
from confluence_sync.settings.sources import is_unicode, secrets_of_others, working_folder
from confluence_sync.settings.values import Secret

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
