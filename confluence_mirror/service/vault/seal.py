"""One sealed text: ``v1.<key id>.<base64url of nonce and ciphertext>``."""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from confluence_mirror.service.vault.keyring import Keyring

_VERSION = "v1"
_NONCE_BYTES = 12


class SealBroken(Exception):
    """A sealed text does not open: another key, another place, or it was changed."""


def seal_text(keyring: Keyring, text: str, place: str) -> str:
    """Seal for one place (``workspace/table/row``), which is bound to it as associated data: moved
    elsewhere it does not open."""
    key_id = keyring.sealing_id
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(keyring.keys[key_id]).encrypt(nonce, text.encode(), place.encode())
    return f"{_VERSION}.{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def open_sealed(keyring: Keyring, sealed: str, place: str) -> str:
    """The text. Raises ``SealBroken``."""
    version, _, rest = sealed.partition(".")
    key_id, _, encoded = rest.partition(".")
    key = keyring.keys.get(key_id)
    if version != _VERSION or key is None:
        raise SealBroken
    try:
        data = base64.b64decode(encoded, altchars=b"-_", validate=True)
        nonce, content = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        return AESGCM(key).decrypt(nonce, content, place.encode()).decode()
    except (binascii.Error, ValueError, InvalidTag):
        raise SealBroken from None


def sealing_key(sealed: str) -> str:
    """The id of the key that sealed it."""
    return sealed.split(".")[1] if sealed.count(".") == 2 else ""
