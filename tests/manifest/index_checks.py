"""What must hold of a text index after a run that ended well, seen past the program: in the file
itself."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from confluence_mirror.manifest.words import words_in


def indexed_ids(manifest: Path, *, collection_id: str) -> set[str]:
    """The chunks in the index of the generation that has this collection."""
    with closing(sqlite3.connect(manifest)) as database:
        rows = database.execute(
            "SELECT t.id FROM cs_text t JOIN cs_generation g ON g.id = t.generation WHERE"
            " g.collection_id = ?",
            (collection_id,),
        ).fetchall()
    return {str(row[0]) for row in rows}


def check_index(manifest: Path) -> None:
    """A page that is as it should be is indexed with all its chunks and no others, no chunk is
    that is not recorded, and the words are those of the texts."""
    with closing(sqlite3.connect(manifest)) as database:
        generations = database.execute(
            "SELECT id FROM cs_generation WHERE state <> 'retired'"
        ).fetchall()
        for (generation,) in generations:
            _check_chunks(database, generation)
            _check_words(database, generation)
        (strays,) = database.execute(
            "SELECT count(*) FROM cs_text WHERE generation NOT IN (SELECT id FROM cs_generation"
            " WHERE state <> 'retired')"
        ).fetchone()
        assert not strays, "texts of a generation in which nobody searches"


def _check_chunks(database: sqlite3.Connection, generation: str) -> None:
    indexed = _pairs(database, "SELECT page, id FROM cs_text WHERE generation = ?", generation)
    recorded = _pairs(database, "SELECT page, id FROM cs_chunk WHERE generation = ?", generation)
    assert indexed <= recorded, f"indexed, and not recorded: {indexed - recorded}"
    whole = {
        page
        for page, _ in _pairs(
            database,
            "SELECT id, id FROM cs_page WHERE generation = ? AND version_number IS NOT NULL AND"
            " reason = ''",
            generation,
        )
    }
    there = _pairs(
        database,
        "SELECT page, id FROM cs_chunk WHERE generation = ? AND state = 'there'",
        generation,
    )
    wanted = {each for each in there if each[0] in whole}
    found = {each for each in indexed if each[0] in whole}
    assert found == wanted, f"not indexed: {wanted - found}; no longer there: {found - wanted}"


def _check_words(database: sqlite3.Connection, generation: str) -> None:
    expected: Counter[str] = Counter()
    bodies = database.execute("SELECT body FROM cs_text WHERE generation = ?", (generation,))
    for (body,) in bodies:
        expected.update(words_in(body))
    table = f"cs_words_{generation}"
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchall():
        assert not expected
        return
    database.execute(f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, {table}, row)")
    found = dict(database.execute("SELECT term, cnt FROM vocabulary").fetchall())
    database.execute("DROP TABLE temp.vocabulary")
    assert found == dict(expected)


def _pairs(database: sqlite3.Connection, statement: str, generation: str) -> set[tuple[str, str]]:
    return {(str(a), str(b)) for a, b in database.execute(statement, (generation,)).fetchall()}
