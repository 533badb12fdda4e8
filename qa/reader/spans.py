"""From start and end logits to answer spans: pure, vectorised, numpy only.

For a passage of T tokens the scores of all spans of at most D tokens are a band of shape (T, D), filled
window by window, so memory is linear in the passage. The n best spans without overlaps are taken greedily
from the bands of many passages at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa.reader.words import Words


@dataclass(frozen=True, slots=True)
class Span:
    """A span of whole words: offsets into the passage's text, and its start logit plus end logit."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class PassageReading:
    """What was read in one passage for one question.

    ``spans`` stand best first, are whole words and do not overlap; there are none where the passage holds no
    word. ``null_score`` is the start plus the end logit of the null token. Over several windows it is the
    minimum: each window says "not here", and the passage holds no answer only if all of them say so (as
    in Devlin et al. 2019, section 4.3, and the official SQuAD 2.0 scripts).
    """

    spans: tuple[Span, ...]
    null_score: float


@dataclass(frozen=True, slots=True)
class WindowLogits:
    """One window: its null score, and the ``start`` and ``end`` logits (n,) of the passage tokens from ``first`` on."""

    first: int
    start: np.ndarray
    end: np.ndarray
    null_score: float


@dataclass(frozen=True, slots=True)
class TokenisedPassage:
    """A passage's words and the character offsets (T, 2) of its tokens."""

    words: Words
    offsets: np.ndarray


def decode(
    passage: TokenisedPassage, windows: Sequence[WindowLogits], *, n_best: int, max_answer_tokens: int
) -> PassageReading:
    """Return the n best spans of a passage, best first and without overlaps, and its null score.

    ``windows`` are all windows of the passage, at least one. A span is scored where one window holds both of its
    ends, by the window that likes it best; sub-word spans that snap to the same words count once, with their best
    score. Ties go to the span that starts first, then to the shorter one.
    """
    band = np.full((len(passage.offsets), max_answer_tokens), -np.inf, np.float32)
    for window in windows:
        rows = band[window.first : window.first + len(window.start)]
        np.maximum(rows, span_scores(window.start, window.end, max_answer_tokens), out=rows)
    first, last = _segments_of(passage)
    _mask_wordless(band, passage.words, first, last)
    best = band.max(axis=1)
    spans: list[Span] = []
    while len(spans) < n_best and len(best):
        token = int(best.argmax())
        score = float(best[token])
        if score == -np.inf:
            break
        end_token = token + int(band[token].argmax())
        spans.append(Span(*passage.words.trim(int(first[token]), int(last[end_token])), score))
        _block(band, best, passage.offsets, spans[-1])
    return PassageReading(tuple(spans), min(window.null_score for window in windows))


def span_scores(start: np.ndarray, end: np.ndarray, max_answer_tokens: int) -> np.ndarray:
    """Return the band (n, D) of ``start[i] + end[i + d]``: minus infinity where ``i + d`` is beyond the window."""
    padded = np.concatenate((end, np.full(max_answer_tokens, -np.inf, np.float32)))
    ends = np.lib.stride_tricks.sliding_window_view(padded, max_answer_tokens)
    return np.asarray(start[:, None] + ends[: len(start)], np.float32)


def _segments_of(passage: TokenisedPassage) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last segment that each token touches; first > last for white space."""
    first = np.searchsorted(passage.words.ends, passage.offsets[:, 0], side="right")
    last = np.searchsorted(passage.words.starts, passage.offsets[:, 1], side="left") - 1
    return first, last


def _mask_wordless(band: np.ndarray, words: Words, first: np.ndarray, last: np.ndarray) -> None:
    """Take the spans out of which no token touches a word."""
    words_before = np.concatenate(([0], np.cumsum(words.is_word)))
    touches = words_before[np.maximum(first, last + 1)] > words_before[first]
    rows = np.flatnonzero(~touches)
    following = np.append(np.flatnonzero(touches), len(band) + band.shape[1])
    distance = following[np.searchsorted(following, rows)] - rows
    band[rows] = np.where(np.arange(band.shape[1]) < distance[:, None], -np.inf, band[rows])


def _block(band: np.ndarray, best: np.ndarray, offsets: np.ndarray, span: Span) -> None:
    """Take every span out that has a token in common with the one chosen; ``best`` follows row by row."""
    first = int(np.searchsorted(offsets[:, 1], span.start, side="right"))
    stop = int(np.searchsorted(offsets[:, 0], span.end, side="left"))
    before = max(0, first - band.shape[1] + 1)
    reach = first - np.arange(before, first)
    band[before:first][np.arange(band.shape[1]) >= reach[:, None]] = -np.inf
    band[first:stop] = -np.inf
    best[before:stop] = band[before:stop].max(axis=1)
