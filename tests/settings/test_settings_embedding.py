"""Headers for an embedding server: from their variable or a file, and as secret as a key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from confluence_mirror.settings import Settings
from confluence_mirror.settings.values import parse_headers

SERVER = {"EMBEDDING_BASE_URL": "http://tei:8080"}
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_headers_are_read_as_they_are_written_whatever_they_hold(wanted: dict[str, str]) -> None:
    written = ", ".join(f"{name}={quote(value, safe='')}" for name, value in wanted.items())
    assert parse_headers(written) == wanted


def test_headers_come_from_a_file_and_each_value_is_a_secret(
    load: Callable[..., Settings], folder: Path
) -> None:
    kept = folder / "headers"
    kept.write_text("X-Team=docs%2C team,X-Gateway-Key=s3cret-of-a-gateway\n")
    loaded = load(**SERVER, EMBEDDING_HEADERS_FILE=str(kept))
    assert loaded.embedding.headers is not None
    assert parse_headers(loaded.embedding.headers.reveal())["X-Team"] == "docs, team"
    assert {"docs, team", "s3cret-of-a-gateway"} <= set(loaded.secrets())
    assert "s3cret" not in repr(loaded)


def test_headers_without_a_server_or_in_two_places_are_refused(
    faults: Callable[..., list[str]], folder: Path
) -> None:
    (folder / "headers").write_text("X-Team=docs")
    [line] = faults(EMBEDDING_HEADERS="X-Team=docs")
    assert line.startswith("EMBEDDING_HEADERS: is for EMBEDDING_BASE_URL")
    both = {"EMBEDDING_HEADERS": "A=b", "EMBEDDING_HEADERS_FILE": str(folder / "headers")}
    [line] = faults(**SERVER, **both)
    assert line.startswith("EMBEDDING_HEADERS_FILE: is set beside EMBEDDING_HEADERS")
