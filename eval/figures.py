"""Figures: what a report says in numbers, each with n, a bootstrap 95 % interval and its meaning in a line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from eval import metrics
from eval.bootstrap import Statistic, interval
from eval.metrics import Floats
from eval.rows import RETRIEVAL_KS, QuestionRow

Group = Literal["text", "citations", "abstention", "confidence", "retrieval", "follow-ups", "cost"]
FIXED_GROUPS: frozenset[Group] = frozenset({"confidence", "retrieval", "cost"})  # no threshold moves these
Better = Literal["higher", "lower", "neither"]
Value = Callable[[QuestionRow], "float | None"]
BY_KIND = ("em", "f1", "citation_right", "answered", "span_em")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 95 % interval over ``n`` questions (or asks); shares are in [0, 1] with unit "%"."""

    key: str
    label: str
    group: Group
    value: float
    low: float
    high: float
    n: int
    unit: str
    better: Better
    meaning: str

    def to_json(self) -> dict[str, Any]:
        """Return all fields, rounded to six digits after the point."""
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}

    def __str__(self) -> str:
        value, low, high = (self.shown(number) for number in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})" if low != high else value

    def shown(self, number: float) -> str:
        """Return a number of this figure's unit as people read it."""
        return shown(number, self.unit)


def shown(number: float, unit: str) -> str:
    """Return a number as people read it: shares in per cent, scores to three digits, the rest to what matters."""
    if unit == "%":
        return f"{100 * number:.1f}"
    return f"{number:.3f}" if not unit else f"{number:,.0f}" if abs(number) >= 100 else f"{number:.1f}"


@dataclass(frozen=True, slots=True)
class Column:
    """A figure's definition over a set of rows: the statistic, and how many rows enter it."""

    key: str
    label: str
    group: Group
    meaning: str
    statistic: Statistic
    n: int
    better: Better = "higher"
    unit: str = "%"

    def figure(self, rows: int) -> Figure:
        """Return the figure over ``rows`` rows."""
        found = interval(self.statistic, rows)
        return Figure(
            self.key,
            self.label,
            self.group,
            found.value,
            found.low,
            found.high,
            self.n,
            self.unit,
            self.better,
            self.meaning,
        )


def question_figures(rows: Sequence[QuestionRow], groups: Iterable[Group] | None = None) -> list[Figure]:
    """Return every figure that has something to measure over the eligible rows (of the given groups only)."""
    eligible = [row for row in rows if not row.ineligible]
    wanted = None if groups is None else frozenset(groups)
    columns = [column for column in definitions(eligible) if wanted is None or column.group in wanted]
    found = [column.figure(len(eligible)) for column in columns if column.n]
    return [figure for figure in found if not math.isnan(figure.value)]


def definitions(rows: Sequence[QuestionRow]) -> list[Column]:
    """Return all definitions over ``rows`` (eligible ones); those with nothing to measure have n = 0."""
    return [
        *_text(rows),
        *_citations(rows),
        *_abstention(rows),
        *_confidence(rows),
        *_retrieval(rows),
        *_follow_ups(rows),
    ]


def _text(rows: Sequence[QuestionRow]) -> Iterator[Column]:
    mean = partial(_mean, rows, "text")
    forced = "best span of answerable questions, whatever the threshold"
    yield mean("em", "Exact match", "what was said equals an acceptable text; silence where there is none", _em)
    yield mean("f1", "F1", "word overlap of what was said with the nearest acceptable text", _f1)
    yield mean(
        "em_answerable", "Exact match, answerable", "exact match where there is an answer (HasAns)", _if_answerable(_em)
    )
    yield mean("f1_answerable", "F1, answerable", "F1 where there is an answer (HasAns)", _if_answerable(_f1))
    yield mean("span_em", "Exact match, answer forced", forced, _if_answerable(_if_confident(lambda row: row.span_em)))
    yield mean("span_f1", "F1, answer forced", forced, _if_answerable(_if_confident(lambda row: row.span_f1)))


def _citations(rows: Sequence[QuestionRow]) -> Iterator[Column]:
    mean = partial(_mean, [row if row.citations is not None else None for row in rows], "citations")
    given = "of the answers given to answerable questions"
    definitions: dict[str, tuple[str, str, Value]] = {
        "citation_right": ("Citation right", "overlaps an acceptable span", lambda row: row.citation_right),
        "document_right": (
            "Document right",
            "names the document of an acceptable span",
            lambda row: row.document_right,
        ),
        "citation_f1": ("Citation F1", "shares its characters with an acceptable span", lambda row: row.citation_f1),
    }
    for key, (label, meaning, value) in definitions.items():
        yield mean(key, label, f"the first citation {meaning}, {given}", _if_answered(value))
    every = _if_answered(lambda row: row.citation_precision)
    yield mean(
        "citation_precision", "All citations right", f"share of an answer's citations that are right, {given}", every
    )
    both = _if_answerable(lambda row: row.em * (row.citation_right or 0.0))
    yield mean("right_and_cited", "Right and cited", "answerable questions with exact match and right citation", both)


