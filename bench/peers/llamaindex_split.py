"""LlamaIndex's ``SentenceSplitter``, which counts with cl100k_base as it comes.

Runs in an environment of its own (``llamaindex.txt``).
"""

from llama_index.core.node_parser import SentenceSplitter
from splitting import Splitter, serve


def splitters(tokens: int, overlap: int) -> dict[str, Splitter]:
    return {
        "LlamaIndex `SentenceSplitter`": SentenceSplitter(
            chunk_size=tokens, chunk_overlap=overlap
        ).split_text
    }


serve(splitters)
