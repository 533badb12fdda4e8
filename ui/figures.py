"""A report as HTML: headline figures with their meaning, by kind of question, the difference to an earlier run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from eval.figures import Figure
from eval.report import Comparison, Report, said
from eval.rows import QuestionRow
from ui.charts import reliability_chart, risk_coverage_chart
from ui.panel import figure, sentence_list
from ui.text import count, escape, one_line, tag

_UNITS = {"%": " %", "ms": " ms", "/s": " a second"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def headline(report: Report, comparison: Comparison | None) -> str:
    """Return the few figures to see first; where there is an earlier run, each with its change."""
    changes = {item.key: item for item in comparison.differences} if comparison is not None else {}
    cards = []
    for item in report.headline:
        difference = changes.get(item.key)
        change = ""
        if difference is not None:
            scale = 100 if item.unit == "%" else 1
            moved = scale * difference.change.value
            change = f"{moved:+.1f}" + ("" if difference.certain else " (may be chance)")
        cards.append(figure(item.label, _value(item), f"{item.meaning}. n = {item.n:,}", change))
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in report.verdicts.items())
    about = f"{escape(report.dataset)}: {count(len(report.eligible), 'question')} ({verdicts})."
    left_out = [f"{identity}: {reason}" for identity, reason in report.ineligible.items()]
    aside = sentence_list(f"{count(len(left_out), 'question')} could not be scored", left_out) if left_out else ""
    return tag("p", about, class_="plain") + tag("div", "".join(cards), class_="glance") + aside


def _value(item: Figure) -> str:
    interval = ""
    if item.low != item.high:
        interval = tag(
            "span", f"{item.shown(item.low)} to {item.shown(item.high)}", class_="change", title="95 % interval"
        )
    return f"{item.shown(item.value)}{_UNITS.get(item.unit, f' {escape(item.unit)}' if item.unit else '')}{interval}"


def charts(report: Report) -> str:
    """Return both diagrams, or a sentence where the run holds no confidences."""
    drawn = risk_coverage_chart(report) + reliability_chart(report)
    return tag("div", drawn, class_="charts") if drawn else ""


def by_kind(report: Report) -> str:
    """Return the table of figures by kind of question."""
    labels = {item.key: item.label for figures in report.by_kind.values() for item in figures}
    if not labels:
        return ""
    number = {kind: sum(row.kind == kind for row in report.eligible) for kind in report.by_kind}
    head = tag("tr", "".join(tag("th", escape(name), scope="col") for name in ("Kind", "n", *labels.values())))
    body = []
    for kind, figures in report.by_kind.items():
        known = {item.key: item for item in figures}
        cells = [f"{number[kind]:,}", *(known[key].shown(known[key].value) if key in known else "–" for key in labels)]
        body.append(tag("tr", tag("th", escape(kind), scope="row") + "".join(tag("td", cell) for cell in cells)))
    table = tag("table", tag("thead", head) + tag("tbody", "".join(body)), class_="kinds")
    return tag("div", table, class_="table-wrap", tabindex=0, role="region", aria_label="Figures by kind of question")


def difference(comparison: Comparison | None) -> str:
    """Return which questions changed their verdict since the earlier run."""
    if comparison is None:
        return ""
    if not comparison.flips:
        return tag("p", f"No verdict changed on the {comparison.n:,} questions of both runs.", class_="plain")
    won = sum(flip.better for flip in comparison.flips)
    lines = [
        f"{flip.id}: {one_line(flip.question, 120)} {flip.before} → {flip.after}"
        f" (“{one_line(flip.text_before, 60) or 'no answer'}” → “{one_line(flip.text_after, 60) or 'no answer'}”)"
        for flip in comparison.flips
    ]
    return sentence_list(f"{count(len(lines), 'verdict')} changed, {won} for the better", lines)


def report_csv(report: Report) -> str:
    """Return one line a question, for a spreadsheet; cells that it would take for a formula are quoted."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(
        [
            "id",
            "kind",
            "verdict",
            "question",
            "expected",
            "answered",
            "best span",
            "confidence",
            "em",
            "f1",
            "documents",
        ]
    )
    for row in report.rows:
        confidence = "" if row.confidence is None else f"{row.confidence:.4f}"
        cells = [row.id, row.kind, row.verdict, row.question, expected_text(row), said(row), row.text]
        numbers = [confidence, f"{row.em:g}", f"{row.f1:.4f}"]
        writer.writerow([*map(_plain_cell, cells), *numbers, _plain_cell("; ".join(documents_of(row)))])
    return buffer.getvalue()


def _plain_cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def expected_text(row: QuestionRow) -> str:
    """Return the acceptable texts of a row, the first of each."""
    return " | ".join(dict.fromkeys(span.text for span in row.expected))


def documents_of(row: QuestionRow) -> list[str]:
    """Return the documents that are expected or cited."""
    names: Iterable[str] = (*(span.document for span in row.expected), *(q.document for q in row.citations or ()))
    return list(dict.fromkeys(names))
