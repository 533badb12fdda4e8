"""The Documents tab: what is indexed, adding and removing, and the index's health."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from embeddings.errors import PinciteError
from embeddings.indexing import IndexReport
from ui import uploads
from ui.panel import PRIVATE, figure, progress_bar, sentence_list, source_panel
from ui.session import Session
from ui.source import SourceView, format_name, render_source
from ui.text import count, escape, joined, one_line, tag
from ui.work import Outcome, error_sentence, in_background

if TYPE_CHECKING:
    from qa.assistant import Assistant

HEADERS = ["Title", "File", "Format", "Passages", "Characters", "Added"]
_FILE = HEADERS.index("File")
Progress = tuple[str, int, int]


class Documents:
    """Handlers of the Documents tab. Only one person at a time changes the index; asking goes on meanwhile."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant
        self._changing = threading.Lock()

    def rows(self) -> list[list[str | int]]:
        """Return the table: one row a document, by title."""
        records = sorted(self.assistant.store.documents(), key=lambda record: record.title.casefold())
        return [
            [
                one_line(record.title, 120),
                record.name,
                format_name(record.format),
                record.passages,
                record.characters,
                record.added[:10],
            ]
            for record in records
        ]

    def glance(self) -> str:
        """Return the index in a few figures, and what could not be read."""
        store = self.assistant.store
        records = store.documents()
        size = sum(file.stat().st_size for file in store.path.rglob("*") if file.is_file())
        figures = [
            figure("Documents", f"{len(records):,}"),
            figure("Passages", f"{sum(record.passages for record in records):,}"),
            figure("Characters", f"{sum(record.characters for record in records):,}"),
            figure("Size of the index", f"{size / 2**20:,.1f} MB"),
            figure("Encoder", escape(one_line(store.manifest.encoder, 60))),
        ]
        skipped = store.skipped()
        unread = ""
        if skipped:
            lines = [f"{item.name}: {item.reason}" for item in skipped]
            unread = sentence_list(f"{count(len(skipped), 'file')} could not be read", lines)
        return tag("div", "".join(figures), class_="glance") + unread

    # changing the index

    def add(self, files: list[str] | None, session: Session) -> Iterator[tuple[Any, Any]]:
        """Index uploaded files; cancelling or failing leaves the index and the files as they were."""
        if not files:
            yield gr.skip(), gr.skip()
            return

        def work(report: Callable[[Progress], None]) -> IndexReport:
            def progress(name: str, done: int, total: int) -> None:
                report((name, done, total))

            paths = [Path(file) for file in files]
            try:
                uploads.check_upload(paths)
                documents, skipped = uploads.read_upload(paths, progress, session.cancelled)
                result = uploads.add_upload(
                    self.assistant.store, self.assistant.encoder, documents, progress, session.cancelled
                )
            finally:
                for path in paths:  # the index holds the text; nobody needs the file any more
                    path.unlink(missing_ok=True)
            result.skipped = skipped
            return result

        yield from self._change(work, session, _added_sentence)

    def refresh(self, session: Session) -> Iterator[tuple[Any, Any]]:
        """Look at the indexed folders again."""

        def work(report: Callable[[Progress], None]) -> IndexReport | None:
            return self.assistant.refresh(progress=lambda name, done, total: report((name, done, total)))

        yield from self._change(work, session, _refreshed_sentence)

    def _change(
        self,
        work: Callable[[Callable[[Progress], None]], Any],
        session: Session,
        sentence: Callable[[Any], str],
    ) -> Iterator[tuple[Any, Any]]:
        """Run ``work`` alone, showing (status, cancel button) on the way."""
        session.cancelled.clear()

        def alone(report: Callable[[Progress], None]) -> Any:
            with _or_busy(self._changing):
                return work(report)

        yield progress_bar("Reading the files", 0, 0), gr.update(visible=True)
        for update in in_background(alone):
            if not isinstance(update, Outcome):
                name, done, total = update
                yield progress_bar(one_line(name, 80), done, total), gr.skip()
            elif update.error is not None:
                yield (
                    tag("p", escape(error_sentence(update.error)), class_="error", role="alert"),
                    gr.update(visible=False),
                )
            elif session.cancelled():
                yield _status("Cancelled. The index is as it was before."), gr.update(visible=False)
            else:
                yield sentence(update.value), gr.update(visible=False)

    def remove(self, name: str) -> str:
        """Remove a document from the index, with its text, passages and vectors."""
        try:
            with _or_busy(self._changing):
                self.assistant.remove([name])
        except PinciteError as error:
            return tag("p", escape(str(error)), class_="error", role="alert")
        return _status(f"Removed {escape(one_line(name, 120))}.")

    def open(self, event: gr.SelectData, session: Session) -> tuple[Any, Any, Any]:
        """Show the document of the chosen row; return (panel, chosen name, remove button)."""
        name = str(event.row_value[_FILE]) if event.row_value else ""
        try:
            document = self.assistant.store.document(name)
        except PinciteError as error:
            gr.Warning(escape(str(error)))
            return gr.skip(), gr.skip(), gr.skip()
        return render_source(SourceView(document)), name, gr.update(interactive=True)

    def question(self, name: str) -> str:
        """Return what is asked before a document is removed."""
        if name.startswith(f"{uploads.FOLDER}/"):
            effect = "Its text and its passages are deleted for good."
        else:
            effect = "It leaves the index. The file itself stays where it is, and a refresh finds it again."
        return tag("p", f"Remove <b>{escape(one_line(name, 160))}</b>? {effect}", class_="plain")

    def health(self) -> str:
        """Return the doctor's checks of this index."""
        from qa.doctor import examine

        checks = examine(self.assistant.store.path, lambda: self.assistant.settings)
        failed = [check for check in checks if not check.passed]
        lines = [
            tag(
                "li",
                escape(f"{check.name}: {check.message}.") + f" {tag('code', escape(check.remedy))}",
                class_="failed",
            )
            for check in failed
        ]
        verdict = "Healthy" if not failed else f"{count(len(failed), 'check')} failed"
        passed = [f"{check.name}: {check.message}" for check in checks if check.passed]
        return tag(
            "div", tag("h3", verdict) + tag("ul", "".join(lines), class_="checks"), class_="plain", role="status"
        ) + sentence_list(f"{count(len(passed), 'check')} passed", passed)


