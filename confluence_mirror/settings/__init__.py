"""Every environment variable, checked together, with one-line errors. Nothing else reads the
environment."""

from confluence_mirror.errors import WrongSettings
from confluence_mirror.settings.documents import settings_options
from confluence_mirror.settings.loading import (
    BY_NAME,
    INGEST_DEFAULTS,
    MissingSettings,
    Settings,
    is_container,
)
from confluence_mirror.settings.sources import (
    gather,
    is_unicode,
    secrets_of_others,
    working_folder,
)
from confluence_mirror.settings.stores import StoreKind
from confluence_mirror.settings.values import Secret

__all__ = [
    "BY_NAME",
    "INGEST_DEFAULTS",
    "MissingSettings",
    "Secret",
    "Settings",
    "StoreKind",
    "WrongSettings",
    "gather",
    "is_container",
    "is_unicode",
    "secrets_of_others",
    "settings_options",
    "working_folder",
]
