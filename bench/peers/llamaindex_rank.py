"""LlamaIndex: ``ConfluenceReader`` and ``SentenceSplitter`` as they come, ranked by
``VectorStoreIndex``, and by ``QueryFusionRetriever`` (reciprocal ranks, one query) over it and
``BM25Retriever``.

Runs in an environment of its own (``llamaindex.txt``).
"""

from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.readers.confluence import ConfluenceReader
from llama_index.retrievers.bm25 import BM25Retriever
from ranking import MOST, Ranking, answer, asked, embed


class Model(MockEmbedding):
    """Only so that there is less to write: every method that makes vectors is ours."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return embed([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return embed(texts)

    def _get_query_embedding(self, query: str) -> list[float]:
        return embed([query])[0]


wanted = asked()
site = wanted["gateway"]
documents = ConfluenceReader(
    base_url=f"{site['url']}/ex/confluence/{site['cloud_id']}/wiki",
    user_name=site["user"],
    password=site["token"],
    cloud=True,
).load_data(page_ids=wanted["pages"])
nodes = SentenceSplitter().get_nodes_from_documents(documents)
most = min(MOST, len(nodes))
vectors = VectorStoreIndex(nodes, embed_model=Model(embed_dim=384)).as_retriever(
    similarity_top_k=most
)
words = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=most)
fused = QueryFusionRetriever(
    [vectors, words],
    llm=MockLLM(),
    mode="reciprocal_rerank",
    num_queries=1,
    similarity_top_k=most,
    use_async=False,
)


def ranking(retriever: BaseRetriever, question: str) -> Ranking:
    return [
        (each.node.metadata["title"], each.node.get_content())
        for each in retriever.retrieve(question)
    ]


answer(
    {
        name: [ranking(retriever, question) for question in wanted["questions"]]
        for name, retriever in {
            "LlamaIndex: reader, splitter, `VectorStoreIndex`": vectors,
            "LlamaIndex: + `BM25Retriever`, `QueryFusionRetriever`": fused,
        }.items()
    },
    len(nodes),
)
