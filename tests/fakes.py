"""Deterministic stand-ins for the two models, so that tests can assert exact words without weights.

The fake encoder hashes words into a bag; the fake reader answers with the part of a sentence that the question
does not already say, and its logits follow from the share of the question's words that the sentence holds.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from embeddings.passages import sentence_spans
from qa.fusion import STOP_WORDS, question_terms
from qa.reader.calibration import Calibration
from qa.reader.spans import PassageReading, Span

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w{1,6}|[^\w\s]")


def stem(word: str) -> str:
    """Return a word's first letters, a crude stem."""
    return word.casefold()[:5]


class FakeEncoder:
    """Hashed bags of words as unit vectors; counts its calls in ``encoded``."""

    name = "fake"

    def __init__(self, fingerprint: str = "fake-1", dimension: int = 128, max_tokens: int = 64) -> None:
        self.fingerprint = fingerprint
        self.dimension = dimension
        self.max_tokens = max_tokens
        self.encoded = 0

    def encode(self, texts: Sequence[str], *, progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """Return one unit row per text, (n, dimension) float32."""
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in _WORD.findall(text):
                if word.casefold() not in STOP_WORDS:
                    row[zlib.crc32(stem(word).encode()) % self.dimension] += 1.0
            if not row.any():
                row[0] = 1.0
            row /= np.linalg.norm(row)
        self.encoded += len(texts)
        if progress is not None:
            progress(len(texts), len(texts))
        return rows

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the offsets of marks and of words, longer ones in pieces of six letters."""
        return [match.span() for match in _TOKEN.finditer(text)]


class FakeReader:
    """Answers from the sentence that holds most of the question's words; counts the pairs in ``pairs_read``."""

    fingerprint = "fake-reader-1"

    def __init__(self, calibration: Calibration | None = None) -> None:
        self.calibration = calibration if calibration is not None else Calibration.default()
        self.pairs_read = 0
        self.calls = 0

    def read(self, pairs: Sequence[tuple[str, str]]) -> list[PassageReading]:
        """Return for every (question, passage) the spans of its sentences, best first."""
        self.calls += 1
        self.pairs_read += len(pairs)
        return [self._read(question, passage) for question, passage in pairs]

    def _read(self, question: str, passage: str) -> PassageReading:
        asked = {stem(term) for term in question_terms(question)}
        spans = []
        for start, end in sentence_spans(passage):
            words = list(_WORD.finditer(passage, start, end))
            covered = len(asked & {stem(word.group()) for word in words}) / max(len(asked), 1)
            run = _longest_new_run(words, asked)
            if run:
                spans.append(Span(start=run[0].start(), end=run[-1].end(), score=20.0 * covered - 5.0))
        spans.sort(key=lambda span: (-span.score, span.start))
        return PassageReading(spans=tuple(spans[:5]), null_score=5.0)


def _longest_new_run(words: list[re.Match[str]], asked: set[str]) -> list[re.Match[str]]:
    """Return the longest run of words that the question does not say, stop words left out."""
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for word in words:
        if stem(word.group()) in asked or word.group().casefold() in STOP_WORDS:
            run = []
        else:
            run = [*run, word]
            if len(run) > len(best):
                best = run
    return best
