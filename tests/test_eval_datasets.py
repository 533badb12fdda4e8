"""Data sets and predictions files: both forms, and every kind of bad input in one clear sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from embeddings.errors import PinciteError
from eval import datasets
from eval.datasets import check_offsets, ineligible, load_dataset
from eval.predictions import load_predictions

TEXT = "Ωmega rose 😀 in 1867.\r\nThen it fell in 1905."
DOCUMENTS = {"a.txt": TEXT}


def line(**changes: Any) -> dict[str, Any]:
    good = {
        "id": "q1",
        "question": "When did it rise?",
        "kind": "factoid",
        "answerable": True,
        "answers": [{"doc": "a.txt", "text": "1867", "start": TEXT.index("1867")}],
        "history": [{"question": "What rose?", "answer": "Ωmega"}, {"question": "And who?", "answer": None}],
    }
    return {key: value for key, value in (good | changes).items() if value is not ...}


def write(path: Path, *lines: Any) -> Path:
    text = "\n".join(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in lines)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def squad(**changes: Any) -> dict[str, Any]:
    answer = {"text": "1867", "answer_start": TEXT.index("1867")}
    qa = {"id": "s1", "question": "When did it rise?", "answers": [answer, answer]} | changes
    return {"version": "1.1", "data": [{"title": "Ωmega/../x", "paragraphs": [{"context": TEXT, "qas": [qa]}]}]}


def test_json_lines(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "set.jsonl", line(), "", line(id="q2", answerable=False, answers=[])))
    first, second = dataset.questions
    assert (dataset.form, dataset.name) == ("pincite", "set.jsonl")
    assert (first.id, first.question, first.kind, first.answerable) == ("q1", "When did it rise?", "factoid", True)
    assert first.answers[0].place == ("a.txt", 16, 20)
    assert TEXT[16:20] == first.answers[0].text
    assert [turn.answer for turn in first.history] == ["Ωmega", None]
    assert (second.answerable, second.answers) == (False, ())
    assert dataset.first(1).questions == (first,)
    assert dataset.first(None) is dataset
    assert ineligible(dataset, DOCUMENTS) == {}
    check_offsets(dataset, DOCUMENTS, DOCUMENTS.__getitem__)


def test_a_single_line_is_json_lines_too(tmp_path: Path) -> None:
    assert load_dataset(write(tmp_path / "one", line(history=..., kind=...))).questions[0].kind == "question"


def test_line_separators_inside_strings_do_not_end_a_line(tmp_path: Path) -> None:
    question = "When\u2028did it\x85rise?"
    assert load_dataset(write(tmp_path / "set.jsonl", line(question=question))).questions[0].question == question


@pytest.mark.parametrize("packed", [False, True])
def test_squad_plain_and_gzip_whatever_the_name(tmp_path: Path, packed: bool) -> None:
    raw = json.dumps(squad()).encode()
    path = tmp_path / "dev.jsonl"
    path.write_bytes(gzip.compress(raw) if packed else raw)
    dataset = load_dataset(path)
    question, paragraph = dataset.questions[0], dataset.paragraphs[0]
    assert dataset.form == "squad-1.1"
    assert (paragraph.text, paragraph.title) == (TEXT, "Ωmega/../x")
    assert paragraph.name == "000__mega_x/0000.txt"  # a name of ours: it cannot leave its folder
    assert [gold.place for gold in question.answers] == [(paragraph.name, 16, 20)]  # given twice, kept once
    assert (question.kind, question.paragraph) == ("when", paragraph.name)


def test_squad_2_and_its_unanswerable_questions(tmp_path: Path) -> None:
    data = squad(is_impossible=True, plausible_answers=[{"text": "1905", "answer_start": 40}])
    dataset = load_dataset(write(tmp_path / "dev.json", data))
    assert dataset.form == "squad-2.0"
    assert (dataset.questions[0].answerable, dataset.questions[0].answers) == (False, ())
    assert dataset.questions[0].kind == "no answer"
    assert load_dataset(write(tmp_path / "v2.json", squad() | {"version": "v2.0"})).form == "squad-2.0"
    assert load_dataset(write(tmp_path / "v1.json", squad(is_impossible=False))).form == "squad-1.1"


def test_a_question_without_gold_cannot_be_scored(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "set.jsonl", line(), line(id="q2", answers=[])))
    assert ineligible(dataset, DOCUMENTS) == {"q2": datasets.NO_GOLD}


def test_a_question_about_a_document_that_is_missing_cannot_be_scored(tmp_path: Path) -> None:
    gone = line(id="q2", answers=[{"doc": "gone.txt", "text": "x", "start": 0}])
    dataset = load_dataset(write(tmp_path / "set.jsonl", line(), gone))
    assert ineligible(dataset, DOCUMENTS) == {"q2": "its document 'gone.txt' is not among the documents"}
    check_offsets(dataset, DOCUMENTS, DOCUMENTS.__getitem__)


def test_broken_json_names_the_line(tmp_path: Path) -> None:
    lines = [line(id=f"q{number}") for number in range(6)]
    path = write(tmp_path / "set.jsonl", *lines, '{"id": "q7", "question": ')
    with pytest.raises(PinciteError, match=r"set\.jsonl, line 7 is broken JSON"):
        load_dataset(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no question"),
        (["[]"], "line 1 is not a JSON object"),
        (['{"rows": []}'], "JSON without questions"),
        ([line(id=...)], "line 1 lacks the field 'id'"),
        ([line(), line(id="q2", question=...)], "line 2 lacks the field 'question'"),
        ([line(answers=...)], "lacks the field 'answers'"),
        ([line(answerable=...)], "lacks the field 'answerable'"),
        ([line(answers=[{"doc": "a.txt", "text": "1867"}])], "lacks the field 'start'"),
        ([line(answers=[{"doc": "a.txt", "text": "1867", "start": "16"}])], "'start' should be a whole number"),
        ([line(answers=[{"doc": "a.txt", "text": "1867", "start": True}])], "'start' should be a whole number"),
        ([line(answers=[{"doc": "a.txt", "text": "1867", "start": -1}])], "-1 of '1867' is negative"),
        ([line(answers=["1867"])], "every entry of 'answers' should be a JSON object"),
        ([line(answerable="yes")], "'answerable' should be true or false"),
        ([line(question="  ")], "'question' is empty"),
        ([line(answerable=False)], "marked unanswerable but lists"),
        ([line(), line()], "'q1' stands twice"),
        (['{"data": []}'], "holds no question"),
        (['{"data": [{"title": "x"}]}'], "article 'x' lacks the field 'paragraphs'"),
        ([squad(id=7)], "'id' should be a string"),
        (
            [squad(answers=[{"text": "1867", "answer_start": 17}])],
            "does not stand at offset 17 of 000__mega_x/0000.txt",
        ),
        (["[" * 100_000], "line 1 is broken JSON"),
    ],
)
def test_bad_data_sets(tmp_path: Path, lines: list[Any], message: str) -> None:
    with pytest.raises(PinciteError) as error:
        load_dataset(write(tmp_path / "set.jsonl", *lines))
    assert message in error.value.message
    assert "set.jsonl" in error.value.message


def test_offsets_that_do_not_fit_the_document(tmp_path: Path) -> None:
    wrong = line(id="q9", answers=[{"doc": "a.txt", "text": "1867", "start": 15}])
    dataset = load_dataset(write(tmp_path / "set.jsonl", line(), wrong))
    with pytest.raises(PinciteError, match=r"question 'q9': '1867' does not stand at offset 15 of a\.txt"):
        check_offsets(dataset, DOCUMENTS, DOCUMENTS.__getitem__)


def test_a_data_set_for_other_documents(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "set.jsonl", line(), line(id="q2", answerable=False, answers=[])))
    with pytest.raises(
        PinciteError, match=r"set\.jsonl is a data set for other documents: it asks about 'a\.txt'.*--docs"
    ):
        ineligible(dataset, {"b.txt", "c.txt"})


def test_files_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PinciteError, match="There is no file"):
        load_dataset(tmp_path / "nothing.jsonl")
    with pytest.raises(PinciteError, match="is a folder"):
        load_dataset(tmp_path)
    bad = tmp_path / "bad"
    bad.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PinciteError, match="bad is not UTF-8"):
        load_dataset(bad)
    bad.write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(PinciteError, match="bad cannot be read"):
        load_dataset(bad)
    monkeypatch.setattr(datasets, "MAX_BYTES", 2**20)
    bad.write_bytes(gzip.compress(b" " * 2**21))
    with pytest.raises(PinciteError, match="more than 1 MiB"):
        load_dataset(bad)


@pytest.fixture
def two(tmp_path: Path) -> datasets.Dataset:
    return load_dataset(write(tmp_path / "set.jsonl", line(), line(id="q2")))


def prediction(**changes: Any) -> dict[str, Any]:
    context = {"start": 0, "end": 22, "text": TEXT[:22]}
    cited = {
        "document": "a.txt",
        "start": 16,
        "end": 20,
        "text": "1867",
        "page": None,
        "context": context,
        "score": 0.9,
    }
    return {"id": "q1", "answered": True, "text": "1867", "confidence": 0.9, "citations": [cited]} | changes


def test_answer_lines_keep_the_best_span_answered_or_not(tmp_path: Path, two: datasets.Dataset) -> None:
    cited = prediction()["citations"]
    silent = prediction(
        id="q2", answered=False, text=None, citations=[], confidence=0.2,
        alternatives=[{"text": "1867", "confidence": 0.2, "citations": cited}, {"text": "x", "citations": []}],
    )  # fmt: skip
    found = load_predictions(write(tmp_path / "p.jsonl", prediction(), silent), two)
    assert (found["q1"].answered, found["q2"].answered) == (True, False)
    assert found["q1"].text == found["q2"].text == "1867"
    assert found["q1"].citations == found["q2"].citations
    assert found["q2"].confidence == 0.2


def test_silence_without_a_span(tmp_path: Path, two: datasets.Dataset) -> None:
    found = load_predictions(write(tmp_path / "p", {"id": "q1", "text": None}, {"id": "q2", "text": "x"}), two)
    assert (found["q1"].answered, found["q1"].text, found["q1"].citations) == (False, "", None)
    assert (found["q2"].answered, found["q2"].confidence) == (True, None)


def test_texts_by_id_and_one_system_of_several(tmp_path: Path, two: datasets.Dataset) -> None:
    found = load_predictions(write(tmp_path / "p.json", {"q1": "1867", "q2": ""}), two)
    assert (found["q1"].text, found["q2"].answered) == ("1867", False)
    several = write(tmp_path / "all.json", {"ours": {"q1": "1867"}, "theirs": {"q1": "1905"}})
    assert load_predictions(f"{several}#theirs", two)["q1"].text == "1905"
    with pytest.raises(PinciteError, match=r"2 systems; there are: ours, theirs.*all\.json#NAME"):
        load_predictions(several, two)
    with pytest.raises(PinciteError, match="no system 'x'; there are: ours, theirs"):
        load_predictions(f"{several}#x", two)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([prediction(), prediction(id="zz")], "predictions for 1 ids that set.jsonl does not have, as 'zz'"),
        ([prediction(), prediction()], "two predictions for the id 'q1'"),
        ([], "holds no prediction"),
        ([{"q1": 7}], "'q1' should be a string, not '7'"),
        (["{"], "line 1 is broken JSON"),
        ([prediction(), {"text": "x"}], "line 2 lacks the field 'id'"),
        ([prediction(citations=[{"document": "a.txt"}])], "line 1 is not a prediction: KeyError('start')"),
        ([prediction(confidence="high")], "line 1 is not a prediction"),
        ([prediction(confidence=float("nan"))], "the confidence nan is not between 0 and 1"),
        ([prediction(confidence=7.5)], "the confidence 7.5 is not between 0 and 1"),
    ],
)
def test_bad_predictions(tmp_path: Path, two: datasets.Dataset, lines: list[Any], message: str) -> None:
    with pytest.raises(PinciteError) as error:
        load_predictions(write(tmp_path / "p.jsonl", *lines), two)
    assert message in error.value.message
