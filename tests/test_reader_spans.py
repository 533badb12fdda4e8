"""Decoding spans from logits: exact numbers, and agreement with a decoder that tries everything."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.reader.spans import PassageReading, Span, TokenisedPassage, WindowLogits, decode, span_scores
from qa.reader.words import split_words

PIECE = re.compile(r"\w{1,3}|[^\w\s]")


def tokenised(text: str) -> TokenisedPassage:
    """A passage in pieces of at most three letters, so that words fall apart."""
    offsets = [match.span() for match in PIECE.finditer(text)]
    return TokenisedPassage(split_words(text), np.array(offsets, np.int64).reshape(-1, 2))


def window(start: Sequence[float], end: Sequence[float], first: int = 0, null: float = 0.0) -> WindowLogits:
    return WindowLogits(first, np.array(start, np.float32), np.array(end, np.float32), null)


def quoted(text: str, reading: PassageReading) -> list[tuple[str, float]]:
    return [(text[span.start : span.end], span.score) for span in reading.spans]


def brute_force(
    passage: TokenisedPassage, windows: Sequence[WindowLogits], n_best: int, max_answer_tokens: int
) -> PassageReading:
    """Score every span of every window, sort, and take the best that have no token in common."""
    words, offsets = passage.words, passage.offsets
    scores: dict[tuple[int, int], np.float32] = {}
    for one in windows:
        for i, start in enumerate(one.start):
            for j in range(i, min(i + max_answer_tokens, len(one.end))):
                key = (one.first + i, one.first + j)
                scores[key] = max(scores.get(key, np.float32(-np.inf)), np.float32(start + one.end[j]))
    spans: list[Span] = []
    for (i, j), score in sorted(scores.items(), key=lambda item: (-item[1], item[0])):
        touched = [
            s for s in range(len(words.starts)) if words.ends[s] > offsets[i, 0] and words.starts[s] < offsets[j, 1]
        ]
        if not touched or not words.is_word[touched].any():
            continue
        if any(a < span.end and b > span.start for a, b in offsets[i : j + 1] for span in spans):
            continue
        spans.append(Span(*words.trim(touched[0], touched[-1]), float(score)))
    return PassageReading(tuple(spans[:n_best]), min(one.null_score for one in windows))


def test_band_holds_start_plus_end_and_nothing_beyond_the_window() -> None:
    band = span_scores(np.array([1, 2, 3], np.float32), np.array([10, 20, 30], np.float32), 2)
    assert band.tolist() == [[11, 21], [22, 32], [33, -np.inf]]
    assert span_scores(np.zeros(0, np.float32), np.zeros(0, np.float32), 4).shape == (0, 4)


def test_half_words_are_snapped_and_the_score_is_the_raw_logit_sum() -> None:
    text = "by Yoshimasa Hayashi, in 2022"  # by|Yos|him|asa|Hay|ash|i|,|in|202|2
    reading = decode(
        tokenised(text),
        [window([0, 5, 0, 0, 1, 0, 0, 0, 0, 4, 0], [0, 0, 0, 2, 3.5, 0, 0, 0, 0, 0, 1.25], null=-2.5)],
        n_best=3,
        max_answer_tokens=30,
    )
    assert quoted(text, reading) == [("Yoshimasa Hayashi", 8.5), ("2022", 5.25), ("by", 0.0)]
    assert reading.null_score == -2.5


def test_subword_spans_of_the_same_words_count_once_with_their_best_score() -> None:
    text = "London"  # Lon|don
    reading = decode(tokenised(text), [window([3, 1], [2, 4])], n_best=5, max_answer_tokens=5)
    assert quoted(text, reading) == [("London", 7.0)]


def test_a_span_never_ends_before_it_starts_nor_is_longer_than_allowed() -> None:
    text = "a b c d e"
    logits = [window([0, 0, 0, 0, 9], [9, 0, 0, 0, 0]), window([9, 0, 0, 0, 0], [0, 0, 0, 0, 9])]
    backwards = decode(tokenised(text), logits[:1], n_best=1, max_answer_tokens=3)
    assert quoted(text, backwards) == [("a", 9.0)]
    too_long = decode(tokenised(text), logits[1:], n_best=3, max_answer_tokens=3)
    assert quoted(text, too_long) == [("a", 9.0), ("c d e", 9.0), ("b", 0.0)]


def test_windows_are_merged_by_the_best_score_and_the_lowest_null() -> None:
    text = "a b c d e f"
    first = window([0, 0, 5, 0], [0, 0, 0, 1], first=0, null=6.0)
    second = window([7, 0, 0, 0], [0, 1.5, 0, 0], first=2, null=3.0)
    reading = decode(tokenised(text), [first, second], n_best=2, max_answer_tokens=4)
    assert quoted(text, reading) == [("c d", 8.5), ("a", 0.0)]
    assert reading.null_score == 3.0


def test_a_span_that_no_window_holds_whole_is_not_scored() -> None:
    text = "a b c d"
    reading = decode(
        tokenised(text), [window([9, 0], [0, 0]), window([0, 0], [0, 9], first=2)], n_best=4, max_answer_tokens=4
    )
    assert quoted(text, reading)[:2] == [("a", 9.0), ("c d", 9.0)]


@pytest.mark.parametrize("text", ["", "?!", "... — (…)", "   "])
def test_a_passage_without_a_word_has_no_spans_but_a_null_score(text: str) -> None:
    passage = tokenised(text)
    logits = np.arange(len(passage.offsets), dtype=np.float32)
    reading = decode(passage, [WindowLogits(0, logits, logits, 1.5)], n_best=5, max_answer_tokens=30)
    assert reading == PassageReading((), 1.5)


def test_tokens_of_white_space_and_of_a_part_of_a_character_do_no_harm() -> None:
    text = "go  \U0001f44d x"
    offsets = np.array([[0, 2], [2, 4], [4, 5], [4, 5], [4, 5], [5, 7]])  # byte-level pieces share offsets
    passage = TokenisedPassage(split_words(text), offsets)
    reading = decode(passage, [window([0, 9, 8, 0, 0, 1], [0, 9, 8, 0, 0, 1])], n_best=5, max_answer_tokens=6)
    assert quoted(text, reading) == [("\U0001f44d x", 10.0), ("go", 9.0)]


LOGIT = st.integers(-40, 40).map(lambda value: value / 4)
TEXT = st.text(alphabet=st.sampled_from("abcdeé .,'()“”$%0-"), min_size=0, max_size=24)


@settings(max_examples=60, deadline=None)
@given(TEXT, st.integers(1, 4), st.integers(1, 6), st.data())
def test_agrees_with_trying_everything(text: str, n_best: int, max_answer_tokens: int, data: st.DataObject) -> None:
    passage = tokenised(text)
    count = len(passage.offsets)
    cuts = [(0, count)] if count < 4 else [(0, count - 1), (count // 2, count), (0, count // 2 + 2)]
    windows = [
        window(
            data.draw(st.lists(LOGIT, min_size=stop - first, max_size=stop - first)),
            data.draw(st.lists(LOGIT, min_size=stop - first, max_size=stop - first)),
            first,
            data.draw(LOGIT),
        )
        for first, stop in [(first, min(stop, count)) for first, stop in cuts]
    ]
    reading = decode(passage, windows, n_best=n_best, max_answer_tokens=max_answer_tokens)
    assert reading == brute_force(passage, windows, n_best, max_answer_tokens)
    spans = reading.spans
    assert [span.score for span in spans] == sorted((span.score for span in spans), reverse=True)
    assert all(a.end <= b.start or b.end <= a.start for a in spans for b in spans if a is not b)
    assert all(0 <= span.start < span.end <= len(text) and not text[span.start].isspace() for span in spans)


def test_memory_stays_linear_in_the_passage() -> None:
    text = "word " * 50_000
    passage = tokenised(text)
    rng = np.random.default_rng(3)
    count = len(passage.offsets)
    starts, ends = rng.normal(size=(2, count)).astype(np.float32)
    step = range(0, count, 200)
    windows = [WindowLogits(at, starts[at : at + 300], ends[at : at + 300], 0.0) for at in step]
    reading = decode(passage, windows, n_best=5, max_answer_tokens=30)
    assert len(reading.spans) == 5
    assert {text[span.start : span.end][:4] for span in reading.spans} == {"word"}
