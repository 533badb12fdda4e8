"""Rows, figures, reports at other thresholds, comparisons, and the HTML file, from hand-made predictions."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from embeddings.errors import PinciteError
from eval.bootstrap import Interval
from eval.costs import Costs, cost_figures
from eval.datasets import Dataset, GoldSpan, Question
from eval.html import render_html
from eval.predictions import Prediction, Quote
from eval.report import Difference, Report, build_report, compare, report_at_threshold
from eval.rows import QuestionRow, score
from qa.types import Turn

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>\x1b[31m $\\frac{1}{2}$ **b** {{ 7 * 7 }}'
TEXT = f"Ann lived in Rome. Bob lived in Oslo. Cy lived in Bonn. {HOSTILE}"


def gold(text: str, document: str = "a.txt") -> GoldSpan:
    return GoldSpan(document, TEXT.index(text), text)


def cite(text: str, document: str = "a.txt") -> Quote:
    start = TEXT.index(text)
    context = {"start": 0, "end": len(TEXT), "text": TEXT}
    return Quote(document, start, start + len(text), text, None, context)


DATASET = Dataset(
    "set.jsonl",
    "pincite",
    "0" * 64,
    (
        Question("right", "Where did Ann live?", "where", True, (gold("Rome"), gold("in Rome"))),
        Question("wrong", "Where did Bob live?", "where", True, (gold("Oslo"),)),
        Question("silent", "Where did Cy live?", "where", True, (gold("Bonn"),)),
        Question("none", "Where did Di live?", "none", False, ()),
        Question("invented", "Where did Ed live?", "none", False, ()),
        Question("later", "And he?", "followup", True, (gold("Oslo"),), (Turn("Where did Ann live?", "Rome"),)),
        Question("no-gold", "Why?", "why", True, ()),
        Question("unasked", "Who lived in Rome?", "who", True, (gold("Ann"),)),
    ),
)
PLACES = (("a.txt", 0, 18), ("a.txt", 19, 37), ("a.txt", 38, 55))
PREDICTIONS = {
    "right": Prediction("right", True, "Rome", 0.9, (cite("Rome"), cite("Oslo")), retrieved={"hybrid": PLACES}),
    "wrong": Prediction("wrong", True, "Bob", 0.6, (cite("Bob"),), retrieved={"hybrid": PLACES}),
    "silent": Prediction("silent", False, "Bonn", 0.3, (cite("Bonn"),), retrieved={"hybrid": PLACES[:2]}),
    "none": Prediction("none", False, "Rome", 0.1, (cite("Rome"),)),
    "invented": Prediction("invented", True, "Oslo", 0.5, (cite("Oslo"),)),
    "later": Prediction(
        "later", True, "Oslo", 0.8, (cite("Oslo"),), "Where did Bob live?", retrieved={"hybrid": PLACES}
    ),
    "no-gold": Prediction("no-gold", True, "Rome", 0.7, (cite("Rome"),)),
}
ALONE = {"later": Prediction("later", False, "Rome", 0.2, (cite("Rome"),))}


@pytest.fixture
def rows() -> list[QuestionRow]:
    return score(
        DATASET,
        PREDICTIONS,
        without_history=ALONE,
        text_of=lambda _: TEXT,
        passages_of=lambda _: [*PLACES, ("a.txt", 10, 30)],
    )


@pytest.fixture
def report(rows: list[QuestionRow]) -> Report:
    timings = tuple({"total": float(ms), "read": ms / 2} for ms in range(1, 21))
    costs = Costs(2.0, 8, timings, 100, 4.0, 512.0)
    return build_report(DATASET, rows, mode="end-to-end", threshold=0.5, settings={"retrieval": "hybrid"}, costs=costs)


def values(report: Report) -> dict[str, tuple[float, int]]:
    return {figure.key: (figure.value, figure.n) for figure in report.figures}


def test_verdicts_and_what_is_not_scored(report: Report) -> None:
    verdicts = {row.id: row.verdict for row in report.rows}
    assert verdicts == {
        "right": "right",
        "wrong": "wrong",
        "silent": "wrongly abstained",
        "none": "rightly abstained",
        "invented": "wrongly answered",
        "later": "right",
        "no-gold": "ineligible",
        "unasked": "ineligible",
    }
    assert set(report.ineligible) == {"no-gold", "unasked"}
    assert report.ineligible["unasked"] == "no prediction"
    assert report.verdicts["right"] == 2


def test_every_figure_by_hand(report: Report) -> None:
    found = values(report)
    approx = pytest.approx
    expected = {
        "em": (approx(3 / 6), 6),  # right, none and later
        "f1": (approx(3 / 6), 6),
        "em_answerable": (approx(2 / 4), 4),
        "span_em": (approx(3 / 4), 4),  # the silent one had the right span
        "citation_right": (approx(2 / 3), 3),
        "document_right": (1.0, 3),
        "citation_f1": (approx(2 / 3), 3),
        "citation_precision": (approx((1 / 2 + 0 + 1) / 3), 3),
        "right_and_cited": (approx(2 / 4), 4),
        "abstention_precision": (approx(1 / 2), 2),
        "abstention_recall": (approx(1 / 2), 2),
        "abstention_f1": (approx(1 / 2), 6),
        "answered": (approx(4 / 6), 6),
        "auroc": (approx((3 + 3 + 1) / 9), 6),  # right .9 .8 .3 against .6 .1 .5
        "accuracy_at_90": (approx(3 / 6), 6),
        "best_em": (approx(4 / 6), 6),  # from .8 on: right, later, and two silences that are right
        "recall@1 hybrid": (approx(1 / 4), 4),
        "recall@5 hybrid": (approx(3 / 4), 4),
        "mrr hybrid": (approx((1 + 1 / 2 + 0 + 1 / 2) / 4, abs=1e-5), 4),
        "follow_em_with": (1.0, 1),
        "follow_em_without": (0.0, 1),
        "follow_cited_without": (0.0, 1),
        "latency_p50 total": (10.0, 20),
        "latency_p95 read": (9.5, 20),
        "questions_per_second": (4.0, 8),
        "passages_per_second": (25.0, 100),
        "peak_memory": (512.0, 1),
    }
    assert {key: found[key] for key in expected} == expected
    assert report.best_thresholds["em"] == 0.8
    ndcg = report.figure("ndcg@10 hybrid")
    assert ndcg is not None
    assert 0 < ndcg.value < 1
    assert {f.key: f.value for f in report.by_kind["where"]}["em"] == pytest.approx(1 / 3, abs=1e-5)
    assert [figure.key for figure in report.headline][:2] == ["em", "f1"]


def test_intervals_hold_their_figure(report: Report) -> None:
    assert all(figure.low <= figure.value <= figure.high for figure in report.figures)
    assert all(figure.meaning and figure.label and figure.n for figure in report.figures)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.55, 0.85, 1.0])
def test_another_threshold_is_the_run_that_would_have_been(threshold: float) -> None:
    moved = {
        key: replace(prediction, answered=(prediction.confidence or 0) >= threshold)
        for key, prediction in PREDICTIONS.items()
    }
    alone = {key: replace(prediction, answered=threshold <= 0.2) for key, prediction in ALONE.items()}
    base = build_report(DATASET, score(DATASET, PREDICTIONS, without_history=ALONE), mode="m", threshold=0.5)
    expected = build_report(DATASET, score(DATASET, moved, without_history=alone), mode="m", threshold=threshold)
    found = report_at_threshold(base, threshold)
    assert found.rows == expected.rows
    assert found.threshold == threshold
    assert {f.key: f for f in found.figures} == {f.key: f for f in expected.figures}
    assert found.by_kind == expected.by_kind
    assert report_at_threshold(base, 0.5) is base


def test_curves(report: Report) -> None:
    points = report.risk_coverage
    assert points[0] == (pytest.approx(1 / 6), 0.0, 0.9)
    assert points[-1] == (1.0, pytest.approx(0.5), 0.1)
    assert sum(b.n for b in report.reliability) == 6
    assert report.reliability[-1].accuracy == 1.0


def test_json_round_trip(report: Report, tmp_path: Path) -> None:
    report.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == report
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data["rows"][0]["verdict"] == "right"
    assert data["n"] == 6
    (tmp_path / "other.json").write_text('{"format": 0}')
    with pytest.raises(PinciteError, match=r"other.json is not an evaluation report"):
        Report.load(tmp_path / "other.json")


def test_a_system_without_confidence_or_citations(report: Report) -> None:
    texts = {key: Prediction(key, p.answered, p.text if p.answered else "") for key, p in PREDICTIONS.items()}
    plain = build_report(DATASET, score(DATASET, texts), mode="predictions")
    assert values(plain)["em"] == values(report)["em"]
    assert not {"citation_right", "auroc", "span_em", "mrr hybrid"} & set(values(plain))
    assert (plain.risk_coverage, plain.reliability, plain.best_thresholds) == ([], [], {})
    assert report_at_threshold(plain, 0.9).rows == plain.rows
    assert "Risk-coverage" not in render_html(plain)


def test_comparison_names_what_flipped(report: Report) -> None:
    after = report_at_threshold(report, 0.25)  # the silent one answers: gained
    found = compare(report, after)
    changes = {difference.key: difference for difference in found.differences}
    assert found.n == 6
    assert changes["em"].before == pytest.approx(3 / 6)
    assert changes["em"].change.value == pytest.approx(1 / 6)
    assert changes["em"].change.low == 0
    assert [(flip.id, flip.before, flip.after, flip.better) for flip in found.flips] == [
        ("silent", "wrongly abstained", "right", True)
    ]
    assert (found.flips[0].text_before, found.flips[0].text_after) == ("", "Bonn")
    assert changes["auroc"].change.value == 0
    stranger = replace(report, rows=tuple(replace(row, id=row.id + "x") for row in report.rows))
    with pytest.raises(PinciteError, match="share no question"):
        compare(report, stranger)


@pytest.mark.parametrize(
    ("better", "change", "word"),
    [
        ("higher", Interval(0.1, 0.05, 0.2), "better"),
        ("higher", Interval(-0.1, -0.2, -0.05), "worse"),
        ("lower", Interval(-0.1, -0.2, -0.05), "better"),
        ("neither", Interval(0.1, 0.05, 0.2), "more"),
        ("neither", Interval(-0.1, -0.2, -0.05), "fewer"),
        ("higher", Interval(0.1, 0.0, 0.2), "within chance"),
        ("higher", Interval(0.0, 0.0, 0.0), ""),
    ],
)
def test_a_change_in_a_word(better: str, change: Interval, word: str) -> None:
    assert Difference("key", "label", "%", better, 0.5, 0.6, change).word == word


def test_costs_that_were_not_measured_are_not_shown() -> None:
    assert cost_figures(Costs()) == []


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.marked: list[str] = []
        self._mark = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._mark = (dict(attrs).get("class") or "") if tag == "mark" else self._mark

    def handle_endtag(self, tag: str) -> None:
        self._mark = "" if tag == "mark" else self._mark

    def handle_data(self, data: str) -> None:
        if self._mark:
            self.marked.append(f"{self._mark}: {data}")


def test_html_is_self_contained_marks_both_spans_and_escapes_everything(report: Report) -> None:
    hostile = replace(report.rows[0], question=HOSTILE, text=HOSTILE, kind=HOSTILE, id='"><script>', ineligible=HOSTILE)
    report = replace(report, rows=(hostile, *report.rows[1:]), dataset=HOSTILE, settings={"reader": HOSTILE})
    html = render_html(report, compare(report, report_at_threshold(report, 0.25)))
    page = _Page()
    page.feed(html)
    assert [attrs for tag, attrs in page.tags if tag == "script"] == [
        {"nonce": re.findall(r"'nonce-([^']+)'", html)[0]}
    ]
    assert all(str(attrs["src"]).startswith("data:image/svg+xml") for tag, attrs in page.tags if tag == "img")
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") or name == "href" for name in attrs)]
    assert not re.search(r"(?:src|href)=[\"']?https?:|url\(|@import", html)
    assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|49", html)
    assert {"cited: Rome", "gold: Oslo", "gold: Bonn"} <= set(page.marked)
    rows = [attrs for tag, attrs in page.tags if tag == "details" and attrs.get("class") == "row"]
    assert len(rows) == len(report.rows)
    assert json.loads(str(rows[1]["data-documents"])) == ["a.txt"]
