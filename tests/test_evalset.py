"""The evaluation set over ``seeds/``: well formed, every span at its offset, and as large as it claims to be."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
GIVEN = ROOT.parent / "shared" / "data" / "eval" / "seeds_dev.jsonl"
KINDS = {"factoid", "clause", "contrast", "differ", "followup", "none", "offtopic", "quote", "typo"}
TRAPS = {"missing detail", "swapped names", "false premise", "off topic"}
REQUIRED = {"id", "question", "kind", "answers", "answerable", "history"}
OPTIONAL = {"standalone", "trap"}


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def normalised(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


QUESTIONS = read_lines(ROOT / "eval" / "data" / "seeds.jsonl")
# Offsets count code points after a BOM is dropped and with newlines untouched: the contract for text files.
TEXTS: dict[str, str] = {}
for seed in sorted((ROOT / "seeds").glob("*.txt")):
    with seed.open(encoding="utf-8-sig", newline="") as handle:
        TEXTS[seed.name] = handle.read()


def test_every_span_stands_at_its_offset() -> None:
    wrong = [
        (question["id"], answer)
        for question in QUESTIONS
        for answer in question["answers"]
        if answer["doc"] not in TEXTS
        or answer["start"] < 0
        or not answer["text"]
        or TEXTS[answer["doc"]][answer["start"] : answer["start"] + len(answer["text"])] != answer["text"]
    ]
    assert wrong == []


def test_spans_are_whole_words_without_space_around_them() -> None:
    wrong = []
    for question in QUESTIONS:
        for answer in question["answers"]:
            text, start = TEXTS[answer["doc"]], answer["start"]
            end = start + len(answer["text"])
            cut_left = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
            cut_right = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
            if cut_left or cut_right or answer["text"] != answer["text"].strip():
                wrong.append((question["id"], answer))
    assert wrong == []


def test_no_span_is_listed_twice() -> None:
    for question in QUESTIONS:
        spans = Counter((answer["doc"], answer["start"], answer["text"]) for answer in question["answers"])
        assert [span for span, count in spans.items() if count > 1] == [], question["id"]


def test_fields_and_kinds() -> None:
    for question in QUESTIONS:
        assert set(question) >= REQUIRED, question
        assert set(question) <= REQUIRED | OPTIONAL, question["id"]
        assert question["kind"] in KINDS, question["id"]
        assert question["question"] == question["question"].strip() != "", question["id"]
        for answer in question["answers"]:
            assert set(answer) == {"doc", "text", "start"}, question["id"]


def test_ids_are_unique() -> None:
    assert [key for key, count in Counter(question["id"] for question in QUESTIONS).items() if count > 1] == []


def test_unanswerable_questions_have_no_answers_and_say_what_the_trap_is() -> None:
    for question in QUESTIONS:
        assert question["answerable"] == bool(question["answers"]), question["id"]
        assert (question.get("trap") in TRAPS) == (not question["answerable"]), question["id"]
        assert (question["kind"] == "offtopic") == (question.get("trap") == "off topic"), question["id"]
        if question["kind"] == "none":
            assert not question["answerable"], question["id"]


def test_counts() -> None:
    unanswerable = [question for question in QUESTIONS if not question["answerable"]]
    plausible = [question for question in unanswerable if question["kind"] != "offtopic"]
    follow_ups = [question for question in QUESTIONS if question["history"]]
    assert len(QUESTIONS) >= 150
    assert len(plausible) >= 45
    assert len(unanswerable) - len(plausible) >= 6
    assert len(follow_ups) >= 30
    assert len([question for question in follow_ups if len(question["history"]) >= 2]) >= 10
    assert {question["kind"] for question in QUESTIONS} == KINDS
    for name in TEXTS:
        assert sum(any(answer["doc"] == name for answer in q["answers"]) for q in QUESTIONS) >= 10, name


def test_readme_states_the_counts() -> None:
    readme = (ROOT / "eval" / "data" / "README.md").read_text(encoding="utf-8")
    stated = {kind: int(count) for kind, count in re.findall(r"^\| `(\w+)` \| (\d+) \|", readme, flags=re.MULTILINE)}
    assert stated == Counter(question["kind"] for question in QUESTIONS)
    several = sum(len({answer["doc"] for answer in question["answers"]}) > 1 for question in QUESTIONS)
    answerable = sum(question["answerable"] for question in QUESTIONS)
    spans = sum(len(question["answers"]) for question in QUESTIONS)
    assert f"{len(QUESTIONS)} questions, {answerable} of them answerable, with {spans} acceptable spans" in readme
    assert f"{several} are answered by more than one article" in readme


def test_history_forms() -> None:
    for question in QUESTIONS:
        assert bool(question["history"]) == (question["kind"] == "followup"), question["id"]
        assert bool(question["history"]) == ("standalone" in question), question["id"]
        for turn in question["history"]:
            assert set(turn) == {"question", "answer"}, question["id"]
            assert turn["question"].strip(), question["id"]
            # None: the user saw "not in these documents". A given answer is a quotation, as Pincite's answers are.
            answer = turn["answer"]
            assert answer is None or any(answer in text for text in TEXTS.values()), (question["id"], answer)
        if question["history"]:
            assert normalised(question["standalone"]) != normalised(question["question"]), question["id"]


def test_no_question_is_asked_twice() -> None:
    asked = Counter(normalised(question.get("standalone", question["question"])) for question in QUESTIONS)
    assert [text for text, count in asked.items() if count > 1] == []


def test_given_questions_are_contained_unchanged() -> None:
    if not GIVEN.is_file():
        pytest.skip(f"{GIVEN} is not there: the given questions cannot be compared")
    ours = {question["id"]: question for question in QUESTIONS}
    given = read_lines(GIVEN)
    assert len(given) == 60
    for question in given:
        kept = ours[question["id"]]
        assert {key: kept[key] for key in question} == question
