"""The source panel: exact offsets, plain text, windows of long documents."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddings.documents import Document
from qa.types import Citation, Context
from ui.source import (
    SHOWN_CHARACTERS,
    Mark,
    SourceView,
    citation_view,
    document_text,
    marked_text,
    place,
    render_source,
    segments,
    shown_window,
)
from ui.text import count, escape, one_line, percent, tag


class Reading(HTMLParser):
    """Reads HTML as a browser does, into (offset, classes, text) of every run that carries an offset."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.runs: list[tuple[int, str, str]] = []
        self.tags: list[str] = []
        self._open: tuple[int, str] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if "data-o" in found:
            self._open = int(found["data-o"] or 0), found.get("class") or ""
            self.runs.append((*self._open, ""))

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            offset, classes, text = self.runs[-1]
            self.runs[-1] = offset, classes, text + data


def document(text: str, page_starts: tuple[int, ...] = (), name: str = "a.txt", title: str = "A") -> Document:
    return Document(name, title, text, "pdf" if page_starts else "txt", "0", page_starts)


def test_segments_of_nested_and_overlapping_marks() -> None:
    marks = [Mark(2, 8, "context"), Mark(4, 6, "span"), Mark(5, 10, "expected")]
    assert segments(0, 12, marks) == [
        (0, 2, ()),
        (2, 4, ("context",)),
        (4, 5, ("span", "context")),
        (5, 6, ("span", "context", "expected")),
        (6, 8, ("context", "expected")),
        (8, 10, ("expected",)),
        (10, 12, ()),
    ]


def test_marked_text_quotes_exactly() -> None:
    html = marked_text("Am 3. Mai <1850> 🎈 in Ribe.", 0, 26, [Mark(10, 16, "span")])
    runs = Reading(html).runs
    assert (10, "span", "<1850>") in runs
    assert Reading(html).tags == ["span", "mark", "span"]


TEXT = st.text(alphabet=st.sampled_from("aé🎈 <>&\"'\n\r\t\x00\x1b${}\u202e\u0301x"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(TEXT, st.data())
def test_every_run_stands_at_its_offset(text: str, data: st.DataObject) -> None:
    edges = st.integers(0, len(text))
    pairs = data.draw(st.lists(st.tuples(edges, edges, st.sampled_from(["span", "context", "expected"])), max_size=4))
    marks = [Mark(min(a, b), max(a, b), kind) for a, b, kind in pairs]
    runs = Reading(marked_text(text, 0, len(text), marks)).runs
    assert "".join(run for _, _, run in runs) == Reading(f"<i data-o=0>{escape(text)}</i>").runs[0][2]
    assert sum(len(run) for _, _, run in runs) == len(text), "one code point shows as one"
    position = 0
    for offset, classes, run in runs:
        assert offset == position
        position += len(run)
        covering = {mark.kind for mark in marks if mark.start <= offset and position <= mark.end}
        assert set(classes.split()) == covering


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_escape_keeps_the_number_of_code_points_and_opens_no_tag(text: str) -> None:
    html = escape(text)
    assert not set("<>\"'") & set(html)
    assert len(Reading(f"<i data-o=0>{html}</i>").runs[0][2]) == len(text)


def test_escape_shows_control_characters_and_direction_overrides() -> None:
    assert escape("\x1b[31m") == "\u241b[31m"
    assert escape("\u202eevil") == "\ufffdevil"
    assert escape("a\r\nb") == "a&#13;\nb"
    assert escape("\ud800") == "\ufffd"


def test_mark_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="not a mark"):
        Mark(3, 2, "span")
    with pytest.raises(ValueError, match="not a mark"):
        Mark(0, 1, "script")


def test_pages_are_named_where_they_start() -> None:
    html = document_text(SourceView(document("One page.\fTwo page.", (0, 10)), (Mark(10, 13, "span"),), 10))
    assert html.index('aria-label="Page 2"') < html.index('data-o="10"')
    assert (10, "span", "Two") in Reading(html).runs
    assert place(document("One page.\fTwo page.", (0, 10)), 12) == "page 2"


def test_place_counts_paragraphs() -> None:
    text = "First.\n\nSecond.\nThird."
    assert [place(document(text), text.index(word)) for word in ("First", "Second", "Third")] == [
        "paragraph 1",
        "paragraph 2",
        "paragraph 3",
    ]


def test_long_documents_show_a_window_around_the_focus() -> None:
    assert shown_window(1000, 500) == (0, 1000)
    text = "x" * 450_000 + "needle" + "y" * 450_000
    view = SourceView(document(text), (Mark(450_000, 450_006, "span"),), 450_000)
    html = document_text(view)
    assert (450_000, "span", "needle") in Reading(html).runs
    assert sum(len(run) for _, _, run in Reading(html).runs) == SHOWN_CHARACTERS
    assert "Show what comes before" in html
    assert "Show what comes after" in html
    start = shown_window(len(text), 450_000, window_start=0)
    assert start == (0, SHOWN_CHARACTERS)
    assert shown_window(len(text), 0, window_start=10**9) == (len(text) - SHOWN_CHARACTERS, len(text))


def citation(start: int, end: int, text: str) -> Citation:
    return Citation("a.txt", start, end, text[start:end], None, Context(0, len(text), text), 0.93)


def test_citation_view_marks_span_and_sentence() -> None:
    text = "Jens built it in 1574."
    view = citation_view(document(text), citation(17, 21, text), 1, 2, turn=7, number=1)
    html = render_source(view)
    assert '<mark class="span context" data-o="17">1574</mark>' in html
    assert 'data-open-turn="7"' in html
    assert "1 of 2" in html
    assert "93 % likely" in html


def test_a_document_that_changed_is_not_marked() -> None:
    text = "Jens built it in 1574."
    view = citation_view(
        document("Something else entirely stands here."), citation(17, 21, text), 1, 1, turn=1, number=1
    )
    assert view.marks == ()
    assert "has changed" in render_source(view)


def test_titles_and_names_are_escaped() -> None:
    html = render_source(SourceView(document("x", name="<img src=x>.txt", title="<script>alert(1)</script>")))
    assert not {"script", "img"} & set(Reading(html).tags)


def test_small_words() -> None:
    assert percent(0.999) == "99 %"
    assert percent(1.0) == "100 %"
    assert percent(0.001) == "under 1 %"
    assert percent(0.0) == "0 %"
    assert count(1, "document") == "1 document"
    assert count(1234, "document") == "1,234 documents"
    assert one_line(" a\n b ", 0) == "a b"
    assert one_line("abcdef", 4) == "abc…"
    assert tag("a", "x", class_="b", hidden=True, title=None) == '<a class="b" hidden>x</a>'
