"""The report on the page: figures, diagrams, cases and downloads, and runs that are kept."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from embeddings.errors import PinciteError
from eval.report import Report, compare, report_at_threshold
from eval.runner import Cancelled
from qa.assistant import Assistant
from tests.ui_helpers import HARBOUR, fake_assistant, write_corpus
from ui import runs
from ui.cases import case_views, matching_rows, render_case, table_rows
from ui.charts import reliability_chart, risk_coverage_chart
from ui.figures import by_kind, difference, headline, report_csv

LINES = [
    {"id": "right", "question": "Who built the lighthouse of Kronborg?", "kind": "who", "answerable": True,
     "answers": [{"doc": "harbour.txt", "text": "Jens Madsen", "start": HARBOUR.index("Jens Madsen")}]},
    {"id": "wrong", "question": "Who built the lighthouse?", "kind": "who", "answerable": True,
     "answers": [{"doc": "harbour.txt", "text": "Ribe", "start": HARBOUR.index("Ribe")}]},
    {"id": "absent", "question": "=What is <b>nitrogen</b>?", "kind": "off topic", "answerable": False, "answers": []},
]  # fmt: skip


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    folder = tmp_path_factory.mktemp("figures")
    with fake_assistant(write_corpus(folder / "documents"), folder / "x.pincite") as opened:
        for line in LINES:
            opened.store.add_eval_question({**line, "history": []})
        yield opened


@pytest.fixture(scope="module")
def report(assistant: Assistant) -> Report:
    wanted = runs.Wanted(runs.OWN_SET, None, "end-to-end", None)
    told: list[tuple[int, int]] = []
    made = runs.run(assistant, wanted, progress=lambda *step: told.append(step), cancelled=lambda: False)
    assert told[-1] == (3, 3)
    return made


def test_own_questions_run_and_the_report_is_kept(assistant: Assistant, report: Report) -> None:
    assert {row.id: row.verdict for row in report.rows} == {
        "right": "right",
        "wrong": "wrong",
        "absent": "rightly abstained",
    }
    label, name = runs.earlier_runs(assistant)[0]
    assert "UTC" in label
    kept = runs.earlier_run(assistant, name)
    assert kept is not None
    assert kept.rows == report.rows
    assert runs.earlier_run(assistant, "../" + name) is None
    assert ("Your own questions (3)", runs.OWN_SET) in runs.data_sets(assistant)


def test_choosing_nothing_and_cancelling_are_sentences(assistant: Assistant, tmp_path: Path) -> None:
    with pytest.raises(PinciteError, match="No file is chosen"):
        runs.chosen_dataset(assistant, runs.Wanted(runs.FILE_SET, None, "end-to-end", None))
    with pytest.raises(Cancelled):
        runs.run(
            assistant,
            runs.Wanted(runs.OWN_SET, None, "end-to-end", 1),
            progress=lambda *_: None,
            cancelled=lambda: True,
        )


def test_headline_and_kinds(report: Report) -> None:
    html = headline(report, None)
    assert "Exact match" in html
    assert "66.7 %" in html
    assert "1 rightly abstained" in html
    assert "off topic" in by_kind(report)


def test_moving_the_threshold_changes_figures_and_the_difference_is_shown(report: Report) -> None:
    strict = report_at_threshold(report, 1.0)
    comparison = compare(report, strict)
    html = headline(strict, comparison)
    assert "-33.3" in html
    assert "2 verdicts changed, 0 for the better" in difference(comparison)
    assert difference(None) == ""


def test_diagrams_hold_the_report_points(report: Report) -> None:
    curve = risk_coverage_chart(report)
    assert curve.count("<circle") == 1
    assert len(curve.split('points="')[1].split('"')[0].split()) == len(report.risk_coverage)
    assert reliability_chart(report).count('class="column"') == len(report.reliability)


def test_cases_mark_both_places(assistant: Assistant, report: Report) -> None:
    (wrong,) = matching_rows(report.rows, verdict="wrong", kind="who", document="harbour.txt")
    (view,) = [view for view in case_views(wrong, assistant.store) if view.document.name == "harbour.txt"]
    marked = {(mark.kind, view.document.text[mark.start : mark.end]) for mark in view.marks}
    assert ("expected", "Ribe") in marked
    assert "Jens Madsen" in render_case(wrong)
    assert table_rows([wrong])[0][:3] == ["wrong", "who", "wrong"]
    (absent,) = matching_rows(report.rows, verdict=None, kind="off topic", document=None)
    assert "&lt;b&gt;nitrogen" in render_case(absent)
    assert "<b>nitrogen" not in render_case(absent)


def test_downloads(report: Report, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(report_csv(report))))
    assert [row["id"] for row in rows] == ["right", "wrong", "absent"]
    assert rows[2]["question"].startswith("'="), "a spreadsheet must not run it"
    as_csv, as_json, as_html = runs.write_downloads(report, None, tmp_path)
    assert Path(as_csv).stat().st_size
    assert json.loads(Path(as_json).read_text(encoding="utf-8"))["n"] == 3
    assert "&lt;b&gt;nitrogen" in Path(as_html).read_text(encoding="utf-8")
