"""txtai: hybrid embeddings search and the extractive questions pipeline over what it finds.

txtai returns the words and the passage they were found in, not an offset: the citation is the whole passage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from txtai import RAG, Embeddings
from txtai.pipeline import Questions
from work import Said, cite, run


def prepare(work: Mapping[str, Any]) -> Callable[[str], Said]:
    """Index the passages with content, keywords and vectors."""
    passages = work["passages"]
    embeddings = Embeddings(path=work["encoder"], hybrid=True, content=True)
    embeddings.index((number, passage["text"], None) for number, passage in enumerate(passages))
    pipeline = RAG(embeddings, Questions(work["reader"], gpu=False), output="reference")

    def ask(question: str) -> Said:
        found = pipeline({"name": "q", "query": question, "question": question, "snippet": False})
        text = found["answer"]
        if not text:
            return {"text": "", "confidence": None, "citations": [], "answered": False}
        passage = passages[int(found["reference"])]
        cited = cite(passage, 0, len(passage["text"]))
        return {"text": text, "confidence": None, "citations": [cited], "answered": True}

    return ask


run(prepare, ["txtai"])
