"""Counting tokens, offline: tiktoken's vocabularies and Hugging Face ``tokenizer.json`` files.

``cl100k_base`` ships with the package. Any other vocabulary must already be on the machine: nothing
here downloads, because a job in a closed cluster would hang in the attempt.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import tempfile
from binascii import a2b_base64
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from confluence_mirror.errors import WrongSettings, extra_hint

if TYPE_CHECKING:
    import tiktoken

VENDORED = "cl100k_base"
HF_PREFIX = "hf:"
_BLANK_LINE = "\n\n"
_MOST_AT_ONCE = 50_000
"""Characters that tiktoken is given at once: its regex overflows its stack, and panics, on a
million blanks."""

# The pattern and the special tokens of cl100k_base, and the SHA-256 of its vocabulary, are facts of
# the encoding: tiktoken 0.14, tiktoken_ext/openai_public.py.
_CL100K_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
_CL100K_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
_CL100K_SPECIAL = {
    "<|endoftext|>": 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|endofprompt|>": 100276,
}

# The files that tiktoken looks for in its cache folder (SHA-1 of the address it would download
# from), with the SHA-256 that it pins: an absent or a broken one would make it download.
_O200K = (
    "fb374d419588a4632f3f557e76b4b70aebbca790",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
)
_R50K = (
    "0ea1e91bbb3a60f729a8dc8f777fd2fc07cd8df4",
    "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
)
_P50K = (
    "ec7223a39ce59f226a68acc30dc1af2788490e15",
    "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
)
_CACHED = {
    "o200k_base": _O200K,
    "o200k_harmony": _O200K,
    "r50k_base": _R50K,
    "p50k_base": _P50K,
    "p50k_edit": _P50K,
}


class Tokenizer(Protocol):
    """Counts tokens of plain text: no special tokens are added, and text that looks like one is
    text."""

    @property
    def name(self) -> str:
        """What the count depends on, for the fingerprint: an encoding's name, or ``hf:`` and a
        digest of the file."""

    def count_tokens(self, text: str) -> int:
        """Number of tokens of ``text``; 0 for the empty text."""

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, in order."""


class TiktokenTokenizer:
    """A tiktoken encoding, which is loaded when the first token is counted: most nights count none.
    Another process is given it loaded."""

    def __init__(self, name: str, load: Callable[[], tiktoken.Encoding]) -> None:
        self.name = name
        self._load: Callable[[], tiktoken.Encoding] | None = load

    @cached_property
    def _encode(self) -> Callable[[str], list[int]]:
        assert self._load is not None
        return self._load().encode_ordinary

    def __getstate__(self) -> dict[str, object]:
        return {"name": self.name, "_load": None, "_encode": self._encode}

    def count_tokens(self, text: str) -> int:
        """See ``Tokenizer``. A longer text than any chunk may come out a token too long where it is
        cut."""
        if len(text) > _MOST_AT_ONCE:
            return sum(len(self._encode(part)) for part in _split_long_text(text))
        return len(self._encode(text))

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """See ``Tokenizer``."""
        encode = self._encode
        return [
            len(encode(text)) if len(text) <= _MOST_AT_ONCE else self.count_tokens(text)
            for text in texts
        ]


def _split_long_text(text: str) -> Iterator[str]:
    """A very long text in parts, cut before a space where there is one."""
    start = 0
    while len(text) - start > _MOST_AT_ONCE:
        space = text.rfind(" ", start + 1, start + _MOST_AT_ONCE)
        end = space if space > 0 else start + _MOST_AT_ONCE
        yield text[start:end]
        start = end
    yield text[start:]


class HuggingFaceTokenizer:
    """A ``tokenizer.json``, as embedding models ship it.

    The truncation and padding that such a file may ask for (all-MiniLM-L6-v2's says 128) are
    switched off: both would make every count wrong. ``specials`` is the number of tokens that the
    model adds around each text.
    """

    def __init__(self, path: Path) -> None:
        try:
            library_class = import_module("tokenizers").Tokenizer
        except ImportError:
            raise WrongSettings(
                "The tokenizer of an embedding model needs the package tokenizers, which is not"
                " installed.",
                hint=extra_hint("chroma"),
            ) from None
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WrongSettings(
                f"The tokenizer file {path} cannot be read: {error.strerror}.",
                hint="TOKENIZER=hf:… names a model's tokenizer.json.",
            ) from None
        try:
            library: Any = library_class.from_str(data.decode())
        except (
            Exception
        ) as error:  # the library raises bare Exception for a file that it cannot read
            raise WrongSettings(
                f"{path} is not a tokenizer.json that the package tokenizers can read"
                f" ({str(error)[:120]}).",
                hint="TOKENIZER=hf:… names a model's tokenizer.json.",
            ) from None
        library.no_truncation()
        library.no_padding()
        self._library = library
        self.name = HF_PREFIX + hashlib.sha256(data).hexdigest()[:16]
        self.specials = int(library.num_special_tokens_to_add(False))

    def count_tokens(self, text: str) -> int:
        """See ``Tokenizer``."""
        return len(self._library.encode(text, add_special_tokens=False).ids)

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """See ``Tokenizer``."""
        return [
            len(found.ids)
            for found in self._library.encode_batch_fast(list(texts), add_special_tokens=False)
        ]


