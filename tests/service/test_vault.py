"""Secrets at rest."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.errors import WrongSettings
from confluence_mirror.service.vault import Keyring, SealBroken, open_sealed, seal_text
from confluence_mirror.service.vault.keyring import parse_keys, read_or_make

RING = Keyring({"new": b"n" * 32, "old": b"o" * 32})


@given(st.text(), st.text())
def test_what_is_sealed_opens_at_its_place(text: str, place: str) -> None:
    assert open_sealed(RING, seal_text(RING, text, place), place) == text


@given(st.text(min_size=1), st.data())
def test_no_changed_byte_opens(text: str, data: st.DataObject) -> None:
    sealed = seal_text(RING, text, "a")
    raw = bytearray(base64.urlsafe_b64decode(sealed.split(".")[2]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    changed = f"v1.new.{base64.urlsafe_b64encode(bytes(raw)).decode()}"
    with pytest.raises(SealBroken):
        open_sealed(RING, changed, "a")


@pytest.mark.parametrize("sealed", ["", "v1", "v1.new", "v1.new.!", "v2.new.AAAA", "v1.none.AAAA"])
def test_what_is_no_seal_does_not_open(sealed: str) -> None:
    with pytest.raises(SealBroken):
        open_sealed(RING, sealed, "a")


def test_a_secret_that_was_moved_to_another_row_does_not_open() -> None:
    sealed = seal_text(RING, "token", "w1/confluence_credentials/1")
    with pytest.raises(SealBroken):
        open_sealed(RING, sealed, "w2/confluence_credentials/1")


def test_the_first_key_seals_and_every_key_opens() -> None:
    before = seal_text(Keyring({"old": b"o" * 32}), "token", "a")
    assert open_sealed(RING, before, "a") == "token"
    assert seal_text(RING, "token", "a").startswith("v1.new.")
    assert "token" not in repr(RING)
    assert "nnnn" not in repr(RING)


@pytest.mark.parametrize(
    "text", ["", "1:short", ":" + "A" * 44, "no-id", "1:" + "A" * 43 + "=,1:" + "A" * 43 + "="]
)
def test_wrong_keys_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(WrongSettings) as refused:
        parse_keys(text)
    assert "AAAA" not in str(refused.value)
    assert refused.value.exit == 78


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secret.key"
    key = base64.b64encode(os.urandom(32)).decode()
    assert read_or_make(path, f"1:{key}") == f"1:{key}"
    assert read_or_make(path, "another") == f"1:{key}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret.key"]
