"""Report: the figures, curves and rows of one run, as JSON, at any threshold, and against another run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from embeddings.errors import PinciteError
from eval import metrics
from eval.bootstrap import Interval, paired_difference
from eval.costs import Costs, cost_figures
from eval.datasets import Dataset, decode, parse_json_object, read_bytes
from eval.figures import (
    BY_KIND,
    FIXED_GROUPS,
    Figure,
    Group,
    definitions,
    question_figures,
    trust_columns,
)
from eval.rows import GOOD_VERDICTS, QuestionRow, Verdict

FORMAT = 1
HEADLINE = (
    "em", "f1", "span_em", "citation_right", "right_and_cited", "abstention_recall", "abstention_precision",
    "auroc", "recall@5 hybrid", "latency_p50 total", "latency_p95 total", "questions_per_second",
)  # fmt: skip
_BINS = 10


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Questions whose confidence lies in [low, high): how many, their mean confidence, the share right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Report:
    """Everything a run says; the page, the HTML file and the gate draw from this alone.

    ``threshold`` is the abstention threshold the figures are at (None when the system has none);
    ``best_thresholds`` maps "em" and "f1" to the confidence at which each would be highest.
    """

    dataset: str
    form: str
    mode: str
    created: str
    settings: Mapping[str, Any]
    threshold: float | None
    figures: tuple[Figure, ...]
    by_kind: Mapping[str, tuple[Figure, ...]]
    rows: tuple[QuestionRow, ...] = field(repr=False)
    costs: Costs = field(default_factory=Costs, repr=False)

    @cached_property
    def _by_key(self) -> dict[str, Figure]:
        return {figure.key: figure for figure in self.figures}

    def figure(self, key: str) -> Figure | None:
        """Return the figure of that key, None when this run does not measure it."""
        return self._by_key.get(key)

    @property
    def headline(self) -> list[Figure]:
        """The few figures to show first."""
        return [self._by_key[key] for key in HEADLINE if key in self._by_key]

    @property
    def eligible(self) -> list[QuestionRow]:
        """Rows that the figures are about."""
        return [row for row in self.rows if not row.ineligible]

    @property
    def ineligible(self) -> dict[str, str]:
        """Ids that could not be scored, with the reason."""
        return {row.id: row.ineligible for row in self.rows if row.ineligible}

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many rows have each verdict."""
        counts: dict[Verdict, int] = {}
        for row in self.rows:
            counts[row.verdict] = counts.get(row.verdict, 0) + 1
        return counts

    @property
    def has_confidence(self) -> bool:
        """Whether every eligible row has a confidence, so that curves and thresholds mean something."""
        return bool(self.eligible) and all(row.confidence is not None for row in self.eligible)

    @property
    def risk_coverage(self) -> list[tuple[float, float, float]]:
        """Points (coverage, risk, confidence), most confident first; one a distinct confidence."""
        if not self.has_confidence:
            return []
        confidence, right, _ = trust_columns(self.eligible)
        coverage, risk = metrics.risk_coverage(confidence, right)
        falling = -np.sort(-confidence)
        last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        return [(float(coverage[i]), float(risk[i]), float(falling[i])) for i in last]

    @property
    def reliability(self) -> list[ReliabilityBin]:
        """The bins of the reliability diagram that hold a question."""
        if not self.has_confidence:
            return []
        confidence, right, _ = trust_columns(self.eligible)
        member = metrics.calibration_bins(confidence, _BINS)
        bins = []
        for index in sorted(set(member.tolist())):
            inside = member == index
            means = float(confidence[inside].mean()), float(right[inside].mean())
            bins.append(ReliabilityBin(index / _BINS, (index + 1) / _BINS, int(inside.sum()), *means))
        return bins

    @property
    def best_thresholds(self) -> dict[str, float]:
        """The confidence from which answering gives the best "em" and "f1" on this very data set."""
        if not self.has_confidence:
            return {}
        confidence, _, answerable = trust_columns(self.eligible)
        scores = {"em": [row.span_em for row in self.eligible], "f1": [row.span_f1 for row in self.eligible]}
        found = {
            key: metrics.best_threshold(confidence, np.array(values), answerable) for key, values in scores.items()
        }
        return {key: min(threshold, 1.0) for key, threshold in found.items()}  # never answering is as good as 1

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON, curves included; :meth:`from_json` gives an equal report back."""
        return {
            "format": FORMAT,
            "dataset": self.dataset,
            "form": self.form,
            "mode": self.mode,
            "created": self.created,
            "settings": dict(self.settings),
            "threshold": self.threshold,
            "best_thresholds": self.best_thresholds,
            "n": len(self.eligible),
            "ineligible": self.ineligible,
            "verdicts": self.verdicts,
            "figures": [figure.to_json() for figure in self.figures],
            "by_kind": {kind: [figure.to_json() for figure in figures] for kind, figures in self.by_kind.items()},
            "risk_coverage": self.risk_coverage,
            "reliability": [asdict(reliability) for reliability in self.reliability],
            "rows": [row.to_json() for row in self.rows],
            "costs": asdict(self.costs),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Report:
        """Rebuild a report from :meth:`to_json`."""
        return cls(
            **{key: data[key] for key in ("dataset", "form", "mode", "created", "settings", "threshold")},
            figures=tuple(Figure(**item) for item in data["figures"]),
            by_kind={kind: tuple(Figure(**item) for item in items) for kind, items in data["by_kind"].items()},
            rows=tuple(QuestionRow.from_json(item) for item in data["rows"]),
            costs=Costs.from_json(data["costs"]),
        )

    def save(self, path: str | Path) -> None:
        """Write the report as one JSON file."""
        Path(path).write_text(json.dumps(self.to_json(), ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a report that :meth:`save` wrote, or raise PinciteError."""
        path = Path(path)
        data = parse_json_object(decode(read_bytes(path), path.name))
        try:
            if data is None or data["format"] != FORMAT:
                raise ValueError("not a report of this version")
            return cls.from_json(data)
        except (KeyError, TypeError, ValueError) as error:
            hint = "Reports are written by `pincite eval ... --json FILE`."
            raise PinciteError(f"{path.name} is not an evaluation report ({error}).", hint) from None


