"""Baselines: the figures of the version in the repository, and what counts as having lost some."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embeddings.errors import PinciteError
from eval.datasets import decode, parse_json_object, read_bytes
from eval.figures import Figure
from eval.report import Report, said

BASELINES = Path(__file__).parent / "baselines"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The figures of a run by key, and by question its verdict and what was answered (left out for some sets)."""

    dataset: str
    mode: str
    created: str
    questions_fingerprint: str
    settings: Mapping[str, Any]
    figures: Mapping[str, Figure]
    questions: Mapping[str, tuple[str, str]]

    @classmethod
    def of(cls, report: Report, questions_fingerprint: str, *, questions: bool = True) -> Baseline:
        """Return the baseline that a report makes; without ``questions`` it holds none of the data set's words."""
        rows = {row.id: (row.verdict, said(row)) for row in report.rows} if questions else {}
        figures = {figure.key: figure for figure in report.figures}
        return cls(report.dataset, report.mode, report.created, questions_fingerprint, report.settings, figures, rows)

    def save(self, path: Path) -> None:
        """Write as JSON, a line a figure and a line a question, so that a change reads well in a diff."""
        data = asdict(self)
        parts = [f' "{key}": {json.dumps(data[key])}' for key in data if key not in ("figures", "questions")]
        for key in ("figures", "questions"):
            lines = (f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in data[key].items())
            parts.append(f' "{key}": {{\n' + ",\n".join(lines) + "\n }")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Read what :meth:`save` wrote, or raise PinciteError."""
        data = parse_json_object(decode(read_bytes(path), path.name))
        try:
            if data is None:
                raise ValueError("no JSON object")
            data["figures"] = {key: Figure(**figure) for key, figure in data["figures"].items()}
            data["questions"] = {key: (verdict, text) for key, (verdict, text) in data["questions"].items()}
            return cls(**data)
        except (KeyError, TypeError, ValueError) as error:
            raise PinciteError(f"{path.name} is not a baseline ({error}).", "Write it again.") from None


@dataclass(frozen=True, slots=True)
class Drop:
    """A figure that is worse than its baseline by more than the baseline's interval."""

    before: Figure
    now: Figure | None

    def __str__(self) -> str:
        now = f"is {self.now.shown(self.now.value)}" if self.now else "is no longer measured"
        return f"{self.before.label} was {self.before} and {now}"


def drops(baseline: Baseline, report: Report) -> list[Drop]:
    """Return the figures, costs aside, that dropped by more than their interval.

    A share that was the same in every resample has an interval of no width; there one question is allowed.
    """
    found = []
    for before in baseline.figures.values():
        if before.group == "cost" or before.better == "neither":
            continue
        now = report.figure(before.key)
        sign = 1 if before.better == "higher" else -1
        margin = max(before.value - before.low if sign > 0 else before.high - before.value, 1 / before.n)
        if now is None or sign * (before.value - now.value) > margin + 1e-6:
            found.append(Drop(before, now))
    return found


def flips(baseline: Baseline, report: Report) -> list[str]:
    """Return a line for every question whose verdict is another one than in the baseline."""
    lines = []
    for row in report.rows:
        verdict, text = baseline.questions.get(row.id, (row.verdict, ""))
        if verdict != row.verdict:
            lines.append(f"{row.id} {row.question!r}: {verdict} ({text!r}) to {row.verdict} ({said(row)!r})")
    return lines
