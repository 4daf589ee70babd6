"""Tokenizers for the chunker's tests: the one that ships, and a small one of the kind that
embedding models have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from confluence_mirror.chunking import Tokenizer, load_tokenizer


@pytest.fixture(scope="session")
def cl100k() -> Tokenizer:
    return load_tokenizer("cl100k_base")


@pytest.fixture(scope="session")
def pieces_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``tokenizer.json`` that counts each letter, with BERT's special tokens and, as the real one
    has them, a truncation and a padding that would spoil every count."""
    pytest.importorskip("tokenizers", reason="the chroma extra is not installed")
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
    for letter in map(chr, range(33, 127)):
        vocabulary[letter] = len(vocabulary)
        vocabulary["##" + letter] = len(vocabulary)
    special = {
        name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]}
        for name in ("[CLS]", "[SEP]")
    }
    single = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    content = {
        "version": "1.0",
        "truncation": {
            "max_length": 8,
            "strategy": "LongestFirst",
            "stride": 0,
            "direction": "Right",
        },
        "padding": {
            "strategy": {"Fixed": 8},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": single,
            "special_tokens": special,
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100000,
            "vocab": vocabulary,
        },
    }
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(json.dumps(content))
    return path
