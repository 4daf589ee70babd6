"""LlamaIndex: ``ConfluenceReader`` and ``SentenceSplitter``, as https://docs.llamaindex.ai has it:
a space by its key.

Prints one line of JSON. Runs in an environment of its own (``llamaindex.txt``).
"""

import json
import sys
import time

from llama_index.core.node_parser import SentenceSplitter
from llama_index.readers.confluence import ConfluenceReader

site, pages = json.loads(sys.argv[1]), int(sys.argv[2])
began, used = time.perf_counter(), time.process_time()
reader = ConfluenceReader(
    base_url=f"{site['url']}/ex/confluence/{site['cloud_id']}/wiki",
    user_name=site["user"],
    password=site["token"],
    cloud=True,
)
documents = reader.load_data(space_key="GEN", page_status="current", max_num_results=pages)
chunks = SentenceSplitter(chunk_size=1000, chunk_overlap=180).get_nodes_from_documents(documents)
seconds, cpu = time.perf_counter() - began, time.process_time() - used
print(
    json.dumps({"pages": len(documents), "chunks": len(chunks), "seconds": seconds, "cpu_s": cpu})
)