def _abstention(rows: Sequence[QuestionRow]) -> Iterator[Column]:
    mean = partial(_mean, rows, "abstention")
    if not all(row.answerable for row in rows):
        precision = mean(
            "abstention_precision",
            "Abstention precision",
            "abstentions where there is no answer",
            lambda row: None if row.answered else float(not row.answerable),
        )
        recall = mean(
            "abstention_recall",
            "Abstained rightly",
            "unanswerable questions where it abstained (NoAns)",
            lambda row: None if row.answerable else float(not row.answered),
        )

        def f_measure(weights: Floats) -> Floats:
            return metrics.f_measure(precision.statistic(weights), recall.statistic(weights))

        yield from (precision, recall)
        meaning = "harmonic mean of abstention precision and abstained rightly"
        yield Column("abstention_f1", "Abstention F1", "abstention", meaning, f_measure, len(rows))
    answered = mean("answered", "Answered", "questions that got an answer", lambda row: float(row.answered))
    yield replace(answered, better="neither")


def _confidence(rows: Sequence[QuestionRow]) -> Iterator[Column]:
    if not rows or any(row.confidence is None for row in rows):
        return
    confidence, right, answerable = trust_columns(rows)
    column = partial(Column, group="confidence", n=len(rows))
    yield column(
        "auroc",
        "AUROC of confidence",
        unit="",
        meaning="chance that a right answer has more confidence than one not to be trusted",
        statistic=lambda weights: metrics.auroc(confidence, right, weights),
    )
    yield column(
        "aurc",
        "Area under risk-coverage",
        unit="",
        better="lower",
        meaning="mean error over every share answered",
        statistic=lambda weights: metrics.aurc(confidence, right, weights),
    )
    yield column(
        "accuracy_at_90",
        "Accuracy at 90 % answered",
        meaning="right among the 90 % most confident questions",
        statistic=lambda weights: metrics.accuracy_at_coverage(confidence, right, weights, 0.9),
    )
    yield column(
        "ece",
        "Calibration error",
        better="lower",
        meaning="mean gap of confidence and accuracy, ten bins (ECE)",
        statistic=lambda weights: metrics.expected_calibration_error(confidence, right, weights),
    )
    if not answerable.all():
        for key, label, scores in (
            ("best_em", "Exact match", [row.span_em for row in rows]),
            ("best_f1", "F1", [row.span_f1 for row in rows]),
        ):
            best = partial(_best, confidence, np.array(scores), answerable)
            meaning = "the most that any threshold would reach on these questions (SQuAD 2.0)"
            yield column(key, f"{label}, best threshold", meaning=meaning, statistic=best)


def _best(confidence: Floats, scores: Floats, answerable: Floats, weights: Floats) -> Floats:
    return metrics.best_threshold_score(confidence, scores, answerable, weights)


def _retrieval(rows: Sequence[QuestionRow]) -> Iterator[Column]:
    kinds = sorted({kind for row in rows for kind in row.retrieval}, key=lambda kind: (kind != "hybrid", kind))
    names = {f"recall@{k}": f"an acceptable span lies in one of the first {k} passages" for k in RETRIEVAL_KS}
    names["mrr"] = "1 / rank of the first passage that holds an acceptable span"
    names["ndcg@10"] = "discounted gain of the first ten passages over that of the best order"
    for kind in kinds:
        for name, meaning in names.items():
            yield _mean(
                rows, "retrieval", f"{name} {kind}", f"{name}, {kind}", meaning, partial(_retrieved, kind, name)
            )


def _retrieved(kind: str, name: str, row: QuestionRow) -> float | None:
    return row.retrieval.get(kind, {}).get(name)


def _follow_ups(rows: Sequence[QuestionRow]) -> Iterator[Column]:
    pairs = [(row, row.without_history) for row in rows if row.history and row.without_history]
    members = {id(row): alone for row, alone in pairs}
    given = [row if id(row) in members else None for row in rows]
    alone = [members.get(id(row)) for row in rows]
    for key, label, value in (
        ("em", "exact match", _em),
        ("f1", "F1", _f1),
        ("cited", "right citation", _if_answerable(lambda row: row.answered * (row.citation_right or 0.0))),
    ):
        yield _mean(
            given,
            "follow-ups",
            f"follow_{key}_with",
            f"Follow-ups with history, {label}",
            "follow-up questions asked with their conversation",
            value,
        )
        yield _mean(
            alone,
            "follow-ups",
            f"follow_{key}_without",
            f"Follow-ups without history, {label}",
            "the same follow-up questions asked alone",
            value,
        )


def _em(row: QuestionRow) -> float | None:
    return row.em


def _f1(row: QuestionRow) -> float | None:
    return row.f1


def _if_answerable(value: Value) -> Value:
    return lambda row: value(row) if row.answerable else None


def _if_answered(value: Value) -> Value:
    return lambda row: value(row) if row.answered else None


def _if_confident(value: Value) -> Value:
    return lambda row: None if row.confidence is None else value(row)


def trust_columns(rows: Sequence[QuestionRow]) -> tuple[Floats, Floats, Floats]:
    """Return confidence, whether the best span is right (0 for unanswerable questions), and answerable."""
    return (
        _array(rows, lambda row: row.confidence),
        _array(rows, lambda row: row.span_em * row.answerable),
        _array(rows, lambda row: float(row.answerable)),
    )


def _mean(rows: Sequence[QuestionRow | None], group: Group, key: str, label: str, meaning: str, value: Value) -> Column:
    values = _array(rows, lambda row: None if row is None else value(row))
    return Column(key, label, group, meaning, partial(metrics.mean, values), int((~np.isnan(values)).sum()))


def _array(rows: Sequence[Any], value: Callable[[Any], float | None]) -> Floats:
    found = (value(row) for row in rows)
    return np.array([math.nan if number is None else number for number in found], dtype=np.float64)
