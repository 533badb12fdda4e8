"""Composing answers from readings: ranking, grouping, citing, abstaining, disagreeing; all numbers by hand."""

from __future__ import annotations

import math

import pytest

from embeddings.documents import Document
from qa.answers import answer_tokens, compose, disagree, group_spans, rank_spans, same_answer, sentence_around
from qa.overlap import question_overlap
from qa.reader.calibration import FEATURES, Calibration, SpanFeatures
from qa.reader.spans import PassageReading, Span
from qa.types import Answer, Candidate

A = "Talks began in 1956. The two sides held more than 20 meetings in Moscow."
B = "A ministry official said 27 meetings were held. Nobody else spoke."


def calibration(**weights: float) -> Calibration:
    """Ranking by score alone; the confidence a logistic of the given weights."""
    return Calibration(0.0, 0.0, 0.0, dict.fromkeys(FEATURES, 0.0) | weights, 0.5)


def document(name: str) -> Document:
    texts = {"a.txt": A, "b.txt": B, "c.txt": A}
    return Document(name=name, title=name, text=texts[name], format="txt", hash="")


def candidate(name: str, start: int = 0, end: int | None = None, score: float = 0.5) -> Candidate:
    text = document(name).text[start:end]
    return Candidate(0, name, name, start, start + len(text), text, score)


def reading(passage: Candidate, *spans: tuple[str, float], null: float = 0.0) -> PassageReading:
    found = [(passage.text.index(text), text, score) for text, score in spans]
    return PassageReading(tuple(Span(at, at + len(text), score) for at, text, score in found), null)


def ask(*read: tuple[Candidate, PassageReading], using: Calibration, threshold: float | None = None) -> Answer:
    candidates, readings = zip(*read, strict=True)
    return compose(
        "How many meetings?", candidates, readings, document=document, calibration=using, threshold=threshold
    )


def test_quotes_the_best_span_with_its_sentence() -> None:
    passage = candidate("a.txt", 21)
    answer = ask((passage, reading(passage, ("more than 20 meetings", 3.0))), using=calibration(score=1.0))
    (citation,) = answer.citations
    assert (answer.answered, answer.text) == (True, "more than 20 meetings")
    assert A[citation.start : citation.end] == citation.text == answer.text
    assert citation.context.text == "The two sides held more than 20 meetings in Moscow."
    assert answer.confidence == pytest.approx(1 / (1 + math.exp(-3.0)))


def test_null_and_retrieval_decide_between_passages() -> None:
    first, second = candidate("a.txt", score=0.2), candidate("b.txt", score=0.6)
    read = [(first, reading(first, ("1956", 6.0), null=4.0)), (second, reading(second, ("27", 5.0), null=1.0))]
    ranked = rank_spans(*zip(*read, strict=True), Calibration(0.5, 10.0, 0.0, {}, 0.5))  # type: ignore[arg-type]
    assert [(span.text, span.rank) for span in ranked] == [("27", 5.0 - 0.5 + 6.0), ("1956", 6.0 - 2.0 + 2.0)]


def test_overlapping_windows_of_one_document_cite_once() -> None:
    whole, tail = candidate("a.txt"), candidate("a.txt", 21)
    spans = rank_spans(
        [whole, tail],
        [reading(whole, ("more than 20 meetings", 2.0)), reading(tail, ("20 meetings", 3.0))],
        calibration(),
    )
    assert [span.text for span in spans] == ["20 meetings"]


def test_equal_answers_of_several_documents_become_one() -> None:
    one, other = candidate("a.txt"), candidate("c.txt")
    read = [(one, reading(one, ("1956", 3.0))), (other, reading(other, ("in 1956", 2.5)))]
    answer = ask(*read, using=calibration(score=1.0))
    assert [citation.document for citation in answer.citations] == ["a.txt", "c.txt"]
    assert answer.alternatives == ()
    assert not answer.sources_differ


def test_a_place_with_little_support_is_not_cited() -> None:
    one, other = candidate("a.txt"), candidate("c.txt")
    read = [(one, reading(one, ("1956", 3.0))), (other, reading(other, ("1956", -3.0)))]
    assert [citation.document for citation in ask(*read, using=calibration(score=1.0)).citations] == ["a.txt"]


