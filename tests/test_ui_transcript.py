"""The conversation as HTML: every state of a turn, and nothing of it taken for markup."""

from __future__ import annotations

import copy

import pytest

from qa.types import Alternative, Answer, Citation, Context, Turn
from ui.session import CancelFlag, ChatTurn, Session
from ui.transcript import confidence_words, render_conversation, render_turn, stepped_through

SENTENCE = "The harbour was dredged in 1574 <b>."


def cite(document: str = "a.txt", words: str = "1574", score: float = 0.9) -> Citation:
    start = SENTENCE.index(words)
    return Citation(document, start, start + len(words), words, None, Context(0, len(SENTENCE), SENTENCE), score)


def answered(
    *, differ: bool = False, alternatives: tuple[Alternative, ...] = (), standalone: str | None = None
) -> Answer:
    citations = (cite("a.txt"), cite("b.txt"))
    return Answer("When?", standalone, True, "1574", 0.83, citations, alternatives, differ)


def turn(answer: Answer | None = None, **fields: object) -> ChatTurn:
    made = ChatTurn(3, "When <i>was</i> it?", answer=answer, threshold=0.5)
    made.labels = {number: (f"Title <{number}>", f"paragraph {number}") for number in range(1, 6)}
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_answer_with_words_sentence_sources_confidence() -> None:
    html = render_turn(turn(answered()), last=True)
    assert ">1574</button>" in html
    assert '<mark class="span" data-o="27">1574</mark>' in html
    assert "Likely right · 83 %" in html
    assert "2 documents give this answer." in html
    assert "[1]" in html
    assert "[2]" in html
    assert "Title &lt;2&gt;" in html
    assert "paragraph 2" in html
    assert "<i>" not in html
    assert "&lt;b&gt;" in html
    assert "Ask again" in html
    assert "Ask again" not in render_turn(turn(answered()), last=False)


def test_disagreement_shows_each_answer_and_folds_what_only_differs_in_words() -> None:
    other = Alternative("was dredged", 0.7, (cite("c.txt", "was dredged"),))
    year = Citation("d.txt", 0, 4, "1581", None, Context(0, 4, "1581"), 0.8)
    contradicting = Alternative("1581", 0.8, (year,))
    made = turn(answered(differ=True, alternatives=(contradicting, other)))
    html = render_turn(made, last=True)
    assert "do not agree" in html
    assert html.count('class="differing"') == 2
    assert "1581" in html
    assert html.index("1581") < html.index("Other possible answers") < html.rindex("was dredged")
    assert stepped_through(made, 1) == [1, 2, 3]
    assert stepped_through(made, 4) == [4]


def test_not_found_gives_the_numbers_and_folds_the_nearest() -> None:
    answer = Answer("When?", None, False, None, 0.21, (), (Alternative("1574", 0.21, (cite(),)),))
    html = render_turn(turn(answer), last=True)
    assert "Not in these documents" in html
    assert "21 %</span> likely to hold it" in html
    assert "50 %</span> is asked for" in html
    assert "<details" in html
    assert " open" not in html
    assert "Add as unanswerable" in html
    bare = Answer("When?", None, False, None, 0.0)
    assert "No passage comes near" in render_turn(turn(bare), last=True)


def test_understood_waiting_and_error() -> None:
    html = render_turn(turn(answered(standalone="When was <it> dredged?")), last=True)
    assert "Understood as:" in html
    assert "When was &lt;it&gt; dredged?" in html
    assert "Reading the best passages …" in render_turn(turn(stage="Reading the best passages"), last=True)
    assert "No &lt;such&gt; document" in render_turn(turn(error="No <such> document"), last=True)


def test_thumb_remark_and_added() -> None:
    html = render_turn(turn(answered(), verdict="up", added=True), last=True)
    assert html.count('aria-pressed="true"') == 1
    assert 'id="remark-3"' in html
    assert "In your evaluation set" in html
    assert "noted" in render_turn(turn(answered(), verdict="up", remarked=True), last=True)


def test_welcome_offers_examples() -> None:
    html = render_conversation([], ["Who said <so>?"], "2 documents")
    assert 'data-question="Who said &lt;so&gt;?"' in html
    assert "2 documents" in html
    assert "For example" not in render_conversation([], [], "1 document")


@pytest.mark.parametrize(
    ("confidence", "words"),
    [(1.0, "Very likely right"), (0.9, "Very likely right"), (0.7, "Likely right"), (0.5, "More likely"), (0.1, "Unc")],
)
def test_confidence_words(confidence: float, words: str) -> None:
    assert confidence_words(confidence).startswith(words)


def test_history_is_what_was_answered_before() -> None:
    session = Session()
    first, second = session.add("a?", {}), session.add("b?", {})
    first.answer = answered(standalone="A?")
    assert session.next_waiting() is second
    assert session.history(second) == [Turn("a?", "1574", "A?")]
    assert session.turn("1") is None
    assert session.turn(first.id) is first
    session.clear()
    assert session.turns == []


def test_a_copied_session_shares_nothing() -> None:
    session = Session()
    other = copy.deepcopy(session)
    other.add("a?", {})
    other.cancelled.set()
    assert session.turns == []
    assert not session.cancelled()
    assert isinstance(other.cancelled, CancelFlag)
    assert other.cancelled()
    other.cancelled.clear()
    assert not other.cancelled()
