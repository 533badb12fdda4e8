"""The Evaluation tab: run a data set, read the figures, look into every question."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from embeddings.errors import PinciteError
from eval.report import Comparison, Report, compare, report_at_threshold
from eval.rows import VERDICTS
from eval.runner import Cancelled
from ui import runs
from ui.cases import HEADERS, case_views, matching_rows, render_case, table_rows
from ui.figures import by_kind, charts, difference, documents_of, headline
from ui.panel import PRIVATE, progress_bar, source_panel
from ui.session import Session
from ui.source import render_source
from ui.text import escape, tag
from ui.work import Outcome, error_sentence, in_background

if TYPE_CHECKING:
    from qa.assistant import Assistant

ALL = "all"
_MODES = [
    ("The whole assistant over these documents", "end-to-end"),
    ("The reader alone: each question with its paragraph (SQuAD)", "reader"),
    ("The whole assistant over the file's own paragraphs (SQuAD)", "open"),
]


class Filters(NamedTuple):
    """What the table of questions is narrowed to; ``ALL`` narrows nothing."""

    verdict: str
    kind: str
    document: str


class Evaluation:
    """Handlers of the Evaluation tab. A person's run is in their session; reports are kept beside the index."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant
        self._downloads = tempfile.TemporaryDirectory(prefix="pincite-")  # goes with the page

    def run(self, source: str, file: str | None, mode: str, limit: float | None, session: Session) -> Iterator[Any]:
        """Run the chosen data set; yield (status, run button, cancel button)."""
        session.cancelled.clear()
        chosen_mode = next(key for _, key in _MODES if key == mode)
        wanted = runs.Wanted(source, file, chosen_mode, int(limit) if limit else None)  # type: ignore[arg-type]
        busy = gr.update(interactive=False), gr.update(visible=True)
        idle = gr.update(interactive=True), gr.update(visible=False)

        def work(report: Callable[[tuple[int, int]], None]) -> Report:
            return runs.run(
                self.assistant,
                wanted,
                progress=lambda done, total: report((done, total)),
                cancelled=session.cancelled,
            )

        yield progress_bar("Opening the data set", 0, 0), *busy
        for update in in_background(work):
            if not isinstance(update, Outcome):
                yield progress_bar("Asked", *update), gr.skip(), gr.skip()
            elif isinstance(update.error, Cancelled):
                yield tag("p", escape(str(update.error)), class_="plain", role="status"), *idle
            elif update.value is None:
                yield tag("p", escape(error_sentence(update.error)), class_="error", role="alert"), *idle
            else:
                session.report = session.moved = update.value
                session.case = []
                yield tag("p", "Done.", class_="plain", role="status"), *idle

    # the figures

    def comparison(self, session: Session) -> Comparison | None:
        """Return the difference to the chosen earlier run, at the threshold shown."""
        if session.moved is None or session.earlier is None:
            return None
        try:
            return compare(session.earlier, session.moved)
        except PinciteError as error:
            gr.Warning(escape(str(error)))
            return None

    def drawn(self, session: Session) -> tuple[str, str, str, str]:
        """Return the figures, diagrams, kinds and difference as HTML."""
        if session.moved is None:
            return "", "", "", ""
        comparison = self.comparison(session)
        return (
            headline(session.moved, comparison),
            charts(session.moved),
            by_kind(session.moved),
            difference(comparison),
        )

    def move(self, threshold: float, session: Session, *filters: str) -> tuple[Any, ...]:
        """Redraw everything as it would be at another abstention threshold; nothing is asked again."""
        if session.report is not None and session.report.has_confidence:
            session.moved = report_at_threshold(session.report, threshold)
        return *self.drawn(session), self.rows(session, *filters)

    def against(self, name: str | None, session: Session) -> tuple[str, str, str, str]:
        """Compare with a kept report, or with none."""
        session.earlier = runs.earlier_run(self.assistant, name)
        return self.drawn(session)

    def downloads(self, session: Session) -> tuple[Any, ...]:
        """Return the three files to download, as things stand."""
        if session.moved is None:
            return gr.skip(), gr.skip(), gr.skip()
        folder = Path(self._downloads.name) / str(id(session))
        return runs.write_downloads(session.moved, self.comparison(session), folder)

    # the questions

    def rows(self, session: Session, *filters: str) -> list[list[Any]]:
        """Return the table of questions under the filters."""
        if session.moved is None:
            return []
        chosen = Filters(*filters)
        return table_rows(
            matching_rows(
                session.moved.rows,
                verdict=None if chosen.verdict == ALL else chosen.verdict,
                kind=None if chosen.kind == ALL else chosen.kind,
                document=None if chosen.document == ALL else chosen.document,
            )
        )

    def open(self, event: gr.SelectData, session: Session) -> tuple[Any, Any]:
        """Open a question of the table: what was expected and answered, both marked in the document."""
        identity = event.row_value[0] if event.row_value else None
        row = next((row for row in session.moved.rows if row.id == identity), None) if session.moved else None
        if row is None:
            return gr.skip(), gr.skip()
        session.case = case_views(row, self.assistant.store)
        session.case_at = 0
        return render_case(row), render_source(session.case[0] if session.case else None)

    def step(self, session: Session, event: gr.EventData) -> Any:
        """Go to the next or previous place of the open question."""
        if not session.case:
            return gr.skip()
        by = 1 if (event._data or {}).get("by") == 1 else -1
        session.case_at = (session.case_at + by) % len(session.case)
        return render_source(session.case[session.case_at])

    def shown(self, session: Session) -> tuple[Any, ...]:
        """Return everything that a finished run changes outside of the figures."""
        report = session.report
        if report is None:
            return tuple(gr.skip() for _ in range(7))
        kinds = sorted({row.kind for row in report.rows})
        documents = sorted({name for row in report.rows for name in documents_of(row)})
        return (
            gr.update(visible=True),
            gr.update(value=report.threshold, interactive=report.has_confidence),
            gr.update(choices=[("All kinds", ALL), *kinds], value=ALL),
            gr.update(choices=[("All documents", ALL), *documents], value=ALL),
            gr.update(value=ALL),
            gr.update(choices=[("None", ""), *runs.earlier_runs(self.assistant)]),
            self.rows(session, ALL, ALL, ALL),
        )


