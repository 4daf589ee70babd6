"""What known embedding models want in front of a question, and in front of a passage."""

from __future__ import annotations

from typing import NamedTuple

from confluence_mirror.embedding.names import look_up


class Prefixes(NamedTuple):
    """As they stand before the text, a blank at the end included; empty: none."""

    query: str = ""
    passage: str = ""


# Source of each line: the model's card on Hugging Face, section "Usage" (or its prompts in
# config_sentence_transformers.json, to which the card refers). Ollama's names are beside them: its
# templates add nothing. Models that are not here take questions and passages as they are (MiniLM,
# mpnet, gte, bge-m3, jina v2 and v3, granite, OpenAI's …), or are told otherwise than by a text
# which of both it is (Cohere's input_type).
_INSTRUCTED = "Instruct: Given a web search query, retrieve relevant passages that answer the query"
_E5 = Prefixes("query: ", "passage: ")
_E5_INSTRUCT = Prefixes(f"{_INSTRUCTED}\nQuery: ")
_QWEN3 = Prefixes(f"{_INSTRUCTED}\nQuery:")
_SENTENCE = Prefixes("Represent this sentence for searching relevant passages: ")
_BGE_ZH = Prefixes("为这个句子生成表示以用于检索相关文章：")
_NOMIC = Prefixes("search_query: ", "search_document: ")
_ARCTIC_2 = Prefixes("query: ")
_GEMMA = Prefixes("task: search result | query: ", "title: none | text: ")

_PREFIXES = {
    "e5-small": _E5,
    "e5-base": _E5,
    "e5-large": _E5,
    "e5-small-v2": _E5,
    "e5-base-v2": _E5,
    "e5-large-v2": _E5,
    "multilingual-e5-small": _E5,
    "multilingual-e5-base": _E5,
    "multilingual-e5-large": _E5,
    "multilingual-e5-large-instruct": _E5_INSTRUCT,
    "e5-mistral-7b-instruct": _E5_INSTRUCT,
    "gte-qwen2-1.5b-instruct": _E5_INSTRUCT,
    "gte-qwen2-7b-instruct": _E5_INSTRUCT,
    "qwen3-embedding": _QWEN3,
    "qwen3-embedding-0.6b": _QWEN3,
    "qwen3-embedding-4b": _QWEN3,
    "qwen3-embedding-8b": _QWEN3,
    "bge-small-en": _SENTENCE,
    "bge-base-en": _SENTENCE,
    "bge-large-en": _SENTENCE,
    "bge-small-en-v1.5": _SENTENCE,
    "bge-base-en-v1.5": _SENTENCE,
    "bge-large-en-v1.5": _SENTENCE,
    "bge-large": _SENTENCE,  # Ollama's name for bge-large-en-v1.5
    "bge-small-zh": _BGE_ZH,
    "bge-base-zh": _BGE_ZH,
    "bge-large-zh": _BGE_ZH,
    "bge-small-zh-v1.5": _BGE_ZH,
    "bge-base-zh-v1.5": _BGE_ZH,
    "bge-large-zh-v1.5": _BGE_ZH,
    "nomic-embed-text": _NOMIC,
    "nomic-embed-text-v1": _NOMIC,
    "nomic-embed-text-v1.5": _NOMIC,
    "nomic-embed-text-v2-moe": _NOMIC,
    "mxbai-embed-large": _SENTENCE,
    "mxbai-embed-large-v1": _SENTENCE,
    "mxbai-embed-xsmall-v1": _SENTENCE,
    "snowflake-arctic-embed": _SENTENCE,
    "snowflake-arctic-embed-xs": _SENTENCE,
    "snowflake-arctic-embed-s": _SENTENCE,
    "snowflake-arctic-embed-m": _SENTENCE,
    "snowflake-arctic-embed-m-v1.5": _SENTENCE,
    "snowflake-arctic-embed-m-long": _SENTENCE,
    "snowflake-arctic-embed-l": _SENTENCE,
    "snowflake-arctic-embed2": _ARCTIC_2,
    "snowflake-arctic-embed-m-v2.0": _ARCTIC_2,
    "snowflake-arctic-embed-l-v2.0": _ARCTIC_2,
    "embeddinggemma": _GEMMA,
    "embeddinggemma-300m": _GEMMA,
}


def model_prefixes(model_id: str) -> Prefixes:
    """What this model wants in front of texts; nothing for an unknown one."""
    return look_up(_PREFIXES, model_id) or Prefixes()
