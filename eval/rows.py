"""One scored row a question: what was asked, expected and said, and every number that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from eval import metrics
from eval.datasets import NO_GOLD, Dataset, GoldSpan, Question
from eval.metrics import Place
from eval.predictions import Prediction, Quote

Verdict = Literal["right", "wrong", "wrongly answered", "wrongly abstained", "rightly abstained", "ineligible"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
GOOD_VERDICTS: frozenset[Verdict] = frozenset({"right", "rightly abstained"})
RETRIEVAL_KS = (1, 5, 10, 20)
_CONTEXT = 160  # characters shown on each side of an expected span


@dataclass(frozen=True, slots=True)
class Expected:
    """An acceptable span and the text around it (``before``, ``after``), where the document is at hand."""

    document: str
    start: int
    text: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question with its best span, scored whether or not it was answered.

    ``text``, ``citations``, ``confidence``, ``span_em``, ``span_f1`` and the citation scores are of the best
    span; ``answered`` says whether the system stood by it. ``em``, ``f1`` and ``verdict`` follow from both,
    so that a row at another threshold is the same row with another ``answered``.
    """

    id: str
    kind: str
    question: str
    answerable: bool
    expected: tuple[Expected, ...]
    history: tuple[Mapping[str, Any], ...] = ()
    standalone_question: str | None = None
    answered: bool = False
    text: str = ""
    confidence: float | None = None
    citations: tuple[Quote, ...] | None = None
    sources_differ: bool = False
    span_em: float = 0.0
    span_f1: float = 0.0
    silent_em: float = 0.0
    document_right: float | None = None
    citation_right: float | None = None
    citation_f1: float | None = None
    citation_precision: float | None = None
    retrieval: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    ineligible: str = ""
    without_history: QuestionRow | None = None

    @property
    def em(self) -> float:
        """Exact match of what was said: abstaining is right exactly when there is no answer."""
        return self.span_em if self.answered else self.silent_em

    @property
    def f1(self) -> float:
        """Token F1 of what was said."""
        return self.span_f1 if self.answered else self.silent_em

    @property
    def verdict(self) -> Verdict:
        """The row in words; right means an exact match."""
        if self.ineligible:
            return "ineligible"
        if not self.answerable:
            return "wrongly answered" if self.answered else "rightly abstained"
        if not self.answered:
            return "wrongly abstained"
        return "right" if self.span_em else "wrong"

    def at(self, threshold: float) -> QuestionRow:
        """Return the row as it would be at another abstention threshold (unchanged without a confidence)."""
        without = self.without_history.at(threshold) if self.without_history else None
        answered = self.answered if self.confidence is None else self.confidence >= threshold and bool(self.text)
        return replace(self, answered=answered, without_history=without)

    def to_json(self) -> dict[str, Any]:
        """Return all fields, and the verdict, EM and F1 that follow from them."""
        data = asdict(self)
        data["without_history"] = self.without_history.to_json() if self.without_history else None
        return data | {"verdict": self.verdict, "em": self.em, "f1": self.f1}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> QuestionRow:
        """Rebuild a row from :meth:`to_json`."""
        fields = {key: value for key, value in data.items() if key not in {"verdict", "em", "f1"}}
        fields["expected"] = tuple(Expected(**item) for item in data["expected"])
        fields["history"] = tuple(data["history"])
        cited = data["citations"]
        fields["citations"] = None if cited is None else tuple(Quote(**item) for item in cited)
        without = data["without_history"]
        fields["without_history"] = cls.from_json(without) if without else None
        return cls(**fields)


def score(
    dataset: Dataset,
    predictions: Mapping[str, Prediction],
    *,
    without_history: Mapping[str, Prediction] | None = None,
    ineligible: Mapping[str, str] | None = None,
    text_of: Callable[[str], str | None] | None = None,
    passages_of: Callable[[str], Sequence[Place]] | None = None,
) -> list[QuestionRow]:
    """Score one prediction a question, in the data set's order.

    ``ineligible`` maps ids that cannot be scored to the reason; ``text_of`` gives documents for the context
    of expected spans; ``passages_of`` gives a document's indexed passages, which nDCG needs to know how many
    are relevant. A question without gold or without a prediction is ineligible: named, and left out of n.
    """
    rows = []
    for question in dataset.questions:
        reason = (ineligible or {}).get(question.id, "")
        if question.answerable and not question.answers:
            reason = reason or NO_GOLD
        prediction = predictions.get(question.id)
        if prediction is None:
            reason = reason or "no prediction"
        row = _row(dataset, question, prediction, reason, text_of, passages_of)
        alone = (without_history or {}).get(question.id)
        if alone:
            row = replace(row, without_history=_row(dataset, question, alone, reason, None, None))
        rows.append(row)
    return rows


def _row(
    dataset: Dataset,
    question: Question,
    prediction: Prediction | None,
    reason: str,
    text_of: Callable[[str], str | None] | None,
    passages_of: Callable[[str], Sequence[Place]] | None,
) -> QuestionRow:
    said = prediction or Prediction(question.id, False, "")
    golds = [gold.text for gold in question.answers]
    em, f1 = (metrics.exact_match, metrics.f1)
    if dataset.form == "squad-1.1":
        em, f1 = (metrics.exact_match_v1, metrics.f1_v1)
    acceptable = [gold.place for gold in question.answers]
    row = QuestionRow(
        id=question.id,
        kind=question.kind,
        question=question.question,
        answerable=question.answerable,
        expected=tuple(_expected(gold, text_of) for gold in question.answers),
        history=tuple(turn.to_json() for turn in question.history),
        standalone_question=said.standalone_question,
        answered=said.answered,
        text=said.text,
        confidence=said.confidence,
        citations=said.citations,
        sources_differ=said.sources_differ,
        span_em=em(said.text, golds),
        span_f1=f1(said.text, golds),
        silent_em=em("", golds),
        retrieval=_retrieval(said, acceptable, passages_of),
        timings_ms=said.timings_ms,
        ineligible=reason,
    )
    if not acceptable or not said.citations:
        return row
    places = [quote.place for quote in said.citations]
    return replace(
        row,
        document_right=metrics.document_right(places[0], acceptable),
        citation_right=metrics.citation_right(places[0], acceptable),
        citation_f1=metrics.character_f1(places[0], acceptable),
        citation_precision=metrics.citation_precision(places, acceptable),
    )


def _retrieval(
    said: Prediction, acceptable: Sequence[Place], passages_of: Callable[[str], Sequence[Place]] | None
) -> dict[str, dict[str, float]]:
    if not acceptable or not said.retrieved:
        return {}
    total = None
    if passages_of is not None:
        documents = {document for document, _, _ in acceptable}
        total = sum(sum(metrics.relevance(passages_of(document), acceptable)) for document in documents)
    scores = {}
    for kind, passages in said.retrieved.items():
        relevant = metrics.relevance(passages, acceptable)
        scores[kind] = {f"recall@{k}": metrics.success_at(relevant, k) for k in RETRIEVAL_KS}
        scores[kind]["mrr"] = metrics.reciprocal_rank(relevant)
        if total is not None:
            scores[kind]["ndcg@10"] = metrics.ndcg_at(relevant, total, 10)
    return scores


def _expected(gold: GoldSpan, text_of: Callable[[str], str | None] | None) -> Expected:
    text = text_of(gold.document) if text_of else None
    if text is None:
        return Expected(gold.document, gold.start, gold.text)
    before, after = text[max(0, gold.start - _CONTEXT) : gold.start], text[gold.end : gold.end + _CONTEXT]
    return Expected(gold.document, gold.start, gold.text, before, after)
