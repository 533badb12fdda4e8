"""The risk-coverage curve and the reliability diagram as SVG in the page's own colours, light and dark.

Drawn here and not by a plotting library because a moved threshold redraws them on the spot, and because the
colours are the theme's variables. The numbers are the report's.
"""

from __future__ import annotations

from collections.abc import Sequence

from eval.report import ReliabilityBin, Report
from ui.text import count, percent, tag

WIDTH, HEIGHT = 420, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 26, 32, 40
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def _x(share: float) -> float:
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _y(share: float) -> float:
    return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def risk_coverage_chart(report: Report) -> str:
    """Return the share wrong among the answered questions, over the share answered, with the threshold's place."""
    points = report.risk_coverage
    if not points:
        return ""
    highest = max(max(risk for _, risk, _ in points), 0.05)
    top = next(step for step in (0.1, 0.2, 0.3, 0.5, 1.0) if step >= highest)
    line = " ".join(f"{_x(coverage)},{_y(risk / top)}" for coverage, risk, _ in points)
    parts = [_axes("questions answered", "wrong among the answered", top), f'<polyline class="curve" points="{line}"/>']
    said = ""
    if report.threshold is not None:
        answered = [point for point in points if point[2] >= report.threshold]
        if answered:
            coverage, risk, _ = answered[-1]
            parts.append(f'<circle class="here" cx="{_x(coverage)}" cy="{_y(risk / top)}" r="5"/>')
            said = f" At the threshold of {percent(report.threshold)}, {percent(coverage)} are answered and "
            said += f"{percent(risk)} of those wrongly."
    return _chart(
        "Risk and coverage", "The surest questions come first; the further right, the more is answered." + said, parts
    )


def reliability_chart(report: Report) -> str:
    """Return the share right of the questions of each confidence, against the confidence itself."""
    bins = report.reliability
    if not bins:
        return ""
    parts = [_axes("confidence", "share right", 1.0), _line("ideal", 0, 0, 1, 1), *_columns(bins)]
    return _chart(
        "Reliability", "Columns at the dashed line mean that the confidence says what it should; n is on top.", parts
    )


def _columns(bins: Sequence[ReliabilityBin]) -> list[str]:
    parts = []
    for item in bins:
        left, right = _x(item.low) + 1.5, _x(item.high) - 1.5
        top, bottom = _y(item.accuracy), _y(0)
        name = f"{count(item.n, 'question')} at {percent(item.confidence)}: {percent(item.accuracy)} right"
        parts.append(
            f'<rect class="column" x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="{bottom - top:.1f}">'
            f"<title>{name}</title></rect>"
            f'<text x="{(left + right) / 2:.1f}" y="{top - 4:.1f}" text-anchor="middle">{item.n}</text>'
        )
    return parts


def _axes(x: str, y: str, top: float) -> str:
    parts = []
    for tick in _TICKS:
        parts.append(_line("grid", 0, tick, 1, tick))
        parts.append(f'<text x="{_LEFT - 6}" y="{_y(tick) + 4}" text-anchor="end">{100 * tick * top:g} %</text>')
        parts.append(f'<text x="{_x(tick)}" y="{_y(0) + 15}" text-anchor="middle">{100 * tick:g} %</text>')
    parts.append(_line("axis", 0, 0, 1, 0))
    parts.append(f'<text x="{_x(1)}" y="{HEIGHT - 6}" text-anchor="end">{x} →</text>')
    parts.append(f'<text x="{_LEFT - 36}" y="12">↑ {y}</text>')
    return "".join(parts)


def _line(class_: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{class_}" x1="{_x(x1)}" y1="{_y(y1)}" x2="{_x(x2)}" y2="{_y(y2)}"/>'


def _chart(title: str, caption: str, parts: Sequence[str]) -> str:
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'
    return tag("figure", tag("figcaption", tag("b", title) + caption) + svg, class_="chart")
