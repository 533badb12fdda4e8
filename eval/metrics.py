"""Metrics: pure functions, each defined in one line with its source.

Per-question functions take one prediction and its acceptable answers and return a number in [0, 1].
Summaries take arrays of shape (n,), one entry a question, and ``weights`` of shape (..., n) that say how
often each question counts, and return an array of shape (...): ones give the figure itself, rows of
bootstrap counts give its distribution in one call.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Place = tuple[str, int, int]  # document, start, end

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


# --- text (SQuAD 1.1: Rajpurkar et al. 2016, evaluate-v1.1.py; 2.0: Rajpurkar et al. 2018, evaluate-v2.0.py) ---


def normalize_text(text: str) -> str:
    """Lower case, ASCII punctuation dropped, articles dropped, white space single (SQuAD ``normalize_answer``)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, acceptable: Iterable[str]) -> float:
    """EM: 1 when the normalised prediction equals a normalised acceptable text; none acceptable means "" is."""
    golds = {normalize_text(text) for text in acceptable} - {""}
    return float(normalize_text(prediction) in (golds or {""}))


def f1(prediction: str, acceptable: Iterable[str]) -> float:
    """F1: best harmonic mean of token precision and recall over the acceptable texts, as SQuAD 2.0 scores it."""
    golds = [gold for gold in (normalize_text(text).split() for text in acceptable) if gold] or [[]]
    return max(_token_f1(normalize_text(prediction).split(), gold) for gold in golds)


def exact_match_v1(prediction: str, acceptable: Iterable[str]) -> float:
    """EM of SQuAD 1.1: every acceptable text counts as it stands, one that normalises to nothing too."""
    return float(normalize_text(prediction) in {normalize_text(text) for text in acceptable})


def f1_v1(prediction: str, acceptable: Iterable[str]) -> float:
    """F1 of SQuAD 1.1: as :func:`f1`, but a text that normalises to nothing shares no token with anything."""
    tokens = normalize_text(prediction).split()
    golds = (normalize_text(text).split() for text in acceptable)
    return max((_token_f1(tokens, gold) if tokens and gold else 0.0 for gold in golds), default=0.0)


def _token_f1(prediction: Sequence[str], gold: Sequence[str]) -> float:
    if not prediction or not gold:  # SQuAD 2.0: a no-answer side scores 1 when both agree, else 0
        return float(prediction == gold)
    same = sum((Counter(prediction) & Counter(gold)).values())
    return 2 * same / (len(prediction) + len(gold))


# --- citations (the design's definition; character F1 as in span extraction, e.g. NewsQA, Trischler et al. 2017) ---


def overlap(cited: Place, gold: Place) -> int:
    """Characters shared by two spans; 0 in different documents."""
    return max(0, min(cited[2], gold[2]) - max(cited[1], gold[1])) if cited[0] == gold[0] else 0


def document_right(cited: Place, acceptable: Iterable[Place]) -> float:
    """1 when the citation names the document of an acceptable span."""
    return float(any(cited[0] == gold[0] for gold in acceptable))


def citation_right(cited: Place, acceptable: Iterable[Place]) -> float:
    """1 when the citation names the document of an acceptable span and overlaps it."""
    return float(any(overlap(cited, gold) for gold in acceptable))


def character_f1(cited: Place, acceptable: Iterable[Place]) -> float:
    """Best harmonic mean of character precision and recall of the cited span over the acceptable spans."""
    shares = (2 * overlap(cited, gold) / (cited[2] - cited[1] + gold[2] - gold[1]) for gold in acceptable)
    return max(shares, default=0.0)


def citation_precision(cited: Sequence[Place], acceptable: Sequence[Place]) -> float:
    """Share of an answer's citations, all of them, that are right (citation precision, Gao et al. 2023, ALCE)."""
    return sum(citation_right(place, acceptable) for place in cited) / len(cited)


# --- retrieval (a passage is relevant when it holds an acceptable span whole: Karpukhin et al. 2020, DPR) ---


def relevance(passages: Iterable[Place], acceptable: Sequence[Place]) -> list[bool]:
    """For each passage, whether an acceptable span lies in it from end to end."""
    return [any(d == gold[0] and s <= gold[1] and gold[2] <= e for gold in acceptable) for d, s, e in passages]


def success_at(relevant: Sequence[bool], k: int) -> float:
    """recall@k of open-domain QA: 1 when one of the first k passages is relevant (top-k accuracy, DPR)."""
    return float(any(relevant[:k]))


def reciprocal_rank(relevant: Sequence[bool]) -> float:
    """1 / rank of the first relevant passage, 0 without one (MRR is its mean: Voorhees 1999, TREC-8)."""
    return next((1.0 / rank for rank, hit in enumerate(relevant, start=1) if hit), 0.0)


def ndcg_at(relevant: Sequence[bool], total: int, k: int) -> float:
    """Discounted gain of the first k over that of the best order of ``total`` relevant (Järvelin, Kekäläinen 2002)."""
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = float(discounts[: min(total, k)].sum())
    return float(discounts[: len(relevant[:k])][np.asarray(relevant[:k], dtype=bool)].sum()) / ideal if ideal else 0.0


# --- summaries ---


