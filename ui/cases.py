"""One evaluated question: as a row of the table, in words, and as places marked in its documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from embeddings.errors import PinciteError
from eval.report import said
from eval.rows import QuestionRow
from ui.figures import documents_of, expected_text
from ui.source import Mark, SourceView
from ui.text import escape, one_line, percent, tag

if TYPE_CHECKING:
    from embeddings.store import Store

HEADERS = ["Id", "Kind", "Verdict", "Question", "Expected", "Answered", "Sure"]


def matching_rows(
    rows: Iterable[QuestionRow], *, verdict: str | None, kind: str | None, document: str | None
) -> list[QuestionRow]:
    """Return the rows under the filters; None narrows nothing."""
    return [
        row
        for row in rows
        if (verdict is None or row.verdict == verdict)
        and (kind is None or row.kind == kind)
        and (document is None or document in documents_of(row))
    ]


def table_rows(rows: Sequence[QuestionRow]) -> list[list[Any]]:
    """Return the table's cells, in the order of ``HEADERS``."""
    return [
        [
            row.id,
            row.kind,
            row.verdict,
            one_line(row.question, 300),
            one_line(expected_text(row), 160) or "no answer",
            one_line(said(row), 160) or "no answer",
            None if row.confidence is None else round(row.confidence, 2),
        ]
        for row in rows
    ]


def render_case(row: QuestionRow) -> str:
    """Return the question with what was expected and what was answered, in words."""
    facts: list[tuple[str, str]] = [("Verdict", escape(row.verdict))]
    if row.history:
        turns = [
            f"{turn.get('question', '')} – {turn.get('answer') or 'not in these documents'}" for turn in row.history
        ]
        facts.append(("Asked after", "<br>".join(escape(one_line(turn, 200)) for turn in turns)))
    if row.standalone_question:
        facts.append(("Understood as", escape(one_line(row.standalone_question))))
    expected = [tag("mark", escape(one_line(text)), class_="expected") for text in _texts(row)]
    facts.append(("Expected", " or ".join(expected) or "no answer"))
    facts.append(("Answered", _said(row)))
    if row.confidence is not None:
        facts.append(("Sure", percent(row.confidence)))
    if row.ineligible:
        facts.append(("Not scored", escape(row.ineligible)))
    terms = "".join(tag("dt", name) + tag("dd", value, dir="auto") for name, value in facts)
    return tag(
        "div",
        tag("h3", escape(one_line(row.question)), class_="question", dir="auto") + tag("dl", terms),
        class_="case",
    )


def _texts(row: QuestionRow) -> list[str]:
    return list(dict.fromkeys(span.text for span in row.expected))


def _said(row: QuestionRow) -> str:
    if not row.text:
        return "nothing"
    words = tag("mark", escape(one_line(row.text)), class_="span")
    return words if row.answered else f"nothing; the best words were {words}"


def case_views(row: QuestionRow, store: Store) -> list[SourceView]:
    """Return the places of a question to look at: where the answer was taken from, then where it was expected.

    One view a document, with everything of it marked. Documents that are not in this index are left out.
    """
    cited = row.citations[0] if row.citations else None
    focus: dict[str, tuple[int, str]] = {}
    if cited is not None:
        focus[cited.document] = (cited.start, "Where the answer was taken from")
    for span in row.expected:
        focus.setdefault(span.document, (span.start, "Where the answer was expected"))
    views = []
    for name, (offset, note) in focus.items():
        try:
            document = store.document(name)
        except PinciteError:
            continue
        marks = [Mark(s.start, s.start + len(s.text), "expected") for s in row.expected if s.document == name]
        if cited is not None and cited.document == name:
            marks.append(Mark(cited.start, cited.end, "span"))
            if any(mark.kind == "expected" for mark in marks):
                note = "Where the answer was taken from, and where it was expected"
        views.append(SourceView(document, tuple(marks), offset, note=note))
    total = len(views)
    return [
        SourceView(view.document, view.marks, view.focus, position, total, view.note)
        for position, view in enumerate(views, 1)
    ]