class LazyTokenizer:
    """A ``tokenizer.json`` whose digest is known beforehand: it is read when the first token is
    counted.

    So a fingerprint needs no file. ``path`` says where it is, and raises where it is not. Another
    process is given it opened.
    """

    def __init__(self, path: Callable[[], Path], sha256: str) -> None:
        self.name = HF_PREFIX + sha256[:16]
        self._path: Callable[[], Path] | None = path
        self._opened: HuggingFaceTokenizer | None = None

    def count_tokens(self, text: str) -> int:
        """See ``Tokenizer``."""
        return self._opened_tokenizer().count_tokens(text)

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """See ``Tokenizer``."""
        return self._opened_tokenizer().count_each(texts)

    def _opened_tokenizer(self) -> HuggingFaceTokenizer:
        if self._opened is None:
            assert self._path is not None
            self._opened = HuggingFaceTokenizer(self._path())
        return self._opened

    def __getstate__(self) -> dict[str, object]:
        return {"name": self.name, "_path": None, "_opened": self._opened_tokenizer()}


class _CachingTokenizer:
    """cl100k_base with a cache of each paragraph's count.

    The tokens of a text are those of its paragraphs, each with the blank lines after it: no piece
    of the pattern goes on from a line feed to what is not white space, and none looks back. (Not so
    in other encodings: o200k_base takes a slash along, r50k_base cuts white space by what follows
    it.)
    """

    def __init__(self, exact: Tokenizer) -> None:
        self.name = exact.name
        self._exact = exact.count_tokens
        self._known: dict[str, int] = {}

    def count_tokens(self, text: str) -> int:
        """See ``Tokenizer``."""
        if text in self._known:
            return self._known[text]
        tokens = 0
        paragraph, *others = text.split(_BLANK_LINE)
        for part in others:
            paragraph += _BLANK_LINE
            if not part or part[0].isspace():
                paragraph += part
            else:
                tokens += self._count_paragraph(paragraph)
                paragraph = part
        return tokens + self._count_paragraph(paragraph)

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """See ``Tokenizer``."""
        return [self.count_tokens(text) for text in texts]

    def _count_paragraph(self, text: str) -> int:
        tokens = self._known.get(text)
        if tokens is None:
            tokens = self._known[text] = self._exact(text)
        return tokens


def with_paragraph_cache(tokenizer: Tokenizer) -> Tokenizer:
    """The same counts, for one document, whose paragraphs are counted again and again: as blocks,
    then in chunks.

    Only where the tokens of paragraphs are known to add up; any other tokenizer is given back as it
    is.
    """
    return _CachingTokenizer(tokenizer) if tokenizer.name == VENDORED else tokenizer


def first_tokens(text: str, most: int, tokenizer: Tokenizer) -> str:
    """As much of a text's beginning as has at most so many tokens; by bisection, a character or two
    less at worst."""
    low, high = 0, min(len(text), 64 * most)
    while low < high:
        middle = (low + high + 1) // 2
        if tokenizer.count_tokens(text[:middle]) <= most:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def load_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of this name: ``cl100k_base``, another tiktoken encoding, or
    ``hf:/path/to/tokenizer.json``.

    Raises ``WrongSettings`` for an unknown name, and for a vocabulary that is not on this machine.
    """
    if name.startswith(HF_PREFIX):
        return HuggingFaceTokenizer(Path(name[len(HF_PREFIX) :]).expanduser())
    if name == VENDORED:
        return TiktokenTokenizer(VENDORED, cl100k_base)
    if name not in _CACHED:
        names = ", ".join([VENDORED, *_CACHED])
        raise WrongSettings(
            f"TOKENIZER={name} is not a known tokenizer.",
            hint=f"Known are {names}, and hf:/path/to/tokenizer.json.",
        )
    _require_cached(name)
    return TiktokenTokenizer(name, partial(_load_encoding, name))


def _load_encoding(name: str) -> tiktoken.Encoding:
    import tiktoken

    return tiktoken.get_encoding(name)


@lru_cache(maxsize=1)
def cl100k_base() -> tiktoken.Encoding:
    """tiktoken's encoding, from the vocabulary in this package."""
    packed = (
        resources.files("confluence_mirror")
        .joinpath("data", "cl100k_base.tiktoken.xz")
        .read_bytes()
    )
    try:
        data = lzma.decompress(packed)
    except lzma.LZMAError:
        data = b""
    if hashlib.sha256(data).hexdigest() != _CL100K_SHA256:
        raise WrongSettings(
            "The vocabulary cl100k_base inside the installed package is damaged, so tokens cannot"
            " be counted.",
            hint="Install confluence-mirror again.",
        )
    import tiktoken

    ranks = {}
    for line in data.splitlines():
        token, _, rank = line.partition(b" ")
        ranks[a2b_base64(token)] = int(rank)
    return tiktoken.Encoding(
        VENDORED, pat_str=_CL100K_PATTERN, mergeable_ranks=ranks, special_tokens=_CL100K_SPECIAL
    )


def _require_cached(name: str) -> None:
    """Refuse a vocabulary that tiktoken would have to download: it must lie, whole, where tiktoken
    looks for it."""
    file, sha256 = _CACHED[name]
    # As in tiktoken/load.py: the first variable that is set decides, even where it is empty (then:
    # no cache).
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    where = Path(folder if folder is not None else Path(tempfile.gettempdir(), "data-gym-cache"))
    path = where / file
    try:
        whole = folder != "" and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        whole = False
    if not whole:
        raise WrongSettings(
            f"TOKENIZER={name}: its vocabulary is not on this machine, and this program never"
            " downloads one.",
            hint=(
                f"Put tiktoken's file {file} into a folder and set TIKTOKEN_CACHE_DIR to it, or use"
                f" {VENDORED}."
            ),
        )
