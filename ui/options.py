"""The side bar: what to search and how sure to be. Every default is good; nobody needs to open it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.text import one_line

if TYPE_CHECKING:
    from qa.assistant import Assistant

RETRIEVAL_CHOICES = [("Words and meaning", "hybrid"), ("Words only", "lexical"), ("Meaning only", "dense")]


@dataclass(frozen=True, slots=True)
class Options:
    """The side bar's values, in the order of its components."""

    documents: list[str] | None
    top_k: int
    retrieval: str
    threshold: float
    rewrite: bool

    def overrides(self, fitted: float) -> dict[str, Any]:
        """Return the arguments for ``Assistant.ask``; no document chosen means all of them.

        A slider left at the ``fitted`` threshold, which it shows rounded, is no override.
        """
        untouched = self.threshold == round(fitted, 2)
        return {
            "documents": list(self.documents) if self.documents else None,
            "top_k": int(self.top_k),
            "retrieval": self.retrieval,
            "threshold": None if untouched else float(self.threshold),
            "rewrite": None if self.rewrite else False,
        }


def document_choices(assistant: Assistant) -> list[tuple[str, str]]:
    """Return (label, name) of every document, by title; equal titles are told apart by the file name."""
    records = assistant.store.documents()
    titles = [one_line(record.title, 70) for record in records]
    labels = [
        title if titles.count(title) == 1 else f"{title} ({record.name})"
        for title, record in zip(titles, records, strict=True)
    ]
    return sorted(zip(labels, (record.name for record in records), strict=True))


def build_options(assistant: Assistant, threshold: float) -> tuple[gr.Dropdown, list[Any]]:
    """Lay the side bar out; return the document filter and all components in the order of :class:`Options`."""
    settings = assistant.settings
    gr.HTML('<h2 class="side-title">Search options</h2>', apply_default_css=False)
    documents = gr.Dropdown(
        document_choices(assistant),
        multiselect=True,
        label="Documents to search",
        info="Leave empty to search all of them.",
        elem_id="document-filter",
    )
    top_k = gr.Slider(
        1,
        max(30, settings.top_k),
        value=settings.top_k,
        step=1,
        label="Passages to read",
        info="More finds more, and takes longer.",
    )
    retrieval = gr.Radio(
        RETRIEVAL_CHOICES, value=settings.retrieval, label="Find passages by", elem_id="retrieval-kind"
    )
    slider = gr.Slider(
        0,
        1,
        value=round(threshold, 2),
        step=0.01,
        label="Answer only when at least this sure",
        info="Higher: fewer wrong answers, and more often “not in these documents”. Lower: the other way round.",
        elem_id="threshold",
    )
    rewrite = gr.Checkbox(
        value=settings.rewrite,
        label="Complete follow-up questions",
        info="“And who protested?” is completed from the conversation, and shown as it was understood.",
    )
    return documents, [documents, top_k, retrieval, slider, rewrite]
