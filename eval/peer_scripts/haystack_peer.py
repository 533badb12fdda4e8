"""Haystack: BM25 and embedding retrieval joined by reciprocal rank fusion, and its extractive reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from haystack import Document
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.readers.transformers import TransformersExtractiveReader
from sentence_transformers import SentenceTransformer
from work import Said, cite, run


def prepare(work: Mapping[str, Any]) -> Callable[[str], Said]:
    """Index the passages in Haystack's in-memory store; embeddings are those of the same encoder."""
    encoder = SentenceTransformer(work["encoder"])
    vectors = encoder.encode([passage["text"] for passage in work["passages"]])
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents(
        [
            Document(id=str(number), content=passage["text"], embedding=vector.tolist())
            for number, (passage, vector) in enumerate(zip(work["passages"], vectors, strict=True))
        ]
    )
    top_k = work["top_k"]
    lexical = InMemoryBM25Retriever(store, top_k=top_k)
    dense = InMemoryEmbeddingRetriever(store, top_k=top_k)
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=top_k)
    reader = TransformersExtractiveReader(work["reader"])
    reader.warm_up()

    def ask(question: str) -> Said:
        found = [
            lexical.run(query=question)["documents"],
            dense.run(query_embedding=encoder.encode(question).tolist())["documents"],
        ]
        answers = reader.run(query=question, documents=joiner.run(documents=found)["documents"])["answers"]
        spans = [answer for answer in answers if answer.data is not None]
        if not spans:
            return {"text": "", "confidence": 0.0, "citations": [], "answered": False}
        best = spans[0]
        passage = work["passages"][int(best.document.id)]
        cited = cite(passage, best.document_offset.start, best.document_offset.end)
        # its list holds "no answer" among the answers, by score
        answered = answers[0].data is not None
        return {"text": best.data, "confidence": best.score, "citations": [cited], "answered": answered}

    return ask


run(prepare, ["haystack-ai", "transformers-haystack"])
