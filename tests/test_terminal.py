from __future__ import annotations

import io

import pytest
from rich.console import Console

from embeddings.documents import Document
from qa.questions import printable
from qa.terminal import confidence_words, place, print_answer, progress, quotation
from qa.types import Alternative, Answer, Citation, Context

EVIL = "Intro.\nThe \x1b]0;owned\x07\x1b[31mred [bold]answer[/bold]\u202e is\r here\x9b.\n"


def cite(text: str, quoted: str, document: str = "a.txt", score: float = 0.9, page: int | None = None) -> Citation:
    start = text.index(quoted)
    low = text.rfind("\n", 0, start) + 1
    high = text.index("\n", start)
    return Citation(document, start, start + len(quoted), quoted, page, Context(low, high, text[low:high]), score)


def shown(answer: Answer, texts: dict[str, str]) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=1000, highlight=False)
    print_answer(answer, lambda name: Document(name, "", texts[name], "txt", "0"), console)
    return stream.getvalue()


def test_control_characters_and_markup_of_documents_are_neutralised() -> None:
    citation = cite(EVIL, "[bold]answer[/bold]")
    answer = Answer("q\x1b[2J", None, True, citation.text, 0.9, (citation,))
    out = shown(answer, {"a.txt": EVIL})
    assert not any(ord(character) < 32 and character != "\n" for character in out)
    assert not set(out) & set("\u202e\x9b\x07")
    assert out.splitlines()[0] == "[bold]answer[/bold]"
    assert "a.txt:2, characters" in out


def test_printable_keeps_letters_of_all_scripts_and_emoji() -> None:
    text = "Füße مرحبا 漢字 👩‍👩‍👧 می‌خواهم"
    assert printable(text) == text
    assert printable("a\x00b\tc\u2028d\ud800") == "a b c d"


def test_the_span_is_marked_and_long_sentences_are_shortened() -> None:
    text = "x" * 1000 + " the answer " + "y" * 1000 + "\n"
    plain = quotation(cite(text, "the answer")).plain
    assert "[the answer]" in plain
    assert len(plain) < 700
    assert (plain[0], plain[-1]) == ("…", "…")


def test_place_names_title_line_page_and_range() -> None:
    text = "One.\nTwo.\n"
    citation = cite(text, "Two", "a.pdf", page=3)
    where = "a.pdf:2, page 3, characters 5-8"
    assert place(citation, Document("a.pdf", "A title", text, "pdf", "0")) == f"A title - {where}"
    assert place(citation, Document("a.pdf", "", text, "pdf", "0")) == where


@pytest.mark.parametrize(
    ("confidence", "words"),
    [
        (1.0, "very likely right (100%)"),
        (0.9, "very likely right (90%)"),
        (0.75, "likely right (75%)"),
        (0.5, "more likely right than wrong (50%)"),
        (0.3, "unsure (30%)"),
        (0.0, "hardly more than a guess (0%)"),
    ],
)
def test_confidence_in_words(confidence: float, words: str) -> None:
    assert confidence_words(confidence) == words


def test_other_sources_and_differing_answers_are_shown() -> None:
    texts = {"a.txt": "They met 27 times.\n", "b.txt": "In all 27 meetings.\n", "c.txt": "More than 20 meetings.\n"}
    citations = (cite(texts["a.txt"], "27"), cite(texts["b.txt"], "27", "b.txt"))
    other = Alternative("More than 20", 0.4, (cite(texts["c.txt"], "More than 20", "c.txt", 0.4),))
    out = shown(Answer("q", "standing alone?", True, "27", 0.8, citations, (other,), sources_differ=True), texts)
    assert out.splitlines()[:2] == ["Understood as: standing alone?", "27"]
    assert "Also supported by:" in out
    assert "b.txt:1" in out
    assert "The documents give different answers:" in out
    assert "More than 20 - unsure (40%)" in out
    agreed = shown(Answer("q", None, True, "27", 0.8, citations, (other,)), texts)
    assert "More than 20" not in agreed


def test_not_found_shows_the_nearest_as_such() -> None:
    texts = {"a.txt": "They met 27 times.\n"}
    near = Alternative("27", 0.1, (cite(texts["a.txt"], "27", score=0.1),))
    out = shown(Answer("q", None, False, None, 0.1, (), (near,)), texts)
    assert out.startswith("Not in these documents.\nThe nearest passages, not answers")
    assert "They met [27] times." in out
    assert "Nothing near" in shown(Answer("q", None, False, None, 0.0), texts)


def test_progress_is_drawn_on_a_terminal_only_and_is_no_markup() -> None:
    stream = io.StringIO()
    with progress(Console(file=stream, force_terminal=True, width=80)) as show:
        show("report[/bold]\x07.pdf", 1, 4)
    assert "1/4" in stream.getvalue()
    assert "report[/bold] .pdf" in stream.getvalue()
    stream = io.StringIO()
    with progress(Console(file=stream, force_terminal=False)) as show:
        show("report.pdf", 1, 4)
    assert stream.getvalue() == ""
