"""What the routes work with: one object for a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluence_mirror.service.answers import Answers, Place
from confluence_mirror.service.auth.forge import ForgeTokens
from confluence_mirror.service.caching import MinuteCache
from confluence_mirror.service.credentials import open_secret
from confluence_mirror.service.db.database import Database
from confluence_mirror.service.db.tables import Connection, Import, Mirror
from confluence_mirror.service.events import EventQueue
from confluence_mirror.service.problems import Problem
from confluence_mirror.service.rates import RateLimiter
from confluence_mirror.service.readiness import Readiness
from confluence_mirror.service.runs.environment import place_of
from confluence_mirror.service.runs.ledger import Ledger
from confluence_mirror.service.settings import NOBODY, Loaded, load_engine
from confluence_mirror.service.sites import Login
from confluence_mirror.service.vault import Keyring, SealBroken
from confluence_mirror.settings import Settings


@dataclass(frozen=True, slots=True)
class Core:
    """The parts of the service."""

    loaded: Loaded
    values: Mapping[str, str]
    """The engine's settings that all mirrors have in common, as the store is reached here."""
    database: Database
    keyring: Keyring
    ledger: Ledger
    events: EventQueue
    answers: Answers
    readiness: Readiness
    rates: RateLimiter
    cache: MinuteCache
    admin_key: str
    public_url: str
    """What others are told as our address."""
    forge: ForgeTokens | None

    @property
    def state_dir(self) -> Path:
        """Where this process keeps state."""
        return self.loaded.engine.state.folder

    def place_of(self, mirror: Mirror, connection: Connection, items: Sequence[Import]) -> Place:
        """A mirror as it is asked; without its token."""
        variables = place_of(mirror, connection, items, self.state_dir).variables()
        return Place(mirror.id, mirror.folder_id, {**self.values, **variables})

    def settings_of(self, place: Place) -> Settings:
        """The engine's settings of a mirror that is not to be asked of Confluence."""
        token = NOBODY["CONF_API_TOKEN"]
        return load_engine({**place.variables, "CONF_API_TOKEN": token}, self.state_dir)

    def login_of(self, connection: Connection) -> Login:
        """How its site is asked. Raises ``Problem`` where its secret does not open."""
        try:
            token = open_secret(self.keyring, connection)
        except SealBroken:
            raise Problem(
                "needs-reauth", "The stored credential does not open: connect again."
            ) from None
        return Login(connection.cloud_id, connection.user_name, token)
