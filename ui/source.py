"""The source panel: a document as escaped HTML with marked spans, at exact code-point offsets.

Every run of text carries ``data-o``, the document offset of its first code point, so that a selection in
the page counts back to the document. Nothing is searched for: marks are placed by offsets alone.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from embeddings.documents import Document
from qa.types import Citation
from ui.text import escape, one_line, percent, tag

SHOWN_CHARACTERS = 200_000
"""Longer documents are shown as a window of this many characters around the focus."""

_KINDS = ("span", "context", "expected", "passage")
_FORMATS = {"txt": "text", "md": "Markdown", "html": "HTML", "pdf": "PDF", "docx": "Word"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A half-open range of a document to mark. ``kind`` is one of span, context, expected and passage."""

    start: int
    end: int
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in _KINDS or not 0 <= self.start <= self.end:
            raise ValueError(f"not a mark: {self}")


@dataclass(frozen=True, slots=True)
class SourceView:
    """What the panel shows: a document, its marks, where to scroll to and where in a list it stands."""

    document: Document
    marks: tuple[Mark, ...] = ()
    focus: int = 0
    position: int = 0
    total: int = 0
    note: str = ""
    window_start: int | None = None
    turn: int | None = None
    number: int = 0


def citation_marks(citation: Citation) -> tuple[Mark, ...]:
    """Return the marks of a citation: its sentence, and the quoted span within it."""
    context = citation.context
    return (Mark(context.start, context.end, "context"), Mark(citation.start, citation.end, "span"))


def place(document: Document, offset: int) -> str:
    """Return where ``offset`` stands in words: the page where there are pages, else the paragraph."""
    page = document.page_of(offset)
    if page is not None:
        return f"page {page}"
    paragraphs = [line for line in document.text[:offset].split("\n")[:-1] if line.strip()]
    return f"paragraph {len(paragraphs) + 1}"


def format_name(format_: str) -> str:
    """Return a format's everyday name."""
    return _FORMATS.get(format_, format_)


def segments(start: int, end: int, marks: Sequence[Mark]) -> list[tuple[int, int, tuple[str, ...]]]:
    """Cut ``[start, end)`` at the marks' edges; each piece carries the kinds of the marks that cover it."""
    cuts = {start, end}
    for mark in marks:
        cuts.update(cut for cut in (mark.start, mark.end) if start < cut < end)
    ordered = sorted(cuts)
    pieces = []
    for left, right in itertools.pairwise(ordered):
        covering = {mark.kind for mark in marks if mark.start <= left and right <= mark.end}
        pieces.append((left, right, tuple(kind for kind in _KINDS if kind in covering)))
    return pieces


def marked_text(text: str, start: int, end: int, marks: Sequence[Mark]) -> str:
    """Return ``text[start:end]`` as HTML: plain runs in ``span``, marked ones in ``mark``, each with its offset."""
    parts = []
    for left, right, kinds in segments(start, end, marks):
        content = escape(text[left:right])
        if kinds:
            parts.append(tag("mark", content, class_=" ".join(kinds), data_o=left))
        else:
            parts.append(tag("span", content, data_o=left))
    return "".join(parts)


def shown_window(length: int, focus: int, window_start: int | None = None) -> tuple[int, int]:
    """Return the part of a document of ``length`` characters to show, around ``focus`` or from a given start."""
    if length <= SHOWN_CHARACTERS:
        return 0, length
    start = focus - SHOWN_CHARACTERS // 2 if window_start is None else window_start
    start = max(0, min(start, length - SHOWN_CHARACTERS))
    return start, start + SHOWN_CHARACTERS