def build_evaluation(evaluation: Evaluation, session: gr.State, tab: gr.Tab) -> None:
    """Lay the tab out and wire it."""
    assistant = evaluation.assistant
    with gr.Row(elem_id="evaluation-controls"):
        source = gr.Dropdown(runs.data_sets(assistant), label="Questions", elem_id="data-set", scale=3)
        mode = gr.Dropdown(_MODES, value="end-to-end", label="What is evaluated", scale=3)
        limit = gr.Number(0, label="At most (0: all)", precision=0, minimum=0, scale=1, min_width=120, elem_id="limit")
    file = gr.File(
        label="A data set: JSON lines or SQuAD JSON, plain or .gz", visible=False, height=120, elem_id="data-set-file"
    )
    with gr.Row():
        start = gr.Button("Run", variant="primary", size="sm", elem_id="run", scale=0, min_width=120)
        cancel = gr.Button("Cancel", visible=False, size="sm", elem_id="cancel-run", scale=0, min_width=120)
    status = gr.HTML(elem_id="run-status", apply_default_css=False)
    with gr.Column(visible=False, elem_id="results") as results:
        with gr.Row():
            threshold = gr.Slider(
                0,
                1,
                step=0.01,
                label="Abstention threshold",
                info="Moving it redraws the figures; nothing is asked again.",
                elem_id="report-threshold",
            )
            earlier = gr.Dropdown([("None", "")], value="", label="Compare with an earlier run", elem_id="earlier-run")
        figures = gr.HTML(elem_id="headline", apply_default_css=False, elem_classes="bare")
        diagrams = gr.HTML(elem_id="diagrams", apply_default_css=False, elem_classes="bare")
        kinds = gr.HTML(elem_id="kinds", apply_default_css=False, elem_classes="bare")
        changes = gr.HTML(elem_id="changes", apply_default_css=False, elem_classes="bare")
        with gr.Row():
            downloads = [
                gr.DownloadButton(f"Download {kind}", size="sm", elem_id=f"download-{kind.lower()}")
                for kind in ("CSV", "JSON", "HTML")
            ]
        with gr.Row():
            verdict = gr.Dropdown([("All verdicts", ALL), *VERDICTS], value=ALL, label="Verdict", elem_id="verdict")
            kind = gr.Dropdown([("All kinds", ALL)], value=ALL, label="Kind")
            document = gr.Dropdown([("All documents", ALL)], value=ALL, label="Document")
        with gr.Row(elem_id="questions-row"):
            with gr.Column(scale=7, min_width=280):
                table = gr.Dataframe(
                    headers=HEADERS,
                    datatype=["str", "str", "str", "str", "str", "str", "number"],
                    column_widths=["76px", "92px", "130px", "230px", "130px", "130px", "64px"],
                    interactive=False,
                    show_search="search",
                    label="Every question; a click opens it",
                    buttons=[],
                    max_height=560,
                    elem_id="question-table",
                )
            with gr.Column(scale=6, min_width=280):
                case = gr.HTML(elem_id="case", apply_default_css=False, elem_classes="bare")
                place = source_panel("case-source")

    inner: dict[str, Any] = {**PRIVATE, "queue": False}
    drawn, filters = [figures, diagrams, kinds, changes], [verdict, kind, document]
    latest: dict[str, Any] = {**PRIVATE, "trigger_mode": "always_last", "concurrency_limit": 2}

    tab.select(lambda: gr.update(choices=runs.data_sets(assistant)), None, source, **inner)
    source.change(lambda key: gr.update(visible=key == runs.FILE_SET), source, file, **inner)
    ran = start.click(
        evaluation.run, [source, file, mode, limit, session], [status, start, cancel], concurrency_limit=1, **PRIVATE
    )
    updated = ran.success(
        evaluation.shown, session, [results, threshold, kind, document, verdict, earlier, table], **inner
    )
    updated.then(evaluation.drawn, session, drawn, **PRIVATE).then(evaluation.downloads, session, downloads, **PRIVATE)
    cancel.click(lambda current: current.cancelled.set(), session, None, **inner)
    moved = threshold.input(evaluation.move, [threshold, session, *filters], [*drawn, table], **latest)
    moved.then(evaluation.downloads, session, downloads, **latest)
    compared = earlier.input(evaluation.against, [earlier, session], drawn, **PRIVATE)
    compared.then(evaluation.downloads, session, downloads, **PRIVATE)
    for one in filters:
        one.input(evaluation.rows, [session, *filters], table, **inner)
    table.select(evaluation.open, session, [case, place], **inner)
    place.step(evaluation.step, session, place, **inner)