def build_report(
    dataset: Dataset,
    rows: Sequence[QuestionRow],
    *,
    mode: str,
    threshold: float | None = None,
    settings: Mapping[str, Any] | None = None,
    costs: Costs | None = None,
) -> Report:
    """Return the report over scored rows (:func:`eval.rows.score`), dated now."""
    costs = costs or Costs()
    return Report(
        dataset=dataset.name,
        form=dataset.form,
        mode=mode,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        settings=settings or {},
        threshold=threshold,
        figures=(*_rounded(question_figures(rows)), *_rounded(cost_figures(costs))),
        by_kind=_by_kind(rows),
        rows=tuple(rows),
        costs=costs,
    )


def report_at_threshold(report: Report, threshold: float) -> Report:
    """Return the report as it would be at another abstention threshold, without running again.

    Works because ``confidence`` is that of the best span whether or not it was answered.
    """
    if threshold == report.threshold:
        return report
    rows = tuple(row.at(threshold) for row in report.rows)
    keep = {figure.key: figure for figure in report.figures if figure.group in FIXED_GROUPS}
    moved = question_figures(rows, {"text", "citations", "abstention", "follow-ups"})
    figures = (*_rounded(moved), *keep.values())
    return replace(report, threshold=threshold, rows=rows, figures=figures, by_kind=_by_kind(rows))


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two runs over the same questions; ``change`` is after - before with its paired 95 % interval."""

    key: str
    label: str
    unit: str
    better: str
    before: float
    after: float
    change: Interval

    @property
    def certain(self) -> bool:
        """Whether the interval of the change leaves 0 out."""
        return self.change.low > 0 or self.change.high < 0

    @property
    def word(self) -> str:
        """What the change amounts to: "better", "worse", "more", "fewer", "within chance", or "" for no change."""
        if not self.certain:
            return "within chance" if self.change.value else ""
        rose = self.change.value > 0
        if self.better == "neither":
            return "more" if rose else "fewer"
        return "better" if rose == (self.better == "higher") else "worse"


@dataclass(frozen=True, slots=True)
class Flip:
    """A question whose verdict changed between two runs."""

    id: str
    question: str
    before: Verdict
    after: Verdict
    text_before: str
    text_after: str

    @property
    def better(self) -> bool:
        """Whether it became right; False for one that was lost or is wrong in another way."""
        return self.after in GOOD_VERDICTS


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over their ``n`` common questions."""

    n: int
    differences: tuple[Difference, ...]
    flips: tuple[Flip, ...]


def compare(before: Report, after: Report) -> Comparison:
    """Compare two reports question by question with the paired bootstrap; PinciteError when they share none."""
    old = {row.id: row for row in before.eligible}
    pairs = [(old[row.id], row) for row in after.eligible if row.id in old]
    if not pairs:
        hint = "Compare runs over the same data set."
        raise PinciteError(f"The reports on {before.dataset} and {after.dataset} share no question.", hint)
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    there = {column.key: column for column in definitions(first) if column.n}
    differences = []
    for column in definitions(second):
        if column.n and column.key in there:
            one, two, ones = there[column.key].statistic, column.statistic, np.ones(len(pairs))
            change = paired_difference(one, two, len(pairs))
            values = float(one(ones)), float(two(ones))
            differences.append(Difference(column.key, column.label, column.unit, column.better, *values, change))
    flips = tuple(
        Flip(b.id, b.question, a.verdict, b.verdict, said(a), said(b)) for a, b in pairs if a.verdict != b.verdict
    )
    return Comparison(len(pairs), tuple(differences), flips)


def said(row: QuestionRow) -> str:
    """Return what the row answered, "" when it abstained."""
    return row.text if row.answered else ""


def _by_kind(rows: Sequence[QuestionRow]) -> dict[str, tuple[Figure, ...]]:
    groups: tuple[Group, ...] = ("text", "citations", "abstention")
    found = {}
    for kind in sorted({row.kind for row in rows if not row.ineligible}):
        figures = question_figures([row for row in rows if row.kind == kind], groups)
        found[kind] = tuple(_rounded(figure for figure in figures if figure.key in BY_KIND))
    return found


def _rounded(figures: Iterable[Figure]) -> list[Figure]:
    """Figures as their JSON form keeps them, so that a saved report equals the one in hand."""
    return [Figure(**figure.to_json()) for figure in figures]
