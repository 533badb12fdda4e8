"""What a run took: latency by stage, throughput, indexing speed, memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from eval import metrics
from eval.figures import Column, Figure


@dataclass(frozen=True, slots=True)
class Costs:
    """What a run took. ``latencies_ms`` are of questions asked one at a time, after a warm-up, by stage."""

    seconds: float = 0.0
    questions: int = 0
    latencies_ms: tuple[Mapping[str, float], ...] = ()
    indexed_passages: int = 0
    indexing_seconds: float = 0.0
    peak_memory_mib: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Costs:
        """Rebuild from ``dataclasses.asdict``."""
        return cls(**{**data, "latencies_ms": tuple(data["latencies_ms"])})


def cost_figures(costs: Costs) -> list[Figure]:
    """Return latency by stage (p50, p95, with intervals), throughput, indexing speed and peak memory."""
    figures: list[Figure] = []
    asks = len(costs.latencies_ms)
    stages = {stage for timing in costs.latencies_ms for stage in timing}
    for stage in sorted(stages, key=lambda stage: (stage != "total", stage)):
        values = np.array([timing.get(stage, 0.0) for timing in costs.latencies_ms], dtype=np.float64)
        for q in (50, 95):
            meaning = f"{stage} time within which {q} % of questions asked one at a time are done"
            label = f"Latency p{q}, {stage}"
            statistic = partial(metrics.percentile, values, q=q)
            figures.append(
                Column(f"latency_p{q} {stage}", label, "cost", meaning, statistic, asks, "lower", "ms").figure(asks)
            )
    if costs.seconds and costs.questions:
        rate, n = costs.questions / costs.seconds, costs.questions
        figures.append(
            _plain("questions_per_second", "Questions per second", rate, n, "/s", "higher", "asked in batches")
        )
    if costs.indexing_seconds:
        rate, n = costs.indexed_passages / costs.indexing_seconds, costs.indexed_passages
        meaning = "reading, splitting, encoding and storing"
        figures.append(_plain("passages_per_second", "Passages indexed per second", rate, n, "/s", "higher", meaning))
    if costs.peak_memory_mib is not None:
        memory = costs.peak_memory_mib
        figures.append(_plain("peak_memory", "Peak memory", memory, 1, "MiB", "lower", "the most the process held"))
    return figures


def _plain(
    key: str, label: str, value: float, n: int, unit: str, better: Literal["higher", "lower"], meaning: str
) -> Figure:
    return Figure(key, label, "cost", value, value, value, n, unit, better, meaning)
