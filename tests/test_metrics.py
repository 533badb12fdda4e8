"""Metrics against hand-worked numbers, published scores and independent implementations."""

from __future__ import annotations

from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, Qrel, ScoredDoc, Success, nDCG
from sklearn.metrics import roc_auc_score

from eval import metrics
from eval.bootstrap import SAMPLES, interval, paired_difference, resamples
from eval.datasets import load_dataset
from eval.predictions import load_predictions
from eval.rows import score

SQUAD = Path(__file__).parents[1] / ".." / "shared" / "data" / "squad"
PUBLISHED = {
    "2.0/bert-large-single": (79.77, 82.22),
    "2.0/nlnet": (78.03, 80.32),
    "2.0/bidaf-self-attention-elmo": (66.81, 68.47),
    "1.1/bert-large-ensemble": (87.02, 92.55),
    "1.1/r-net-plus": (84.12, 89.85),
    "1.1/slqa-plus": (83.08, 89.31),
    "1.1/match-lstm": (70.28, 78.88),
    "1.1/logistic-regression": (42.63, 53.24),
}


@pytest.mark.skipif(not SQUAD.exists(), reason="../shared/data/squad is not beside the repository")
@pytest.mark.parametrize(("system", "scores"), PUBLISHED.items())
def test_published_predictions_score_as_published(system: str, scores: tuple[float, float]) -> None:
    dataset = load_dataset(SQUAD / f"dev-{system[:3]}-a.json.gz")
    predictions = load_predictions(f"{SQUAD / 'published-predictions-a.json.gz'}#{system}", dataset)
    rows = [row for row in score(dataset, predictions) if not row.ineligible]
    assert len(rows) == len(predictions)
    found = (100 * np.mean([row.em for row in rows]), 100 * np.mean([row.f1 for row in rows]))
    assert tuple(round(float(value), 2) for value in found) == scores


@pytest.mark.parametrize(
    ("prediction", "acceptable", "em", "f1"),
    [
        ("The  U.S. army!", ["us army"], 1, 1),
        ("March 21, 2022", ["on March 21 2022"], 0, 6 / 7),
        ("red red blue", ["red blue"], 0, 4 / 5),
        ("green", ["red blue"], 0, 0),
        ("", [], 1, 1),
        ("something", [], 0, 0),
        ("", ["something"], 0, 0),
        ("b c", ["x", "b c d"], 0, 4 / 5),
    ],
)
def test_text_scores(prediction: str, acceptable: list[str], em: float, f1: float) -> None:
    assert metrics.exact_match(prediction, acceptable) == em
    assert metrics.f1(prediction, acceptable) == pytest.approx(f1)


def test_versions_differ_only_where_an_acceptable_text_normalises_to_nothing() -> None:
    assert (metrics.exact_match("the", ["a"]), metrics.f1("the", ["a"])) == (1, 1)
    assert (metrics.exact_match_v1("the", ["a"]), metrics.f1_v1("the", ["a"])) == (1, 0)
    assert metrics.exact_match_v1("", []) == 0
    assert metrics.f1_v1("a b c", ["b c"]) == metrics.f1("a b c", ["b c"]) == 1


def test_citations() -> None:
    gold = [("a.txt", 10, 20), ("b.txt", 5, 10)]
    assert metrics.citation_right(("a.txt", 19, 30), gold) == 1
    assert metrics.citation_right(("a.txt", 20, 30), gold) == 0  # touching is not overlapping
    assert metrics.citation_right(("b.txt", 10, 20), gold) == 0  # the other document's offsets
    assert metrics.document_right(("b.txt", 10, 20), gold) == 1
    assert metrics.document_right(("c.txt", 10, 20), gold) == 0
    assert metrics.character_f1(("a.txt", 10, 20), gold) == 1
    assert metrics.character_f1(("a.txt", 15, 25), gold) == pytest.approx(0.5)
    assert metrics.character_f1(("c.txt", 15, 25), gold) == 0
    cited = [("a.txt", 12, 14), ("a.txt", 40, 44), ("b.txt", 0, 6)]
    assert metrics.citation_precision(cited, gold) == pytest.approx(2 / 3)


