"""Text → index terms: one tokenizer for both databases, for documents and for questions.

A *segment* is a run of word characters that ``.``, ``-``, ``@``, ``+`` or ``#`` may join:
``ERR-4012``, ``10.2.0.7``, ``pg_hba.conf``. It is a term as a whole, and so is each of its parts
(``max_connections`` → ``max_connections``, ``max``, ``connections``), so that an identifier is
found whole and by its words. Scripts without spaces between words are cut into pairs of characters.
A term consists of word characters and those joints alone: no index's operators are in it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

TERMS_REVISION = 1
"""Raised with every change that could change a term: every index is then built again."""

LONGEST = 200
"""Characters of a term; what is longer (a key, an encoded file) is cut for documents and for
questions alike. Four bytes each are far below the 2 KB of a lexeme in PostgreSQL."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)
"""Thai, Lao, Burmese, Khmer, Chinese, Japanese; and Korean, whose words bear their particles."""
_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
_MARKS += "\u0900-\u0963\u0966-\u0dff"
"""Marks that belong to words but are no word characters for ``re``: accents, vowel signs."""
_JOINTS = r".\-@+#"
_WORD = rf"(?:(?![{_UNSPACED}])[\w{_MARKS}])"
_INSIDE = re.compile(rf"[\w{_MARKS}]")
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_SEPARATORS = re.compile(rf"[{_JOINTS}_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PLAIN = re.compile(r"[a-z]+\Z")
_ACCENTED = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")
_AROUND = "`\"'“”„‘’«»()[]{}<>"

_STOP_WORDS = """
a about after all also an and any are as at be because been before but by can could did do does for
from had has have how i if in into is it its may me my no not of on or our should so than that the
their them then there these they this to was we were what when where which who why will with would
you your s t
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""English words that a question has for its grammar."""


@cache
def _segments() -> re.Pattern[str]:
    """Compiled when it is needed: its large sets of characters take as long as an import."""
    return re.compile(rf"[{_UNSPACED}]+|{_WORD}+(?:[{_JOINTS}]+{_WORD}+)*[+#]{{0,2}}")


@cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]")


def index_terms(text: str) -> list[str]:
    """The terms of a document, in order, as often as they stand in it."""
    return [
        term
        for segment in _segments().findall(_cleaned(text))
        for term in (_characters(segment) if _is_unspaced(segment) else _terms_of(segment))
    ]


def question_terms(text: str) -> list[str]:
    """The terms of a question, each once. Stop words are left out unless there is nothing else."""
    found: dict[str, None] = {}
    for segment in _segments().findall(_cleaned(text)):
        terms = _pairs(segment) if _is_unspaced(segment) else _terms_of(segment)
        found.update(dict.fromkeys(terms))
    return [term for term in found if term not in STOP_WORDS] or list(found)


def identifier_terms(identifier: str) -> list[str]:
    """The terms that every text has which holds an identifier whole: its segments, not their
    parts."""
    found: dict[str, None] = {}
    for segment in _segments().findall(_cleaned(identifier)):
        whole = _pairs(segment) if _is_unspaced(segment) else _terms_of(segment)[:1]
        found.update(dict.fromkeys(whole))
    return list(found)


def identifier_of(question: str) -> str | None:
    """The identifier that a question consists of, as it was written; None where it is a sentence
    or a mere word.

    One run without white space that has a digit, a mark within it, a capital beyond its first
    letter, or a script without spaces.
    """
    run = question.strip().rstrip("?!,;:.。？！").strip(_AROUND)
    if not run or re.search(r"\s", run) or not _INSIDE.search(run):
        return None
    unlike_a_word = re.search(rf"[\d_{_UNSPACED}]|\W|(?<=.)[A-Z]", run)
    return run if unlike_a_word else None


def holds_whole(text: str, identifier: str) -> bool:
    """Whether a text has this identifier, in any case, and not as a part of a longer one:
    ``ERR-4012`` is in ``see ERR-4012.`` but neither in ``ERR-40121`` nor in ``ERR-4012-b``."""
    where, what = _folded(text), _folded(identifier)
    core = _segments().search(what)
    if core is None:
        return what in where
    first = core.start()
    last = max(found.end() for found in _segments().finditer(what))
    place = where.find(what)
    while place >= 0:
        if _begins_at(where, place + first) and _ends_at(where, place + last):
            return True
        place = where.find(what, place + 1)
    return False


def _characters(segment: str) -> list[str]:
    """Of a script without spaces: single characters too, for questions of one."""
    return [*segment, *_pairs(segment)] if len(segment) > 1 else [segment]


def _pairs(segment: str) -> list[str]:
    return [segment[place : place + 2] for place in range(max(1, len(segment) - 1))]


@lru_cache(maxsize=50_000)
def _terms_of(segment: str) -> tuple[str, ...]:
    """The segment itself where it has parts; its parts, and those of their parts that begin with a
    capital."""
    parts = _SEPARATORS.split(segment)
    terms = [segment.casefold()] if len(parts) > 1 else []
    for word in filter(None, parts):
        terms.append(_stem(word.casefold()))
        humps = _CAMEL.split(word)
        terms += [_stem(hump.casefold()) for hump in humps] if len(humps) > 1 else []
    return tuple(term[:LONGEST] for term in terms)


def _stem(word: str) -> str:
    """An English plural as its singular (Harman's S stemmer, *How effective is suffixing?*,
    1991)."""
    if len(word) < 4 or not _PLAIN.match(word) or not word.endswith("s"):
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith("es") and word[-3] not in "aeo":
        return word[:-1]
    return word if word[-2] in "us" else word[:-1]


def _is_unspaced(segment: str) -> bool:
    return _unspaced().match(segment) is not None


def _begins_at(text: str, place: int) -> bool:
    """Whether a segment could begin here: what stands before neither goes on nor is joined to
    it."""
    if _is_unspaced(text[place]):
        return True
    before = text[:place]
    if before and _is_word(before[-1]):
        return False
    joined = before.rstrip(".-@+#")
    return len(joined) == len(before) or not joined or not _is_word(joined[-1])


def _ends_at(text: str, place: int) -> bool:
    if _is_unspaced(text[place - 1]):
        return True
    after = text[place:]
    if after and _is_word(after[0]):
        return False
    joined = after.lstrip(".-@+#")
    return len(joined) == len(after) or not joined or not _is_word(joined[0])


def _is_word(character: str) -> bool:
    return _INSIDE.match(character) is not None and not _is_unspaced(character)


def _folded(text: str) -> str:
    return _cleaned(text).casefold()


def _cleaned(text: str) -> str:
    """Without Markdown's escapes; one form of each character, Latin letters without accents."""
    text = _ESCAPE.sub(r"\1", text)
    if text.isascii():
        return text
    whole = unicodedata.normalize("NFKC", _HALF.sub("\ufffd", text))
    return _ACCENTED.sub(lambda found: unicodedata.normalize("NFKD", found[0])[0], whole)
