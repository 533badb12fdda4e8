"""Bootstrap intervals: resampling questions with replacement, vectorised, from a fixed seed.

Percentile bootstrap (Efron and Tibshirani 1993, chapter 13) and, for two runs over the same questions, the
paired bootstrap (Koehn 2004): both runs are resampled with the same counts, so the difference is of the
same questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from eval.metrics import Floats

SAMPLES = 1000
SEED = 20220321
_CHUNK_CELLS = 2_000_000  # cells of counts held at once: 16 MB

Statistic = Callable[[Floats], Floats]
"""Maps weights of shape (..., n) to a figure of shape (...)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the central 95 % of its bootstrap distribution; NaN where it is undefined."""

    value: float
    low: float
    high: float


def interval(statistic: Statistic, n: int) -> Interval:
    """Return ``statistic`` of n questions with its 95 % percentile interval."""
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    drawn = np.concatenate([statistic(counts) for counts in resamples(n)])
    drawn = drawn[~np.isnan(drawn)]
    value = float(statistic(np.ones(n)))
    if not len(drawn):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def paired_difference(a: Statistic, b: Statistic, n: int) -> Interval:
    """Return b - a over the same n questions, with the 95 % interval of the paired bootstrap."""
    return interval(lambda weights: b(weights) - a(weights), n)


def resamples(n: int) -> Iterator[Floats]:
    """Yield the bootstrap's counts in chunks of shape (rows, n), 1,000 rows in all, the same on every call."""
    rows = max(1, _CHUNK_CELLS // n)
    if rows >= SAMPLES:
        yield _counts(n)
        return
    generator = np.random.default_rng(SEED)
    for start in range(0, SAMPLES, rows):
        yield _draw(generator, n, min(rows, SAMPLES - start))


@lru_cache(maxsize=8)
def _counts(n: int) -> Floats:
    counts = _draw(np.random.default_rng(SEED), n, SAMPLES)
    counts.flags.writeable = False
    return counts


def _draw(generator: np.random.Generator, n: int, rows: int) -> Floats:
    drawn = generator.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