def test_a_passage_is_relevant_when_it_holds_the_whole_span() -> None:
    gold = [("a.txt", 10, 20)]
    passages = [("a.txt", 0, 19), ("a.txt", 10, 20), ("b.txt", 0, 99), ("a.txt", 11, 40)]
    assert metrics.relevance(passages, gold) == [False, True, False, False]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=25), st.integers(0, 5), st.sampled_from([1, 5, 10]))
def test_retrieval_agrees_with_ir_measures(relevant: list[bool], unseen: int, k: int) -> None:
    total = sum(relevant) + unseen
    qrels = [Qrel("q", f"p{i}", int(hit)) for i, hit in enumerate(relevant)]
    qrels += [Qrel("q", f"u{i}", 1) for i in range(unseen)]
    run = [ScoredDoc("q", f"p{i}", float(-i)) for i in range(len(relevant))]
    expected = ir_measures.calc_aggregate([Success @ k, RR, nDCG @ k], qrels, run)
    assert metrics.success_at(relevant, k) == expected[Success @ k]
    assert metrics.reciprocal_rank(relevant) == pytest.approx(expected[RR])
    assert metrics.ndcg_at(relevant, total, k) == pytest.approx(expected[nDCG @ k])


_SCORED = st.lists(st.tuples(st.integers(0, 10), st.booleans(), st.booleans()), min_size=2, max_size=40)


@settings(max_examples=60, deadline=None)
@given(_SCORED)
def test_auroc_agrees_with_scikit_learn(scored: list[tuple[int, bool, bool]]) -> None:
    confidence = np.array([c / 10 for c, _, _ in scored])
    right = np.array([float(r) for _, r, _ in scored])
    found = float(metrics.auroc(confidence, right, np.ones(len(scored))))
    if right.all() or not right.any():
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(right, confidence))


def _official_best_threshold(confidence: np.ndarray, score: np.ndarray, answerable: np.ndarray) -> float:
    """The loop of SQuAD 2.0's script: begin with no answers, then answer one question after another."""
    current = best = float((answerable == 0).sum())
    for i in np.argsort(-confidence):
        current += score[i] if answerable[i] else -1.0
        best = max(best, current)
    return best / len(score)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_best_threshold_agrees_with_the_official_loop(scored: list[tuple[float, bool]], random: object) -> None:
    order = list(range(len(scored)))
    random.shuffle(order)  # type: ignore[attr-defined]
    confidence = (np.array(order) + 1) / (len(order) + 1)  # no ties: there the official order is arbitrary
    answerable = np.array([float(a) for _, a in scored])
    score = np.array([s * a for s, a in scored])
    best = float(metrics.best_threshold_score(confidence, score, answerable, np.ones(len(scored))))
    assert best == pytest.approx(_official_best_threshold(confidence, score, answerable))
    answered = confidence >= metrics.best_threshold(confidence, score, answerable)
    assert np.mean(np.where(answered, score, 1 - answerable)) == pytest.approx(best)


def test_equal_confidences_move_together() -> None:
    confidence, score, answerable = np.array([0.5, 0.5, 0.9]), np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0])
    # answering the answerable one alone would score 3/3, but no threshold can do that
    assert float(metrics.best_threshold_score(confidence, score, answerable, np.ones(3))) == pytest.approx(2 / 3)
    assert metrics.best_threshold(confidence, score, answerable) == float("inf")


def test_risk_coverage_by_hand() -> None:
    confidence, right = np.array([0.2, 0.9, 0.6, 0.8]), np.array([0.0, 1.0, 1.0, 0.0])
    coverage, risk = metrics.risk_coverage(confidence, right)
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(risk, [0, 1 / 2, 1 / 3, 1 / 2])
    ones = np.ones(4)
    assert float(metrics.aurc(confidence, right, ones)) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert float(metrics.accuracy_at_coverage(confidence, right, ones, 0.75)) == pytest.approx(2 / 3)
    assert float(metrics.accuracy_at_coverage(confidence, right, ones, 0.70)) == pytest.approx(2 / 3)
    assert float(metrics.accuracy_at_coverage(confidence, right, ones, 1.0)) == pytest.approx(1 / 2)


