"""The keys that seal: the first seals, all open."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from confluence_mirror.errors import StateUnusable, WrongSettings
from confluence_mirror.service.settings import ServiceSettings

_KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by their ids, in order. Its ``repr`` shows no key."""

    keys: Mapping[str, bytes] = field(repr=False)

    @property
    def sealing_id(self) -> str:
        """The id of the key that seals."""
        return next(iter(self.keys))

    def derive_key(self, purpose: str) -> bytes:
        """A key for another purpose than sealing, from the one that seals (HMAC-SHA-256)."""
        return hmac.digest(self.keys[self.sealing_id], purpose.encode(), hashlib.sha256)


def parse_keys(text: str) -> Keyring:
    """``id:base64,…``. Raises ``WrongSettings``; no message holds a key."""
    keys: dict[str, bytes] = {}
    for part in filter(None, text.split(",")):
        key_id, _, encoded = part.partition(":")
        if not _KEY_ID.fullmatch(key_id) or key_id in keys:
            raise _wrong("SERVICE_SECRET_KEYS", "holds a key without an id of its own")
        keys[key_id] = _decode(encoded, "SERVICE_SECRET_KEYS")
    if not keys:
        raise _wrong("SERVICE_SECRET_KEYS", "holds no key")
    return Keyring(keys)


def read_keyring(settings: ServiceSettings, state_dir: Path) -> Keyring:
    """The keys that are set, else those in ``secret.key`` in the state folder, which is made at
    first. Raises ``WrongSettings``, and where keys are required: on PostgreSQL."""
    if settings.secret_keys is not None:
        return parse_keys(settings.secret_keys.reveal())
    if settings.encryption_key is not None:
        encoded = settings.encryption_key.reveal()
        return Keyring({"1": _decode(encoded, "CONFLUENCE_ENCRYPTION_KEY")})
    if settings.database_url and not settings.database_url.reveal().startswith("sqlite:"):
        raise _wrong(
            "SERVICE_SECRET_KEYS", "is required where the database is a server, and not set"
        )
    path = state_dir / "secret.key"
    return parse_keys(read_or_make(path, f"1:{make_secret()}"))


def make_secret() -> str:
    """32 random bytes in base64 (of URLs, without padding)."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode().rstrip("=")


def read_or_make(path: Path, content: str) -> str:
    """The text of a private file, which is made with this content where it is not there. Of several
    processes that make it at once one wins. Raises ``StateUnusable``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(f"{content}\n")
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StateUnusable(f"{path} cannot be made or read ({error.strerror}).") from None


def _decode(encoded: str, variable: str) -> bytes:
    try:
        padded = encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)
        key = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise _wrong(variable, "holds a key that is not 32 bytes in base64")
    return key


def _wrong(variable: str, what: str) -> WrongSettings:
    return WrongSettings(
        f"{variable}: {what}.", hint="Make one with: openssl rand -base64 32 (and an id before it)."
    )