@contextmanager
def _or_busy(lock: threading.Lock) -> Iterator[None]:
    """Hold the lock, or raise: two changes at a time would answer to nobody."""
    if not lock.acquire(blocking=False):
        raise PinciteError("The index is being changed already.", "Wait until that is done, then try again.")
    try:
        yield
    finally:
        lock.release()


def _status(html: str) -> str:
    return tag("p", html, class_="plain", role="status")


def _added_sentence(report: IndexReport) -> str:
    done = [*report.added, *report.changed]
    if done:
        names = [uploads.shown_name(name) for name in done]
        shown = joined(names) if len(names) <= 6 else count(len(names), "document")
        said = _status(f"Added {shown}: {count(report.passages, 'passage')} in {report.seconds:.1f} seconds.")
    else:
        said = _status(
            "Nothing new: these documents were indexed already." if not report.skipped else "Nothing was added."
        )
    lines = [f"{item.name}: {item.reason}" for item in report.skipped]
    return said + (sentence_list(f"{count(len(lines), 'file')} could not be read", lines) if lines else "")


def _refreshed_sentence(report: IndexReport | None) -> str:
    if report is None or not (report.added or report.changed or report.removed):
        return _status("Everything is up to date.")
    parts = [
        count(len(names), f"document {verb}", f"documents {verb}")
        for names, verb in ((report.added, "added"), (report.changed, "changed"), (report.removed, "removed"))
        if names
    ]
    return _status(f"Refreshed: {joined(parts)}.")


def build_documents(
    documents: Documents, session: gr.State, refreshed: list[Any], refresh_all: Callable[[], Any], page: gr.Blocks
) -> None:
    """Lay the tab out; ``refresh_all`` returns the values of ``refreshed``, which stand outside of the tab."""
    chosen = gr.State("")
    with gr.Row(elem_id="documents-row"):
        with gr.Column(scale=7, min_width=280):
            glance = gr.HTML(documents.glance(), elem_classes="bare", apply_default_css=False)
            table = gr.Dataframe(
                documents.rows(),
                headers=HEADERS,
                datatype=["str", "str", "str", "number", "number", "str"],
                column_widths=["30%", "24%", "80px", "92px", "104px", "108px"],
                interactive=False,
                show_search="search",
                label="Indexed documents; a click opens one",
                buttons=[],
                max_height=420,
                elem_id="document-table",
            )
            with gr.Row():
                remove = gr.Button("Remove the chosen document", interactive=False, size="sm", elem_id="remove")
                refresh = gr.Button("Refresh", size="sm", elem_id="refresh")
                health = gr.Button("Check health", size="sm", elem_id="health")
            with gr.Group(visible=False, elem_id="confirm") as confirm:
                asked = gr.HTML(apply_default_css=False)
                with gr.Row():
                    yes = gr.Button("Remove", variant="stop", size="sm", elem_id="confirm-remove")
                    no = gr.Button("Keep", size="sm")
            status = gr.HTML(elem_id="document-status", apply_default_css=False)
            cancel = gr.Button("Cancel", visible=False, size="sm", elem_id="cancel-indexing")
            files = gr.File(
                file_count="multiple",
                label="Add documents: text, Markdown, HTML, PDF or Word",
                height=140,
                elem_id="upload",
            )
            folder = gr.UploadButton("Add a whole folder", file_count="directory", size="sm", elem_id="upload-folder")
        with gr.Column(scale=6, min_width=280):
            source = source_panel("document-source")

    inner: dict[str, Any] = {**PRIVATE, "queue": False}
    long: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}
    shown = [table, glance, *refreshed]

    def everything() -> tuple[Any, ...]:
        return documents.rows(), documents.glance(), *refresh_all()

    def after_change(event: Any) -> None:
        event.then(everything, None, shown, **inner)

    after_change(
        files.upload(documents.add, [files, session], [status, cancel], **long).then(lambda: None, None, files, **inner)
    )
    after_change(folder.upload(documents.add, [folder, session], [status, cancel], **long))
    after_change(refresh.click(documents.refresh, [session], [status, cancel], **long))
    cancel.click(lambda current: current.cancelled.set(), [session], None, **inner)
    table.select(documents.open, [session], [source, chosen, remove], **long)
    health.click(documents.health, None, status, **PRIVATE)
    remove.click(lambda name: (gr.update(visible=True), documents.question(name)), chosen, [confirm, asked], **inner)
    no.click(lambda: gr.update(visible=False), None, confirm, **inner)

    def removed(name: str) -> tuple[Any, ...]:
        return documents.remove(name), gr.update(visible=False), gr.update(interactive=False), "", render_source(None)

    page.load(everything, None, shown, **inner)
    after_change(yes.click(removed, chosen, [status, confirm, remove, chosen, source], **PRIVATE))