def test_disagreeing_documents_show_both() -> None:
    one, other = candidate("a.txt"), candidate("b.txt")
    read = [(one, reading(one, ("more than 20 meetings", 3.0))), (other, reading(other, ("27 meetings", 2.0)))]
    answer = ask(*read, using=calibration(score=1.0))
    assert answer.sources_differ
    assert answer.text == "more than 20 meetings"
    assert [alternative.text for alternative in answer.alternatives] == ["27 meetings"]


def test_disagreement_does_not_lower_the_confidence() -> None:
    one, other = candidate("a.txt"), candidate("b.txt")
    read = [(one, reading(one, ("more than 20 meetings", 3.0))), (other, reading(other, ("27 meetings", 2.9)))]
    answer = ask(*read, using=calibration(gap=1.0))
    assert answer.sources_differ
    assert answer.confidence == pytest.approx(1 / (1 + math.exp(-8.0)))


def test_a_document_does_not_disagree_with_itself() -> None:
    one = candidate("a.txt")
    answer = ask((one, reading(one, ("20 meetings", 3.0), ("1956", 2.0))), using=calibration(score=1.0))
    assert not answer.sources_differ


def test_abstains_below_the_threshold_and_keeps_the_nearest_span() -> None:
    one = candidate("a.txt")
    read = (one, reading(one, ("1956", 0.0)))
    answer = ask(read, using=calibration(score=1.0), threshold=0.6)
    assert (answer.answered, answer.text, answer.citations) == (False, None, ())
    assert answer.confidence == pytest.approx(0.5)
    assert answer.alternatives[0].citations[0].text == "1956"
    assert ask(read, using=calibration(score=1.0), threshold=0.0).answered


def test_nothing_read_is_an_honest_no() -> None:
    answer = compose("Who?", [], [], document=document, calibration=Calibration.default(), threshold=0.0)
    assert (answer.answered, answer.confidence, answer.alternatives) == (False, 0.0, ())


def test_answer_survives_json() -> None:
    one = candidate("a.txt")
    answer = ask((one, reading(one, ("20 meetings", 3.0), ("1956", 2.0))), using=calibration(score=1.0))
    assert Answer.from_json(answer.to_json()).to_json() == answer.to_json()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1956", "Oct. 19, 1956", True),
        ("the Kremlin", "Kremlin", True),
        ("Japan", "Japan and Russia", False),
        ("27 meetings", "more than 20 meetings", False),
        ("Galuzin", "Mikhail Galuzin", True),
    ],
)
def test_same_answer(one: str, other: str, same: bool) -> None:
    assert same_answer(answer_tokens(one), answer_tokens(other)) is same


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("27 meetings", "more than 20 meetings", True),
        ("Monday", "March 21", False),
        ("Tokyo", "27", False),
        ("Peskov", "Zakharova", True),
        ("Prime Minister Abe", "Prime Minister Kishida", False),
    ],
)
def test_disagree(one: str, other: str, expected: bool) -> None:
    assert disagree(one, other) is expected


def test_groups_keep_their_order() -> None:
    passage = candidate("a.txt")
    spans = rank_spans([passage], [reading(passage, ("Moscow", 1.0), ("1956", 2.0))], calibration())
    assert [[span.text for span in group] for group in group_spans(spans)] == [["1956"], ["Moscow"]]


def test_context_of_a_span_over_two_sentences() -> None:
    assert sentence_around(B, 40, 55) == (0, len(B))


def test_question_overlap() -> None:
    passage = "The Soviet Union joined the negotiations in 1956."
    assert question_overlap("When did the Soviet Union negotiate?", [passage]) == (1.0, 0)
    coverage, missing = question_overlap("Why did Finland negotiate in 1957?", [passage])
    assert coverage == pytest.approx(1 / 3)
    assert missing == 2
    assert question_overlap("Why?", [passage]) == (1.0, 0)


def test_features_are_bounded() -> None:
    vector = SpanFeatures(3.0, 1.0, 0.5, 100.0, 9.0, 1.0, 7.0, 0.0).vector()
    assert vector == [3.0, 1.0, 0.5, 8.0, 3.0, 1.0, 3.0, 0.0]
