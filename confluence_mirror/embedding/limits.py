"""How much of a text known embedding models read, in their own tokens, special tokens included."""

from __future__ import annotations

from confluence_mirror.embedding.names import look_up

# Source of each line, unless it says otherwise: max_seq_length in the model's
# sentence_bert_config.json on its model card (what sentence-transformers cuts at), else the card's
# own statement of its longest input.
_LIMITS = {
    "all-minilm-l6-v2": 256,
    "all-minilm-l12-v2": 128,
    "all-minilm": 256,  # Ollama's name for all-MiniLM-L6-v2, which it runs with the same limit
    "all-mpnet-base-v2": 384,
    "all-distilroberta-v1": 512,
    "multi-qa-minilm-l6-cos-v1": 512,
    "multi-qa-mpnet-base-dot-v1": 512,
    "paraphrase-multilingual-minilm-l12-v2": 128,
    "paraphrase-multilingual-mpnet-base-v2": 128,
    # Ollama's name: it runs the model with 2,048 unless num_ctx is raised
    "nomic-embed-text": 2048,
    "nomic-embed-text-v1": 8192,
    "nomic-embed-text-v1.5": 8192,
    "nomic-embed-text-v2-moe": 512,
    "bge-small-en-v1.5": 512,
    "bge-base-en-v1.5": 512,
    "bge-large-en-v1.5": 512,
    "bge-large-zh-v1.5": 512,
    "bge-m3": 8192,
    "e5-small-v2": 512,
    "e5-base-v2": 512,
    "e5-large-v2": 512,
    "multilingual-e5-small": 512,
    "multilingual-e5-base": 512,
    "multilingual-e5-large": 512,
    "multilingual-e5-large-instruct": 512,
    "e5-mistral-7b-instruct": 4096,
    "gte-small": 512,
    "gte-base": 512,
    "gte-large": 512,
    "gte-base-en-v1.5": 8192,
    "gte-large-en-v1.5": 8192,
    "gte-multilingual-base": 8192,
    "gte-modernbert-base": 8192,
    "mxbai-embed-large": 512,
    "mxbai-embed-large-v1": 512,
    "snowflake-arctic-embed-s": 512,
    "snowflake-arctic-embed-m": 512,
    "snowflake-arctic-embed-l": 512,
    "snowflake-arctic-embed-m-v2.0": 8192,
    "snowflake-arctic-embed-l-v2.0": 8192,
    "granite-embedding-30m-english": 512,
    "granite-embedding-125m-english": 512,
    "granite-embedding-107m-multilingual": 512,
    "granite-embedding-278m-multilingual": 512,
    "granite-embedding-english-r2": 8192,
    "jina-embeddings-v2-small-en": 8192,
    "jina-embeddings-v2-base-en": 8192,
    "jina-embeddings-v2-base-de": 8192,
    "jina-embeddings-v3": 8192,
    "embeddinggemma-300m": 2048,
    "embeddinggemma": 2048,
    "qwen3-embedding-0.6b": 32768,
    "qwen3-embedding-4b": 32768,
    "qwen3-embedding-8b": 32768,
    # OpenAI, guide "Embeddings": max input 8192 for all three.
    "text-embedding-ada-002": 8192,
    "text-embedding-3-small": 8192,
    "text-embedding-3-large": 8192,
    # Cohere, page "Embed": a context of 512 tokens for the v3 models.
    "embed-english-v3.0": 512,
    "embed-multilingual-v3.0": 512,
}


def model_limit(model_id: str) -> int | None:
    """Tokens of a text that this model reads; None for an unknown model."""
    return look_up(_LIMITS, model_id)


def safe_tokens(limit: int) -> int:
    """Tokens by cl100k_base that a model of this limit reads for certain: word pieces are up to 1.3
    times as many."""
    return limit * 3 // 4
