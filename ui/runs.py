"""Evaluation runs behind the page: which data sets there are, running one, and keeping the reports."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embeddings.errors import PinciteError
from eval.datasets import Dataset, load_dataset
from eval.html import render_html
from eval.report import Comparison, Report
from eval.runner import Mode, evaluate, journal_folder, open_system
from ui.examples import BUNDLED
from ui.figures import report_csv

if TYPE_CHECKING:
    from qa.assistant import Assistant

BUNDLED_SET, OWN_SET, FILE_SET = "bundled", "own", "file"
KEPT_REPORTS = 20
QUESTIONS_AT_ONCE = 8
"""Small batches: a question in the chat waits for one of them at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to evaluate: a data set by its key or the path of a file, how, and how many questions of it."""

    source: str
    file: str | None
    mode: Mode
    limit: int | None


def data_sets(assistant: Assistant) -> list[tuple[str, str]]:
    """Return (label, key) of the data sets to choose from."""
    choices = [("The bundled questions on the seed articles", BUNDLED_SET)] if BUNDLED.exists() else []
    own = len(assistant.store.eval_questions())
    choices.append((f"Your own questions ({own})", OWN_SET))
    return [*choices, ("A file: JSON lines or SQuAD", FILE_SET)]


def chosen_dataset(assistant: Assistant, wanted: Wanted) -> Dataset:
    """Load what was chosen, or raise PinciteError in a sentence."""
    if wanted.source == OWN_SET:
        return _own(assistant)
    if wanted.source == BUNDLED_SET:
        return load_dataset(BUNDLED)
    if not wanted.file:
        raise PinciteError("No file is chosen.", "Choose a JSON-lines or SQuAD file, plain or .gz.")
    return load_dataset(wanted.file)


def _own(assistant: Assistant) -> Dataset:
    lines = assistant.store.eval_questions()
    if not lines:
        hint = "Ask in the chat, then “Add to the evaluation set” under an answer."
        raise PinciteError("There are no questions of your own yet.", hint)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "your own questions.jsonl"
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        return load_dataset(path)


def run(
    assistant: Assistant,
    wanted: Wanted,
    *,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> Report:
    """Evaluate, keep the report beside the index and return it. Raises PinciteError, ``Cancelled`` when stopped."""
    dataset = chosen_dataset(assistant, wanted)
    beside: Callable[[], Assistant] | None = None
    if wanted.mode == "end-to-end":

        def beside() -> Assistant:  # its own connection to the same index; the models are shared
            return type(assistant).open(
                assistant.store.path, settings=assistant.settings, encoder=assistant.encoder, reader=assistant.reader
            )

    with open_system(dataset, wanted.mode, assistant=beside, settings=assistant.settings) as opened:
        opened.system.batch = QUESTIONS_AT_ONCE
        report = evaluate(
            opened,
            limit=wanted.limit,
            progress=progress,
            cancelled=cancelled,
            journal_folder=journal_folder(assistant.settings),
        ).report
    _keep(assistant, report)
    return report


def _folder(assistant: Assistant) -> Path:
    index = assistant.store.path
    return index.parent / f"{index.name}.reports"


def _keep(assistant: Assistant, report: Report) -> None:
    folder = _folder(assistant)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = re.sub(r"\D", "", report.created[:19])
    report.save(folder / f"{stamp}-{re.sub(r'[^A-Za-z0-9]+', '-', report.dataset)[:60]}.json")
    for old in sorted(folder.glob("*.json"))[:-KEPT_REPORTS]:
        old.unlink(missing_ok=True)


def earlier_runs(assistant: Assistant) -> list[tuple[str, str]]:
    """Return (label, file name) of the kept reports, the newest first."""
    found = sorted(_folder(assistant).glob("*.json"), reverse=True)
    return [(_label(path.stem), path.name) for path in found]


def _label(stem: str) -> str:
    stamp, _, dataset = stem.partition("-")
    if len(stamp) < 14:
        return stem
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[8:10]}:{stamp[10:12]}:{stamp[12:14]} UTC, {dataset}"


def earlier_run(assistant: Assistant, name: str | None) -> Report | None:
    """Load a kept report; only names that :func:`earlier_runs` lists are opened."""
    if not name or name not in {file for _, file in earlier_runs(assistant)}:
        return None
    return Report.load(_folder(assistant) / name)


def write_downloads(report: Report, comparison: Comparison | None, folder: Path) -> tuple[str, str, str]:
    """Write the report as CSV, JSON and HTML into ``folder`` and return the three paths."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9]+", "-", Path(report.dataset).stem).strip("-") or "report"
    paths = tuple(folder / f"{name}.{kind}" for kind in ("csv", "json", "html"))
    paths[0].write_text(report_csv(report), encoding="utf-8-sig", newline="")
    report.save(paths[1])
    paths[2].write_text(render_html(report, comparison), encoding="utf-8")
    return str(paths[0]), str(paths[1]), str(paths[2])
