"""The HTML report: one file that loads nothing from elsewhere, everything from documents escaped."""

from __future__ import annotations

import base64
import io
import secrets
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from eval.figures import BY_KIND, shown
from eval.predictions import Quote
from eval.report import Comparison, Report
from eval.rows import GOOD_VERDICTS, QuestionRow

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(report: Report, comparison: Comparison | None = None) -> str:
    """Return the report (and its comparison with an earlier one) as a self-contained page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    by_kind = {kind: {figure.key: figure for figure in figures} for kind, figures in report.by_kind.items()}
    labels = {figure.key: figure.label for figures in report.by_kind.values() for figure in figures}
    return environment.get_template("report.html").render(
        report=report,
        comparison=comparison,
        by_kind=by_kind,
        kind_keys=[key for key in BY_KIND if key in labels],
        kind_labels=labels,
        documents=sorted({document for row in report.rows for document in _documents(row)}),
        documents_of=_documents,
        curves=[(label, _data_url(draw)) for label, draw in curves(report).items()],
        good=GOOD_VERDICTS,
        around=_around,
        number=shown,
        nonce=secrets.token_urlsafe(16),
    )


def curves(report: Report) -> dict[str, bytes]:
    """Return the risk-coverage curve and the reliability diagram as SVG, by label; none without confidences."""
    if not report.has_confidence:
        return {}
    return {"Risk-coverage curve": _risk_coverage(report), "Reliability diagram": _reliability(report)}


def _risk_coverage(report: Report) -> bytes:
    figure, axes = _axes("share of questions answered", "error among the answered")
    points = report.risk_coverage
    axes.plot([point[0] for point in points], [point[1] for point in points], color="#1a62c4")
    if report.threshold is not None:
        answered = [point for point in points if point[2] >= report.threshold]
        if answered:
            axes.plot(*answered[-1][:2], "o", color="#a3231f", label=f"threshold {report.threshold:.2f}")
            axes.legend(frameon=False)
    axes.set_title("Risk-coverage")
    return _svg(figure)


def _reliability(report: Report) -> bytes:
    figure, axes = _axes("confidence", "share right")
    axes.plot([0, 1], [0, 1], color="#8792a3", linestyle="--", linewidth=1)
    bins = report.reliability
    axes.plot([b.confidence for b in bins], [b.accuracy for b in bins], "o-", color="#1a62c4")
    for b in bins:
        axes.annotate(str(b.n), (b.confidence, b.accuracy), textcoords="offset points", xytext=(5, -11), fontsize=8)
    axes.set_title("Reliability (number of questions at each point)")
    return _svg(figure)


def _axes(x: str, y: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure as Drawing  # not pyplot: no global state, safe in a server's threads

    figure = Drawing(figsize=(5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y, xlim=(0, 1.01), ylim=(0, 1.01))
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _data_url(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def _documents(row: QuestionRow) -> list[str]:
    cited = [quote.document for quote in row.citations or ()]
    return sorted({*cited, *(gold.document for gold in row.expected)})


def _around(quote: Quote) -> markupsafe.Markup:
    """The cited span marked in its sentences, or alone when the system gave none."""
    before = after = ""
    if quote.context is not None:
        text, offset = str(quote.context["text"]), quote.start - int(quote.context["start"])
        before, after = text[:offset], text[offset + len(quote.text) :]
    return markupsafe.Markup('{}<mark class="cited">{}</mark>{}').format(before, quote.text, after)