def mean(values: Floats, weights: Floats) -> Floats:
    """Weighted mean of the entries that are not NaN; NaN where nothing remains."""
    known = ~np.isnan(values)
    return _divide(weights[..., known] @ values[known], weights[..., known].sum(axis=-1))


def f_measure(precision: Floats, recall: Floats) -> Floats:
    """Harmonic mean of precision and recall (van Rijsbergen 1979); 0 when both are 0."""
    total = precision + recall
    return np.where(total == 0, 0.0, _divide(2 * precision * recall, total))


def percentile(values: Floats, weights: Floats, q: float) -> Floats:
    """The smallest value that at least q per cent of the weight does not exceed (nearest-rank percentile)."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[..., order], axis=-1)
    reached = cumulative >= cumulative[..., -1:] * (q / 100) - 1e-9
    return np.asarray(values[order][np.argmax(reached, axis=-1)], dtype=np.float64)


def auroc(confidence: Floats, right: Floats, weights: Floats) -> Floats:
    """P(a right answer has more confidence than one not to be trusted), ties half (Hanley and McNeil 1982)."""
    positive, negative = _by_confidence(confidence, weights * right), _by_confidence(confidence, weights * (1 - right))
    below = np.cumsum(negative, axis=-1) - negative
    pairs = positive.sum(axis=-1) * negative.sum(axis=-1)
    return _divide((positive * (below + negative / 2)).sum(axis=-1), pairs)


def risk_coverage(confidence: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Share answered and error among the answered as confidence falls (El-Yaniv and Wiener 2010)."""
    coverage, errors = _selective(confidence, right, np.ones(len(confidence)))
    return coverage, errors


def aurc(confidence: Floats, right: Floats, weights: Floats) -> Floats:
    """Area under the risk-coverage curve: mean selective risk over all coverages, less is better (Geifman 2019)."""
    _, risk = _selective(confidence, right, weights)
    counts = weights[..., _descending(confidence)]
    return _divide((risk * counts).sum(axis=-1), counts.sum(axis=-1))


def accuracy_at_coverage(confidence: Floats, right: Floats, weights: Floats, coverage: float) -> Floats:
    """Share right among the most confident ``coverage`` of all questions (1 - selective risk, Geifman 2017)."""
    order = _descending(confidence)
    counts = weights[..., order]
    wanted = np.ceil(coverage * counts.sum(axis=-1, keepdims=True) - 1e-9)
    taken = np.clip(wanted - (np.cumsum(counts, axis=-1) - counts), 0, counts)
    return _divide(taken @ right[order], taken.sum(axis=-1))


def calibration_bins(confidence: Floats, bins: int) -> NDArray[np.intp]:
    """Index of the equal-width bin of [0, 1] that each confidence falls into."""
    return np.minimum((confidence * bins).astype(np.intp), bins - 1)


def expected_calibration_error(confidence: Floats, right: Floats, weights: Floats, bins: int = 10) -> Floats:
    """Mean |accuracy - confidence| over equal-width bins, weighted by their size (Guo et al. 2017)."""
    member = np.eye(bins)[calibration_bins(confidence, bins)]
    gaps = np.abs((weights * (right - confidence)) @ member)
    return _divide(gaps.sum(axis=-1), weights.sum(axis=-1))


def best_threshold_score(confidence: Floats, score: Floats, answerable: Floats, weights: Floats) -> Floats:
    """Best mean score that any confidence threshold reaches (SQuAD 2.0 ``find_best_thresh``; ties move together)."""
    gain = np.where(answerable > 0, score, -1.0)  # answering one that has no answer loses the point of abstaining
    steps = _by_confidence(-confidence, weights * gain)
    best = np.maximum(np.cumsum(steps, axis=-1).max(axis=-1), 0.0)
    return _divide(weights @ (1 - answerable) + best, weights.sum(axis=-1))


def best_threshold(confidence: Floats, score: Floats, answerable: Floats) -> float:
    """The confidence from which answering reaches :func:`best_threshold_score`; inf when never answering does."""
    gain = np.where(answerable > 0, score, -1.0)
    totals = np.cumsum(_by_confidence(-confidence, gain))
    best = int(np.argmax(totals))
    return float(-np.unique(-confidence)[best]) if totals[best] > 0 else float("inf")


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(denominator == 0, np.nan, np.divide(numerator, denominator)), dtype=np.float64)


def _by_confidence(confidence: Floats, values: Floats) -> Floats:
    """Sums of values over equal confidences, in rising order: (..., n) to (..., distinct)."""
    order = np.argsort(confidence, kind="stable")
    starts = np.unique(confidence[order], return_index=True)[1]
    return np.add.reduceat(values[..., order], starts, axis=-1)


def _descending(confidence: Floats) -> NDArray[np.intp]:
    return np.argsort(-confidence, kind="stable")


def _selective(confidence: Floats, right: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Coverage and selective risk after each question, most confident first: (..., n) each."""
    order = _descending(confidence)
    counts = weights[..., order]
    answered = np.cumsum(counts, axis=-1)
    risk = _divide(np.cumsum(counts * (1 - right[order]), axis=-1), answered)
    return answered / answered[..., -1:], np.where(answered == 0, 0.0, risk)
