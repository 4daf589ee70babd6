"""LangChain: ``ConfluenceLoader`` with its Markdown option and ``RecursiveCharacterTextSplitter``
with tiktoken.

As https://docs.langchain.com has it: a space by its key, pages that may not be public left out (a
request a page). Prints one line of JSON. Runs in an environment of its own (``langchain.txt``).
"""

import json
import sys
import time

from langchain_community.document_loaders import ConfluenceLoader
from langchain_text_splitters import RecursiveCharacterTextSplitter

site, pages = json.loads(sys.argv[1]), int(sys.argv[2])
began, used = time.perf_counter(), time.process_time()
loader = ConfluenceLoader(
    url=f"{site['url']}/ex/confluence/{site['cloud_id']}/wiki",
    username=site["user"],
    api_key=site["token"],
    space_key="GEN",
    keep_markdown_format=True,
    max_pages=pages,
)
documents = loader.load()
splitter = RecursiveCharacterTextSplitter.from_tiktoken_encoder(
    encoding_name="cl100k_base", chunk_size=1000, chunk_overlap=180
)
chunks = splitter.split_documents(documents)
seconds, cpu = time.perf_counter() - began, time.process_time() - used
print(
    json.dumps({"pages": len(documents), "chunks": len(chunks), "seconds": seconds, "cpu_s": cpu})
)
