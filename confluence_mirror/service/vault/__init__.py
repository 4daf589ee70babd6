"""Secrets at rest: sealed with AES-256-GCM, each for its place."""

from confluence_mirror.service.vault.keyring import Keyring, read_keyring
from confluence_mirror.service.vault.seal import SealBroken, open_sealed, seal_text

__all__ = ["Keyring", "SealBroken", "open_sealed", "read_keyring", "seal_text"]
