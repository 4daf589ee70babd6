"""What is broken on purpose: each is one exact replacement in one file of the package.

A pattern stands exactly once in its file (a test checks it), so a program that has moved on is
noticed at once instead of testing nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIRROR = (
    "tests/crash/test_order.py",
    "tests/mirror/test_evidence.py",
    "tests/mirror/test_nights.py",
    "tests/traps/test_manners.py",
    "tests/traps/test_failures.py",
    "tests/mirror/test_machine.py",
    "tests/crash/test_kill_points.py",
)
"""Quick ones first: the first test that fails is the one that is named."""
FLOW = ("tests/traps/test_failures.py", "tests/job", "tests/mirror")
SOURCE = ("tests/confluence", "tests/traps/test_manners.py")


@dataclass(frozen=True)
class Sabotage:
    """What is broken, and where."""

    name: str
    promise: str
    """Place of the promise that it breaks in the table of docs/contributing/reliability.md."""
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = MIRROR

    def applied(self, package: Path) -> str:
        """The broken text of its file, or ValueError where what it replaces is not there once."""
        text = (package / self.file).read_text(encoding="utf-8")
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"its text stands {found} times in {self.file}")
        broken = text.replace(self.old, self.new)
        if "datetime" in self.new:
            first = "\nfrom collections.abc"
            times = "\nfrom datetime import UTC, datetime, timedelta"
            broken = broken.replace(first, times + first, 1)
        return broken


SABOTAGES: tuple[Sabotage, ...] = (
    Sabotage(
        "the intent is not written",
        "2",
        "mirror/apply.py",
        "            self._record.intend([diff.intent() for diff in diffs])\n",
        "",
    ),
    Sabotage(
        "the intent leaves the row its version",
        "2",
        "manifest/rows.py",
        '(generation, id) DO UPDATE SET"\n            " version_number = NULL, version_at = NULL"',
        '(generation, id) DO NOTHING"',
    ),
    Sabotage(
        "the intent lets leaving chunks go on vouching for the store",
        "2",
        "manifest/rows.py",
        "for i in intents for chunk in i.leaving]",
        "for i in intents for chunk in i.leaving[:0]]",
    ),
    Sabotage(
        "stale chunks are removed before the new ones are sent",
        "2",
        "mirror/apply.py",
        "            last = self._replace_pages(diffs) if atomic else self._send_chunks(diffs)\n",
        "            if self._to.capabilities.deletes:\n"
        "                gone = [row.stored() for diff in diffs for row in diff.stale]\n"
        "                self._to.store.remove(self._to.collection, gone)\n"
        "            last = self._replace_pages(diffs) if atomic else self._send_chunks(diffs)\n",
    ),
    Sabotage(
        "the row is committed before stale chunks are removed",
        "2",
        "mirror/apply.py",
        "            if gone and self._to.capabilities.deletes:\n",
        "            self._commit_pages(good, gone, last)\n            if gone and self._to.capabilities.deletes:\n",
    ),
    Sabotage(
        "a page that leaves is forgotten before its chunks are removed",
        "2",
        "mirror/apply.py",
        "        self._record.intend_removal(ids)\n",
        "        self._record.commit_removal(ids)\n",
    ),
    Sabotage(
        "chunks that may have been sent are not removed with their page",
        "2",
        "mirror/apply.py",
        "        chunks = [row for rows in stored.values() for row in rows]\n",
        "        chunks = [row for rows in stored.values() for row in rows if row.state == 'there']\n",
    ),
    Sabotage(
        "nobody looks what became of writes left open",
        "2",
        "mirror/ownership.py",
        "        doubt = record.in_doubt()\n",
        "        doubt = record.in_doubt()[:0]\n",
    ),
    Sabotage(
        "a signal cuts a batch in two",
        "2",
        "mirror/stop.py",
        "        if self._request.made.is_set() and (self._request.insists or not self._in_batch):\n",
        "        if self._request.made.is_set():\n",
        ("tests/mirror/test_stop.py", "tests/job/test_signals.py", "tests/crash"),
    ),
    Sabotage(
        "an incomplete listing is taken for complete",
        "3",
        "mirror/discovery.py",
        "            return broken[0] if broken else None\n",
        "            return None\n",
    ),
    Sabotage(
        "empty pages without end are taken for the end",
        "3",
        "confluence/paging.py",
        "        walk.check_progress(results, cursor)\n",
        "        try:\n            walk.check_progress(results, cursor)\n"
        "        except IncompleteEvidence:\n            return\n",
        SOURCE,
    ),
    Sabotage(
        "a page shorter than the limit is taken for the end",
        "3",
        "confluence/paging.py",
        "        if cursor is None:\n",
        "        if cursor is None or len(results) < int(str(params.get('limit', 0))):\n",
        SOURCE,
    ),
    Sabotage(
        "what a listing does not show is removed unasked",
        "3",
        "mirror/planner.py",
        "                left += verdict.remove\n",
        "                left += [row.id for row in unseen]\n",
    ),
    Sabotage(
        "a 404 is counted as a deletion",
        "3",
        "confluence/pages.py",
        "            except (PermissionRefused, SourceUnavailable) as failure:\n                raise",
        "            except PermissionRefused:\n                continue\n"
        "            except SourceUnavailable as failure:\n                raise",
    ),
    Sabotage(
        "the canary is not asked",
        "3",
        "mirror/evidence.py",
        "        _see_canary(source, listing, scope, hidden, witnesses)\n",
        "",
    ),
    Sabotage(
        "a listing that leaves pages out is taken for complete",
        "3",
        "mirror/planner.py",
        "        if races and plan.reconcile:\n",
        "        if False:\n",
    ),
    Sabotage(
        "a page that never comes with its body is no failure",
        "6",
        "mirror/apply.py",
        "                if now is None or ",
        "                if now is None and ",
        ("tests/mirror/test_odd_rows.py",),
    ),
    Sabotage(
        "an anonymous visitor is taken for the credential",
        "3",
        "mirror/evidence.py",
        "    if source.anonymous():\n",
        "    if False:\n",
        ("tests/mirror/test_names_of_scopes.py",),
    ),
    Sabotage(
        "the guard lets everything pass",
        "3",
        "mirror/evidence.py",
        '    if not removals or allowed == "true"',
        '    if True or allowed == "true"',
    ),
    Sabotage(
        "the guard forgets small scopes",
        "3",
        "mirror/evidence.py",
        "    empties = recorded >= SMALL_SCOPE and left == 0\n",
        "    empties = False\n",
    ),
    Sabotage(
        "archived pages are mirrored",
        "1",
        "confluence/pages.py",
        '"sort": "id", "status": "current"}',
        '"sort": "id"}',
        ("tests/confluence",),
    ),
    Sabotage(
        "moves and labels are not compared",
        "1",
        "mirror/compare.py",
        "        if self._is_moved(ref, row, labels) or self._has_learned(ref, row):\n",
        "        if False:\n",
    ),
    Sabotage(
        "a store that lost its data is not noticed",
        "1",
        "mirror/ownership.py",
        "        lost = not self._store.holds_data(collection) if written else self._is_dead(collection)\n",
        "        lost = False\n",
        ("tests/mirror/test_nights.py", "tests/mirror/test_repair.py", "tests/job"),
    ),
    Sabotage(
        "the ids in the store are not compared",
        "1",
        "mirror/ownership.py",
        "        if self._spec.whole(generation):\n            return True\n",
        "",
        ("tests/mirror/test_comparison.py",),
    ),
    Sabotage(
        "a text in the store is not compared with its id",
        "1",
        "mirror/verify.py",
        "        if row.text is not None and not _is_own_text(row, row.text):\n            return False\n",
        "",
        ("tests/mirror/test_comparison.py",),
    ),
    Sabotage(
        "rows that do not show their scope are removed unasked",
        "8",
        "mirror/planner.py",
        "        if unplaced and not self._settings.scope_meant:\n",
        "        if False:\n",
        ("tests/mirror/test_whose.py",),
    ),
    Sabotage(
        "a rotation does not compare the new collection with the old",
        "3",
        "mirror/rotate.py",
        "        if old is None:\n            return\n",
        "        return\n",
        ("tests/traps/test_rotation_evidence.py", "tests/job/test_rotation.py", "tests/mirror"),
    ),
    Sabotage(
        "a rotation moves the pointer though pages failed",
        "3",
        "mirror/rotate.py",
        "        if blocking:\n",
        "        if False:\n",
        ("tests/traps/test_rotation_evidence.py", "tests/job/test_rotation.py", "tests/mirror"),
    ),
    Sabotage(
        "a collection is dropped though a mirror is in it",
        "3",
        "mirror/recorded.py",
        "            if generation.id not in leaving:\n",
        "            if False:\n",
        ("tests/job/test_rotation_servers.py",),
    ),
    Sabotage(
        "a collection that was there counts as new",
        "3",
        "stores/vector_api/store.py",
        "        if made.id in before:\n",
        "        if False:\n",
        ("tests/job/test_rotation_servers.py",),
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
        "a store's failure is taken for what it cannot do",
        "8",
        "stores/patience.py",
        "    return answer.status >= 500 and answer.status != NOT_IMPLEMENTED\n",
        "    return False\n",
        ("tests/stores/test_vector_api_learning.py", "tests/stores/test_discover.py"),
    ),
    Sabotage(
        "what one trial does not show is denied",
        "8",
        "stores/vector_api/learn.py",
        "            if can is not None and can in (before, ALL):\n",
        "            if can is not None:\n",
        ("tests/stores/test_vector_api_learning.py",),
    ),
    Sabotage(
        "a changed scope is accepted",
        "8",
        "mirror/scope.py",
        '    if not (same_filters and only_adds and not before["folder"]) and not change_meant:\n',
        "    if False:\n",
        ("tests/job/test_two_jobs.py", "tests/mirror"),
    ),
    Sabotage(
        "two runs of one mirror are let in",
        "8",
        "manifest/locks.py",
        "    while not take():\n",
        "    while not take() and False:\n",
        ("tests/manifest", "tests/job/test_two_jobs.py"),
    ),
    Sabotage(
        "a changed setting re-plans nothing",
        "4",
        "mirror/compare.py",
        "        if row.version != ref.version or row.fingerprint != self._fingerprint:\n",
        "        if row.version != ref.version:\n",
    ),
    Sabotage(
        "a chunk's id depends on where it stands",
        "4",
        "chunking/chunker.py",
        "chunk_id(site_id, page_id, found.text)",
        "chunk_id(site_id, page_id, found.text, index)",
        ("tests/chunking", "tests/mirror/test_nights.py"),
    ),
    Sabotage(
        "a window in CQL is an absolute time",
        "5",
        "confluence/cql.py",
        "f'lastmodified >= now(\"-{since_hours:d}h\")'",
        "f'lastmodified >= \"{datetime.now(UTC) - timedelta(hours=since_hours):%Y-%m-%d %H:%M}\"'",
        SOURCE,
    ),
    Sabotage(
        "a window lies in the future",
        "5",
        "confluence/cql.py",
        "f'lastmodified >= now(\"-{since_hours:d}h\")'",
        "f'lastmodified >= now(\"{since_hours:d}h\")'",
        SOURCE,
    ),
    Sabotage(
        "a window does not reach back further than the last run",
        "5",
        "mirror/window.py",
        "    return max(settings.since_hours, since_last + OVERLAP_HOURS)\n",
        "    return max(1, since_last - 1)\n",
    ),
    Sabotage(
        "versions count as changed only when they grow",
        "5",
        "mirror/compare.py",
        "        if row.version != ref.version or row",
        "        if row.version.number < ref.version.number or row",
    ),
    Sabotage(
        "the version of the listing is recorded, not that of the body",
        "5",
        "confluence/records.py",
        "    return Body(read, value, body_format)\n",
        "    return Body(ref, value, body_format)\n",
        SOURCE,
    ),
    Sabotage(
        "the watermark moves before anything is applied",
        "5",
        "mirror/run.py",
        "        try:\n            self._note(plan)\n",
        "        try:\n            mirror.record.finish(plan.started, reconciled=True)\n"
        "            self._note(plan)\n",
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
        "mirror/apply.py",
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
        "    if len(body.value) > MAX_BODY_CHARS:\n",
        "    if False:\n",
        FLOW,
    ),
    Sabotage(
        "the Authorization header is logged",
        "7",
        "confluence/gateway.py",
        "        reply = self._send_request(route, params, node_id, body)\n",
        "        reply = self._send_request(route, params, node_id, body)\n"
        '        _log.debug("%s", vars(self._credential))\n',
        SOURCE,
    ),
    Sabotage(
        "requests go where _links.base says",
        "7",
        "confluence/gateway.py",
        "        reply = self._send_request(route, params, node_id, body)\n",
        '        self._session.base_url = self._site_url.removesuffix("/wiki") or self._session.base_url\n'
        "        reply = self._send_request(route, params, node_id, body)\n",
        SOURCE,
    ),
    Sabotage(
        "redirects are followed",
        "7",
        "net/session.py",
        "    def get_redirect_target(self, _resp: requests.Response) -> None:\n",
        "    def redirect_target(self, _resp: requests.Response) -> None:\n",
        SOURCE,
    ),
    Sabotage(
        "certificates are not verified",
        "7",
        "net/session.py",
        "        self._verify: str | bool = ca_bundle or True\n",
        "        self._verify: str | bool = ca_bundle or False\n",
        SOURCE,
    ),
    Sabotage(
        "quotes in CQL are not escaped",
        "7",
        "confluence/cql.py",
        '    escaped = value.replace("\\\\", "\\\\\\\\").replace(\'"\', \'\\\\"\')\n',
        "    escaped = value\n",
        SOURCE,
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
