"""The plain way: BM25, then each passage read by itself, and the span with the highest probability wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bm25s
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer
from work import Said, cite, run

_LONGEST = 30  # tokens of an answer


def prepare(work: Mapping[str, Any]) -> Callable[[str], Said]:
    """Index the passages with BM25."""
    passages = work["passages"]
    retriever = bm25s.BM25()
    retriever.index(
        bm25s.tokenize([p["text"] for p in passages], stopwords="en", show_progress=False), show_progress=False
    )
    tokenizer = AutoTokenizer.from_pretrained(work["reader"])
    model = AutoModelForQuestionAnswering.from_pretrained(work["reader"]).eval()
    k = min(work["top_k"], len(passages))

    def read(question: str, text: str) -> tuple[float, int, int]:
        """Return the best span's probability and characters; the span (0, 0) is no answer."""
        tokens = tokenizer(question, text, truncation="only_second", max_length=384, return_tensors="pt")
        encoding = tokens.encodings[0]
        inside = torch.tensor([i == 0 or part == 1 for i, part in enumerate(encoding.sequence_ids)])
        with torch.inference_mode():
            output = model(**tokens)
        start = output.start_logits[0].masked_fill(~inside, -torch.inf).softmax(-1)
        end = output.end_logits[0].masked_fill(~inside, -torch.inf).softmax(-1)
        pairs = (start[:, None] * end[None, :]).triu().tril(_LONGEST - 1)
        pairs[0, 1:] = 0  # the first token alone means no answer
        first, last = divmod(int(pairs.argmax()), len(end))
        if first == 0:
            return float(pairs[0, 0]), 0, 0
        return float(pairs[first, last]), encoding.offsets[first][0], encoding.offsets[last][1]

    def ask(question: str) -> Said:
        tokens = bm25s.tokenize(question, stopwords="en", show_progress=False)
        found, _ = retriever.retrieve(tokens, k=k, show_progress=False)
        best: tuple[float, dict[str, Any]] | None = None
        for number in found[0]:
            passage = passages[int(number)]
            probability, start, end = read(question, passage["text"])
            if end and (best is None or probability > best[0]):
                best = probability, cite(passage, start, end)
        if best is None:
            return {"text": "", "confidence": 0.0, "citations": [], "answered": False}
        return {"text": best[1]["text"], "confidence": best[0], "citations": [best[1]], "answered": True}

    return ask


run(prepare, ["bm25s", "transformers"])