def document_text(view: SourceView) -> str:
    """Return the document's text as HTML, cut at page starts, with its marks."""
    document = view.document
    start, end = shown_window(len(document.text), view.focus, view.window_start)
    parts = []
    if start > 0:
        parts.append(_more("before", max(0, start - SHOWN_CHARACTERS // 2), start))
    edges = [offset for offset in document.page_starts if start <= offset < end]
    cuts = sorted({start, *edges, end})
    for left, right in itertools.pairwise(cuts):
        if left in edges:
            page = bisect_right(document.page_starts, left)
            parts.append(tag("span", "", class_="page-break", role="separator", aria_label=f"Page {page}"))
        parts.append(marked_text(document.text, left, right, view.marks))
    if end < len(document.text):
        parts.append(_more("after", start + SHOWN_CHARACTERS // 2, len(document.text) - end))
    return "".join(parts)


def _more(where: str, window_start: int, hidden: int) -> str:
    label = f"Show what comes {where} ({hidden:,} characters)"
    return tag("button", escape(label), type="button", class_="more", data_act="window", data_from=window_start)


def render_source(view: SourceView | None) -> str:
    """Return the whole panel; ``None`` is the resting state."""
    if view is None:
        return (
            '<div class="source empty"><p class="empty-title">The source</p>'
            "<p>The document opens here with the quoted words marked, at the place they stand.</p></div>"
        )
    document = view.document
    facts = [document.name, format_name(document.format)]
    if view.marks:
        facts.append(place(document, view.focus))
    title = tag("h2", escape(one_line(document.title, 160)), dir="auto")
    where = tag("p", escape(" · ".join(facts)), class_="file", dir="auto")
    note = tag("p", escape(view.note), class_="note") if view.note else ""
    head = tag("div", title + where + note, class_="source-title") + _navigation(view)
    body = tag("div", document_text(view), class_="doc", dir="auto", data_focus=view.focus)
    legend = _legend(view.marks)
    content = (
        tag("header", head, class_="source-head")
        + legend
        + tag("div", body, class_="source-body", tabindex=0, role="region", aria_label="Document text")
        + _selection_bar()
    )
    return tag(
        "section",
        content,
        class_="source",
        aria_label="Source document",
        data_open_turn=view.turn,
        data_open_n=view.number,
    )


def _navigation(view: SourceView) -> str:
    close = '<button type="button" class="quiet close" data-act="close" aria-label="Close the source">×</button>'
    if view.total < 2:
        return tag("nav", close, aria_label="Citations")
    previous = tag(
        "button", "‹", type="button", class_="quiet", data_act="step", data_by=-1, aria_label="Previous citation"
    )
    following = tag(
        "button", "›", type="button", class_="quiet", data_act="step", data_by=1, aria_label="Next citation"
    )
    position = tag("span", f"{view.position} of {view.total}", class_="position")
    return tag("nav", previous + position + following + close, aria_label="Citations")


_LEGEND = {"span": "quoted words", "context": "their sentence", "expected": "expected", "passage": "passage"}


def _legend(marks: Sequence[Mark]) -> str:
    kinds = [kind for kind in _KINDS if any(mark.kind == kind for mark in marks)]
    keys = [tag("mark", _LEGEND[kind], class_=kind) for kind in kinds]
    return tag("p", " ".join(keys), class_="legend", aria_hidden="true") if keys else ""


def _selection_bar() -> str:
    return (
        '<div class="selection-bar" role="toolbar" aria-label="Selected words">'
        '<span class="selected-words"></span>'
        '<button type="button" class="primary" data-act="use-selection">Add to the evaluation set as the right answer'
        "</button></div>"
    )


def citation_view(
    document: Document, citation: Citation, position: int, total: int, turn: int, number: int
) -> SourceView:
    """Return the panel's view of citation ``number`` of a turn, the ``position``-th of ``total`` to step to."""
    if document.text[citation.start : citation.end] != citation.text:
        return SourceView(
            document,
            position=position,
            total=total,
            turn=turn,
            number=number,
            note="This document has changed since the answer was given: its words no longer stand at the cited place.",
        )
    chance = f"{percent(citation.score)} likely to be the answer"
    return SourceView(document, citation_marks(citation), citation.start, position, total, chance, None, turn, number)
