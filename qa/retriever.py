"""Retriever: the passages that may hold the answer, by their words, by their meaning, or by both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from qa.errors import PinciteError
from qa.fusion import bm25_ceiling, bm25_shares, clip, fuse, near_words, question_terms, ranked, words
from qa.settings import RETRIEVAL_KINDS, Settings
from qa.types import Candidate

if TYPE_CHECKING:
    from embeddings.encoder import Encoder
    from embeddings.store import Store
    from embeddings.vector_index import VectorIndex

Scored = list[tuple[int, float]]


class Retriever:
    """Finds passages of one store. It keeps what it learned of the store's words: make a new one after changes."""

    def __init__(self, store: Store, vector_index: VectorIndex, encoder: Encoder, settings: Settings) -> None:
        self._store = store
        self._vectors = vector_index
        self._encoder = encoder
        self._settings = settings
        self._records = {record.name: record for record in store.documents()}
        self._passages = sum(record.passages for record in self._records.values())
        self._frequencies: dict[str, int] = {}

    def retrieve(
        self,
        questions: Sequence[str],
        *,
        k: int | None = None,
        kind: str | None = None,
        documents: Sequence[str] | None = None,
    ) -> list[list[Candidate]]:
        """Return for every question its ``k`` best passages (setting: top_k), best first.

        ``kind`` is "hybrid", "lexical" or "dense" (setting: retrieval); ``documents`` limits the search to these
        names. Scores lie in [0, 1] and are comparable across questions; see :mod:`qa.fusion`. Raises PinciteError
        for a kind or a document that does not exist, and when there is nothing to search.
        """
        k = k if k is not None else self._settings.top_k
        kind = kind if kind is not None else self._settings.retrieval
        if kind not in RETRIEVAL_KINDS:
            raise PinciteError(f"There is no retrieval {kind!r}.", f"Valid: {', '.join(RETRIEVAL_KINDS)}.")
        evidence = self.evidence(questions, k=k, kind=kind, documents=documents)
        return self._candidates([self._rank(kind, *sides)[:k] for sides in evidence])

    def evidence(
        self,
        questions: Sequence[str],
        *,
        k: int = 0,
        kind: str = "hybrid",
        documents: Sequence[str] | None = None,
    ) -> list[tuple[dict[int, float], dict[int, float]]]:
        """Return for every question its BM25 shares and its cosines by passage id, at least ``k`` of each."""
        self._check_documents(documents)
        count = max(k, self._settings.candidates)
        shares = [self._lexical(question, count, documents) if kind != "dense" else {} for question in questions]
        cosines = self._dense(questions, count, documents) if kind != "lexical" else [{} for _ in questions]
        return list(zip(shares, cosines, strict=True))

    def respell(self, question: str, candidates: Sequence[Candidate]) -> str:
        """Return the question with its misspelt words written as the candidates have them.

        Misspelt is what no passage of the index holds, is no whole word to the encoder's tokenizer either (so that a
        name the documents merely do not mention stays as it is), and has a near word in the candidates.
        """
        if not self._settings.spelling:
            return question
        counts: Counter[str] | None = None
        for term in question_terms(question):
            if self._frequency(term) > 0 or len(self._encoder.token_spans(term)) < 2:
                continue
            if counts is None:
                counts = Counter(word for candidate in candidates for word in words(candidate.text))
            near = near_words(term, sorted({word.casefold() for word in counts}))
            written = [word for word in counts if word.casefold() in near]
            if written:
                best = min(written, key=lambda word: (-counts[word], word))
                question = re.sub(rf"\b{re.escape(term)}\b", best, question, flags=re.IGNORECASE)
        return question

    def _rank(self, kind: str, shares: dict[int, float], cosines: dict[int, float]) -> Scored:
        if kind == "lexical":
            return ranked(shares.items())
        if kind == "dense":
            return ranked((passage, clip(cosine)) for passage, cosine in cosines.items())
        return fuse(shares, cosines)

    def _lexical(self, question: str, count: int, documents: Sequence[str] | None) -> dict[int, float]:
        """Return BM25 shares by passage id."""
        terms = question_terms(question)
        searched: list[str] = []
        for term in terms:
            known = self._frequency(term) > 0 or not self._settings.spelling
            searched.extend([term] if known else near_words(self._store.stem(term), self._vocabulary))
        if not searched:
            return {}
        # The ceiling counts the words as they were asked: a word replaced by a near one is still unknown.
        ceiling = bm25_ceiling(self._passages, map(self._frequency, terms))
        return bm25_shares(self._store.search_lexical(list(dict.fromkeys(searched)), count, documents), ceiling)

    @cached_property
    def _vocabulary(self) -> list[str]:
        """The stems of all words of the index, read when the first unknown word is asked for."""
        return self._store.vocabulary()

    def _frequency(self, term: str) -> int:
        """Return how many passages hold a term."""
        if term not in self._frequencies:
            self._frequencies[term] = self._store.document_frequency(term)
        return self._frequencies[term]

    def _dense(self, questions: Sequence[str], count: int, documents: Sequence[str] | None) -> list[dict[int, float]]:
        """Return cosines by passage id."""
        ids = self._store.passage_ids(documents) if documents is not None else None
        found = self._vectors.search(self._encoder.encode(questions), count, ids=ids)
        return [dict(neighbours) for neighbours in found]

    def _candidates(self, found: Sequence[Scored]) -> list[list[Candidate]]:
        """Return the candidates of all questions, each passage fetched once."""
        ids = sorted({passage for scored in found for passage, _ in scored})
        stored = {passage.id: passage for passage in self._store.passages(ids)}
        return [
            [
                Candidate(
                    passage_id=passage,
                    document=stored[passage].document,
                    title=stored[passage].title,
                    start=stored[passage].start,
                    end=stored[passage].end,
                    text=stored[passage].text,
                    score=score,
                )
                for passage, score in scored
                if passage in stored  # else another process removed it meanwhile
            ]
            for scored in found
        ]

    def _check_documents(self, documents: Sequence[str] | None) -> None:
        if not self._records:
            raise PinciteError(
                "There are no documents to ask.",
                "Add some with `pincite index PATH --index DIR`, or name them with --docs.",
            )
        if documents is None:
            return
        if isinstance(documents, str) or not documents:
            raise PinciteError("No document is chosen to search.", "Give a list of names, or None for all of them.")
        for name in documents:
            if name not in self._records:
                known = ", ".join(sorted(self._records)[:5]) + (", ..." if len(self._records) > 5 else "")
                raise PinciteError(f"There is no document {name!r} in the index.", f"It holds {known}.")
