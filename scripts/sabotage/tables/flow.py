"""Invariant 6: one page's failure is recorded, tried again and given up; the run goes on."""

from __future__ import annotations

from scripts.sabotage.sabotage import FLOW, SOURCE, Sabotage

FLOW_BREAKS: tuple[Sabotage, ...] = (
    Sabotage(
        "a page that never comes with its body is no failure",
        "6",
        "mirror/page_reading.py",
        "                if now is None or ",
        "                if now is None and ",
        ("tests/mirror/test_odd_rows.py",),
    ),
    Sabotage(
        "pages that were given up are left out of a new collection",
        "6",
        "mirror/rotate.py",
        "            carry_over(row, held[row.id], old, new)\n",
        "            pass\n",
        ("tests/job/test_rotation_servers.py",),
    ),
    Sabotage(
        "pending pages are forgotten between reconciles",
        "6",
        "manifest/rows.py",
        "(version_number IS NULL OR reason <> '' OR pending <> '' OR fingerprint <> ?)",
        "fingerprint <> ?",
        FLOW,
    ),
    Sabotage(
        "one page's failure ends the run",
        "6",
        "mirror/page_reading.py",
        "            if isinstance(body, PageFailed):\n",
        "            if isinstance(body, PageFailed):\n                raise body\n"
        "            if isinstance(body, PageFailed):\n",
        FLOW,
    ),
    Sabotage(
        "a page that failed counts as written",
        "6",
        "mirror/page_diff.py",
        "        attempts=before + int(counts),\n",
        "        version=ref.version,\n        fingerprint=fingerprint,\n",
        FLOW,
    ),
    Sabotage(
        "a page is never given up",
        "6",
        "manifest/records.py",
        "QUARANTINE_AFTER = 3\n",
        "QUARANTINE_AFTER = 10**9\n",
        FLOW,
    ),
    Sabotage(
        "a body of any size is converted",
        "6",
        "mirror/documents.py",
        "    if body.size > MAX_BODY_CHARS:\n",
        "    if False:\n",
        FLOW,
    ),
    Sabotage(
        "a removed route (410) is tried for ever",
        "6",
        "confluence/refusals.py",
        "    if status >= 500:\n",
        "    if status >= 500 or status == 410:\n",
        SOURCE,
    ),
)
