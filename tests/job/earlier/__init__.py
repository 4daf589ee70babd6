"""Mirrors that earlier versions of the program made: their state folder with the embedded store in
it, each in an archive that is named by the commit.

``python -m tests.job.earlier CHECKOUT`` makes the archive of a checkout: that version's ``sync.py``
runs once over ``site`` and an embedding server of hashed words.
"""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from confluence_sandbox import Site
from confluence_sandbox.clock import Clock

HERE = Path(__file__).parent
FOLDER = "(the folder of the store)"
"""Stands in the archived manifest where the store's own folder was."""
SETTINGS = {"STORE": "embedded", "CHUNK_TOKENS": "64", "CHUNK_OVERLAP": "10"}
"""Of the run that made them. Its embedding server has ``MODEL``."""
MODEL = {"bge-m3": 48}
"""Its name, and the numbers in a vector."""

ROWS = (
    ("Ingress", "Team North", "Drain the node first, then restart; wait until all pods are ready."),
    ("Broker", "Team South", "Stop the consumers, restart, replay the queue from the last offset."),
    ("Tenant database", "Team West", "Ask the tenant, take a backup, then <s>kill</s> stop it."),
)
TABLE = (
    "<table><tbody><tr><th>Service</th><th>Owner</th><th>How to restart it</th></tr>"
    + "".join(f"<tr><td>{a}</td><td>{b}</td><td><p>{c}</p></td></tr>" for a, b, c in ROWS)
    + "</tbody></table>"
)
PROSE = "".join(
    f"<h2>Part {part}</h2><p>{'The region keeps a volume and a certificate for its team. ' * 4}"
    f"It is part {part}.</p>"
    for part in range(3)
)
PANEL = (
    '<ac:structured-macro ac:name="warning"><ac:rich-text-body><p>Never on a Friday.</p>'
    "</ac:rich-text-body></ac:structured-macro>"
)


def site() -> Site:
    """Three pages and a blog post, at a moment that stands still: the same in every run."""
    made = Site(clock=Clock(datetime(2026, 1, 31, 8, 15, tzinfo=UTC), frozen=True))
    made.add_space("OPS", "Operations")
    home = made.add("OPS", "Home", "<h1>Operations</h1><p>Who runs what.</p>" + PROSE)
    made.add("OPS", "Restarts", f"<p>By service:</p>{TABLE}{PANEL}", parent=home.id)
    made.add(
        "OPS",
        "Ausfälle",
        "<h2>First</h2><p>Look at the queue <ac:emoticon ac:name='tick'/>.</p><h2>Then</h2>"
        "<ul><li>Call the team</li><li>Write it down<ul><li>here</li></ul></li></ul>",
        parent=home.id,
        labels=["runbook"],
    )
    made.add("OPS", "News", "<p>The certificate was renewed.</p>", type="blogpost")
    return made


def unpack(commit: str, folder: Path) -> None:
    """Put the state that a commit left into a folder, as if it had been made there."""
    with zipfile.ZipFile(HERE / f"{commit}.zip") as archive:
        archive.extractall(folder)
    replace_place(folder, FOLDER, str((folder / "store").resolve()))


def replace_place(folder: Path, old: str, new: str) -> None:
    """Say in the manifest that the store lies elsewhere. Revision 1 did not record it."""
    with closing(sqlite3.connect(folder / "manifest.db")) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(cs_generation)")]
        if "place" in columns:
            database.execute("UPDATE cs_generation SET place = ? WHERE place = ?", (new, old))
            database.commit()
            database.execute("VACUUM")
