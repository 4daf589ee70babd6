"""LangChain's ``RecursiveCharacterTextSplitter`` with tiktoken, as it comes and with its separators
for Markdown.

Runs in an environment of its own (``langchain.txt``).
"""

from langchain_text_splitters import Language, RecursiveCharacterTextSplitter
from splitting import Splitter, serve


def splitters(tokens: int, overlap: int) -> dict[str, Splitter]:
    make = RecursiveCharacterTextSplitter.from_tiktoken_encoder
    sizes = {"encoding_name": "cl100k_base", "chunk_size": tokens, "chunk_overlap": overlap}
    markdown = RecursiveCharacterTextSplitter.get_separators_for_language(Language.MARKDOWN)
    return {
        "LangChain `RecursiveCharacterTextSplitter`": make(**sizes).split_text,
        "LangChain, Markdown separators": make(
            **sizes, separators=markdown, is_separator_regex=True
        ).split_text,
    }


serve(splitters)
