"""From scores to a probability: how spans are ranked across passages, and how sure the best one is.

Both are small linear models. Ranking is a conditional logit over the spans found for one question; the
confidence is a logistic regression on named features of a span (Platt 1999, generalised to several
features as in Kamath, Jia and Liang 2020, "Selective question answering under domain shift"). The numbers
are fitted by ``python -m qa.reader.calibrate`` and stored beside the weights they belong to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from qa.errors import PinciteError


@dataclass(frozen=True, slots=True)
class SpanFeatures:
    """What the confidence of a span is computed from.

    ``score`` and ``null`` are raw logit sums of the span and of its passage's no answer; ``retrieval`` is the
    candidate's fused score in [0, 1]; ``gap`` is the ranking score above the best different answer;
    ``support`` counts the passages beyond the first that give the same answer; ``coverage`` is the share of
    the question's content words that stand in the passage or its title; ``missing`` counts names and numbers of
    the question that do not; ``length`` is the span's number of words.
    """

    score: float
    null: float
    retrieval: float
    gap: float
    support: float
    coverage: float
    missing: float
    length: float

    def vector(self) -> list[float]:
        """Return the bounded values the regression is fitted on, in the order of :data:`FEATURES`."""
        return [
            self.score,
            self.null,
            self.retrieval,
            max(-4.0, min(self.gap, 8.0)),
            min(self.support, 3.0),
            self.coverage,
            min(self.missing, 3.0),
            math.log1p(self.length),
        ]


FEATURES: tuple[str, ...] = tuple(field.name for field in fields(SpanFeatures))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted numbers: the ranking weights, the logistic regression and the abstention threshold.

    ``given_retrieval`` is the retrieval score that a right passage usually has: it stands in where a passage was
    given, not retrieved.
    """

    rank_null: float
    rank_retrieval: float
    intercept: float
    weights: Mapping[str, float]
    threshold: float
    given_retrieval: float = 0.5
    fitted_on: str = ""

    def rank(self, score: float, null: float, retrieval: float) -> float:
        """Return the score on which spans of all passages are compared, in logits."""
        return score - self.rank_null * null + self.rank_retrieval * retrieval

    def probability(self, features: SpanFeatures) -> float:
        """Return the probability, in [0, 1], that the span answers the question."""
        values = zip(FEATURES, features.vector(), strict=True)
        logit = self.intercept + sum(self.weights[name] * value for name, value in values)
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(logit, 30.0))))

    @classmethod
    def default(cls) -> Calibration:
        """Return uncalibrated weights for a reader that brings none: confidence is a plain squashed margin."""
        weights = dict.fromkeys(FEATURES, 0.0) | {"score": 0.35, "null": -0.35, "retrieval": 2.0}
        return cls(1.0, 8.0, -2.0, weights, 0.5, fitted_on="nothing: a rule of thumb")

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read ``calibration.json``; a damaged file gives a :class:`PinciteError` naming it."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            calibration = cls(**{field.name: data[field.name] for field in fields(cls)})
            calibration.probability(SpanFeatures(*[0.0] * len(FEATURES)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PinciteError(
                f"The calibration {path} cannot be read ({type(error).__name__}: {error}).",
                "Fit it again with `python -m qa.reader.calibrate`, or reinstall Pincite.",
            ) from error
        return calibration

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``calibration.json``."""
        return asdict(self)
