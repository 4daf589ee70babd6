"""LangChain: ``ConfluenceLoader`` and ``RecursiveCharacterTextSplitter`` as they come, ranked by a
vector store, and by ``EnsembleRetriever`` over it and ``BM25Retriever``, weighed alike.

Runs in an environment of its own (``langchain.txt``).
"""

from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.document_loaders import ConfluenceLoader
from langchain_community.retrievers import BM25Retriever
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter
from ranking import MOST, Ranking, answer, asked, embed


class Model(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return embed(texts)

    def embed_query(self, text: str) -> list[float]:
        return embed([text])[0]


wanted = asked()
site = wanted["gateway"]
documents = ConfluenceLoader(
    url=f"{site['url']}/ex/confluence/{site['cloud_id']}/wiki",
    username=site["user"],
    api_key=site["token"],
    page_ids=wanted["pages"],
).load()
chunks = RecursiveCharacterTextSplitter().split_documents(documents)
most = min(MOST, len(chunks))
store = InMemoryVectorStore.from_documents(chunks, Model())
vectors = store.as_retriever(search_kwargs={"k": most})
words = BM25Retriever.from_documents(chunks, k=most)
fused = EnsembleRetriever(retrievers=[words, vectors], weights=[0.5, 0.5])


def ranking(retriever: BaseRetriever, question: str) -> Ranking:
    return [(each.metadata["title"], each.page_content) for each in retriever.invoke(question)]


answer(
    {
        name: [ranking(retriever, question) for question in wanted["questions"]]
        for name, retriever in {
            "LangChain: loader, splitter, vector store": vectors,
            "LangChain: + `BM25Retriever`, `EnsembleRetriever`": fused,
        }.items()
    },
    len(chunks),
)