def test_calibration_error_by_hand() -> None:
    confidence, right = np.array([0.95, 0.85, 0.91, 1.0]), np.array([1.0, 0.0, 1.0, 0.0])
    gaps = (3 * abs(2 / 3 - (0.95 + 0.91 + 1.0) / 3) + 1 * 0.85) / 4
    assert float(metrics.expected_calibration_error(confidence, right, np.ones(4))) == pytest.approx(gaps)


@settings(max_examples=30, deadline=None)
@given(_SCORED)
def test_a_question_counted_twice_is_two_questions(scored: list[tuple[int, bool, bool]]) -> None:
    confidence = np.array([c / 10 + i / 1000 for i, (c, _, _) in enumerate(scored)])
    right = np.array([float(r) for _, r, _ in scored])
    answerable = np.array([float(a or r) for _, r, a in scored])
    weights = np.array([float(i % 3) for i in range(len(scored))])
    again = np.repeat(np.arange(len(scored)), weights.astype(int))
    ones = np.ones(len(again))
    for statistic in (
        lambda c, r, a, w: metrics.auroc(c, r, w),
        lambda c, r, a, w: metrics.accuracy_at_coverage(c, r, w, 0.5),
        lambda c, r, a, w: metrics.expected_calibration_error(c, r, w),
        lambda c, r, a, w: metrics.best_threshold_score(c, r, a, w),
        lambda c, r, a, w: metrics.percentile(c, w, 95),
        lambda c, r, a, w: metrics.mean(r, w),
    ):
        found = statistic(confidence, right, answerable, weights)
        expected = statistic(confidence[again], right[again], answerable[again], ones)
        np.testing.assert_allclose(found, expected, equal_nan=True)


def test_percentile_is_nearest_rank() -> None:
    values = np.array([30.0, 10.0, 20.0, 40.0])
    assert [float(metrics.percentile(values, np.ones(4), q)) for q in (25, 50, 51, 95)] == [10, 20, 30, 40]


def test_interval_of_a_mean_is_about_the_normal_one() -> None:
    values = np.repeat([0.0, 1.0], 200)
    found = interval(lambda weights: metrics.mean(values, weights), len(values))
    assert found.value == 0.5
    half = 1.96 * np.sqrt(0.25 / 400)
    assert found.low == pytest.approx(0.5 - half, abs=0.006)
    assert found.high == pytest.approx(0.5 + half, abs=0.006)
    assert interval(lambda weights: metrics.mean(values, weights), len(values)) == found


def test_intervals_of_many_questions_are_drawn_in_chunks_of_whole_resamples() -> None:
    chunks = [counts.shape for counts in resamples(50_000)]
    assert sum(rows for rows, _ in chunks) == SAMPLES
    assert len(chunks) > 1
    assert all((counts.sum(axis=1) == 3000).all() for counts in resamples(3000))


def test_a_paired_difference_sees_what_two_intervals_hide() -> None:
    rng = np.random.default_rng(7)
    before = (rng.random(500) < 0.5).astype(float)
    after = before.copy()
    after[np.flatnonzero(before == 0)[:15]] = 1  # fifteen questions gained, none lost
    one = interval(lambda w: metrics.mean(before, w), 500)
    two = interval(lambda w: metrics.mean(after, w), 500)
    change = paired_difference(lambda w: metrics.mean(before, w), lambda w: metrics.mean(after, w), 500)
    assert two.low < one.high
    assert change.value == pytest.approx(0.03)
    assert 0 < change.low < 0.03 < change.high


def test_nothing_to_measure_is_not_a_number() -> None:
    assert np.isnan(interval(lambda w: metrics.mean(np.array([np.nan, np.nan]), w), 2).value)
    assert np.isnan(interval(lambda w: metrics.mean(np.array([]), w), 0).value)
