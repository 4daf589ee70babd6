"""Invariant 3: nothing is removed on a guess."""

from __future__ import annotations

from scripts.sabotage.sabotage import SOURCE, Sabotage

COMMENTS = ("tests/mirror/test_comments.py", "tests/mirror/test_comments_told.py")

EVIDENCE_BREAKS: tuple[Sabotage, ...] = (
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
        "                left += found.remove\n",
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
        "        require_canary(source, listing, scope, hidden, witnesses)\n",
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
        "an anonymous visitor is taken for the credential",
        "3",
        "mirror/evidence.py",
        "    if source.is_anonymous():\n",
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
        "a thread that the index leaves out is removed unasked",
        "3",
        "mirror/children.py",
        '("stays", "leaves", "doubt")[',
        '("stays", "leaves", "leaves")[',
        COMMENTS,
    ),
    Sabotage(
        "a thread of which the index shows less than is recorded is believed",
        "3",
        "mirror/children.py",
        "        or (now.number > before.number and now.created_at >= before.created_at)\n",
        "        or True\n",
        COMMENTS,
    ),
    Sabotage(
        "the canary is not asked before a thread is taken for gone",
        "3",
        "mirror/children.py",
        "                evidence.require_canary(self._source, plan.listing, self._scope, gone)\n",
        "                pass\n",
        COMMENTS,
    ),
    Sabotage(
        "a page that leaves does not take its threads along",
        "1",
        "mirror/children.py",
        "            elif row.parent_id in leaving:\n",
        "            elif False:\n",
        COMMENTS,
    ),
    Sabotage(
        "fewer comments than before are no change of scope",
        "3",
        "mirror/scope_change.py",
        '        removes += [f"{each}s{_said(self._counts.types[each])}" for each in less]\n',
        "        pass\n",
        COMMENTS,
    ),
)
