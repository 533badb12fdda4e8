from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.fusion import (
    LEXICAL_WEIGHT,
    bm25_ceiling,
    bm25_shares,
    fuse,
    inverse_document_frequency,
    near_words,
    question_terms,
    ranked,
)


def test_question_terms_drop_stop_words_fold_case_and_keep_numbers() -> None:
    assert question_terms("When did Russia leave the G8 in 2014, and did RUSSIA mind?") == [
        "russia",
        "leave",
        "g8",
        "2014",
        "mind",
    ]


def test_question_terms_keep_all_when_only_stop_words() -> None:
    assert question_terms("Who is it?") == ["who", "is", "it"]
    assert question_terms('" * ( 🙂') == []


def test_question_terms_join_combining_marks() -> None:
    assert question_terms("Cafe\u0301") == ["caf\u00e9"]


def test_idf_is_that_of_sqlite() -> None:
    assert inverse_document_frequency(10, 2) == pytest.approx(math.log(8.5 / 2.5))
    assert inverse_document_frequency(10, 9) == 1e-6
    assert bm25_ceiling(10, [2, 2]) == pytest.approx(2 * 2.2 * math.log(8.5 / 2.5))


def test_shares_are_bounded() -> None:
    assert bm25_shares([(1, 3.0), (2, 9.0), (3, -1.0)], 6.0) == {1: 0.5, 2: 1.0, 3: 0.0}
    assert bm25_shares([(1, 3.0)], 0.0) == {}


def test_fusion_is_the_weighted_mean() -> None:
    fused = fuse({1: 0.5, 2: 0.1}, {1: 0.2, 3: 0.9}, lexical_weight=1.0)
    # Passage 2 lies past the dense list's end, so its cosine is at most the last one there, 0.2.
    assert fused == [(3, pytest.approx(0.45)), (1, pytest.approx(0.35)), (2, pytest.approx(0.15))]


def test_fusion_without_one_side() -> None:
    assert fuse({}, {4: 1.0}) == [(4, pytest.approx(1 / (1 + LEXICAL_WEIGHT)))]
    assert fuse({4: 1.0}, {}) == [(4, pytest.approx(LEXICAL_WEIGHT / (1 + LEXICAL_WEIGHT)))]
    assert fuse({}, {}) == []


def test_equal_scores_are_ordered_by_passage() -> None:
    assert ranked([(7, 0.5), (3, 0.5), (5, 0.9)]) == [(5, 0.9), (3, 0.5), (7, 0.5)]


scores = st.dictionaries(st.integers(0, 20), st.floats(0, 1), max_size=10)


@settings(max_examples=60, deadline=None)
@given(shares=scores, cosines=st.dictionaries(st.integers(0, 20), st.floats(-1, 1), max_size=10))
def test_fused_scores_lie_in_the_unit_interval_and_each_passage_once(
    shares: dict[int, float], cosines: dict[int, float]
) -> None:
    fused = fuse(shares, cosines)
    assert {passage for passage, _ in fused} == shares.keys() | cosines.keys()
    assert len(fused) == len(shares.keys() | cosines.keys())
    assert all(0 <= score <= 1 for _, score in fused)
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


def test_more_evidence_never_lowers_a_score() -> None:
    low = dict(fuse({1: 0.3, 2: 0.3}, {1: 0.4, 2: 0.4}))
    high = dict(fuse({1: 0.6, 2: 0.3}, {1: 0.4, 2: 0.4}))
    assert high[1] > low[1]
    assert high[2] == low[2]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("presidnet", ["president"]),  # swapped
        ("treay", ["treaty"]),  # left out
        ("treeaty", ["treaty"]),  # doubled
        ("tok", []),  # too short to guess
        ("2o14", []),  # no word
        ("zebra", []),  # nothing near
        ("ministr", ["minister"]),  # one letter, seven: one error
    ],
)
def test_near_words(word: str, near: list[str]) -> None:
    assert near_words(word, ["president", "treaty", "minister", "tokyo"]) == near
