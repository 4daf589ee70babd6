"""Invariant 2: the order of writes, and what a run that died has left behind."""

from __future__ import annotations

from scripts.sabotage.sabotage import Sabotage

_DOCUMENTS = ("tests/mirror/test_document_tree.py", "tests/mirror/test_document_machine.py")
_INDEX = ("tests/mirror/test_text_index.py", "tests/manifest/test_texts.py")

CRASH_BREAKS: tuple[Sabotage, ...] = (
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
        '(generation, id) DO UPDATE SET"\n            " version_number = NULL, version_at = NULL,'
        ' fingerprint = excluded.fingerprint"',
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
        "                self._to.store.remove_chunks(self._to.collection, gone)\n"
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
        "mirror/removal.py",
        "        self._record.intend_removal(ids)\n",
        "        self._record.commit_removal(ids)\n",
    ),
    Sabotage(
        "chunks that may have been sent are not removed with their page",
        "2",
        "mirror/removal.py",
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
        "the text index is not written with the page",
        "2",
        "mirror/apply.py",
        "texts = self._texts_of(diffs) if self._recipe.text_index else None",
        "texts = None",
        _INDEX,
    ),
    Sabotage(
        "a page that leaves stays in the text index",
        "2",
        "manifest/rows.py",
        "        self.texts.remove_pages(pages)\n",
        "",
        _INDEX,
    ),
    Sabotage(
        "the words of a chunk that leaves stay in the text index",
        "2",
        "manifest/texts.py",
        "                self._words.remove([(int(number), str(body)) for number, body in rows])\n",
        "",
        _INDEX,
    ),
    Sabotage(
        "chunks of another embedding form count as written",
        "2",
        "mirror/page_diff.py",
        'if row.state == "there" and not anew}',
        'if row.state == "there"}',
        ("tests/mirror/test_embedding_form.py",),
    ),
    Sabotage(
        "a document's path is not noted before it is written",
        "2",
        "mirror/document_tree.py",
        '        self.record.put([replace(row, hash="") for row in sent])\n',
        "",
        _DOCUMENTS,
    ),
    Sabotage(
        "a document that moved stays where it was, too",
        "2",
        "mirror/document_tree.py",
        "        gone = _former_paths(done, known)\n",
        "        gone: list[str] = []\n",
        _DOCUMENTS,
    ),
    Sabotage(
        "a document is written over a file of others",
        "2",
        "mirror/document_tree.py",
        "if not self._is_ours(found, at[path])}",
        "if False}",
        _DOCUMENTS,
    ),
    Sabotage(
        "what is lost in the tree is not looked for",
        "1",
        "mirror/tree_comparison.py",
        "                found += [row for row in settled if row.path in absent]\n",
        "",
        _DOCUMENTS,
    ),
)
