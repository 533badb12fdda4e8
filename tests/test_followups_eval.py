"""The measure of follow-ups: numbers by hand, the data's shape, and that the rules beat the baselines."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from click.testing import CliRunner

from embeddings.errors import PinciteError
from eval.followups import DATA, Example, added, load, main, nothing, prepended, read_history, remember, resolved, score
from qa.types import Turn

needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data/rewrite is not beside this repository")


def example(question: str, rewrite: str, *history: Turn) -> Example:
    return Example("x_1_q1", "canard_dev", history, question, rewrite)


def test_added_words_are_counted_without_punctuation_and_possessive() -> None:
    assert dict(added("When was Galuzin's first statement?", "When was his statement?")) == {"galuzin": 1, "first": 1}
    assert dict(added("of the treaty of the islands", "of the treaty")) == {"of": 1, "the": 1, "islands": 1}


def test_scores_by_hand() -> None:
    examples = [
        example("Who is he?", "Who is Mikhail Galuzin?"),
        example("Why?", "Why did Russia leave?"),
        example("Where is Iturup?", "where is Iturup"),
        example("What is rhenium?", "What is rhenium?"),
    ]
    outputs = ["Who is Galuzin from Japan?", "Why?", "Where is Iturup?", "What is rhenium of Iturup?"]
    scores = score(examples, outputs)
    assert (scores.examples, scores.alone) == (4, 2)
    assert scores.gate == 2 / 4
    assert scores.touched == 1 / 2
    assert scores.untouched == 1 / 2
    assert scores.recall == 1 / 5  # galuzin of mikhail, galuzin, did, russia, leave
    assert scores.precision == 1 / 5  # galuzin of galuzin, from, japan, of, iturup
    assert scores.f1 == pytest.approx(0.2)


def test_empty_sets_score_nothing() -> None:
    assert score([], []).f1 == 0.0


def test_histories_are_read_as_each_source_writes_them() -> None:
    canard = read_history("canard_dev", ["Zappa", "Early life", "Who was he?", "I don't know.", "Where?", "In Rome"])
    assert canard == (Turn("Tell me about Zappa.", ""), Turn("Who was he?", None), Turn("Where?", "In Rome"))
    assert read_history("trec_cast_2019", ["A?", "B?"]) == (Turn("A?", ""), Turn("B?", ""))
    assert read_history("trec_cast_2021", ["A?", "a"]) == (Turn("A?", "a"),)


def test_baselines() -> None:
    row = example("Why?", "Why did Russia leave?", Turn("When did Russia leave?", "2022"))
    assert nothing(row) == "Why?"
    assert prepended(row) == "When did Russia leave? 2022 Why?"
    assert prepended(example("Why?", "Why?")) == "Why?"
    assert resolved(row) == "Why did Russia leave?"


def test_a_conversation_stays_in_one_half_and_is_remembered() -> None:
    first = Example("c_7_q1", "canard_dev", (), "Who protested in Moscow?", "")
    turns = (Turn("Who protested in Moscow?", "Mikhail Galuzin"),)
    second = Example("c_7_q2", "canard_dev", turns, "When did he do that?", "")
    third = Example("c_7_q3", "canard_dev", (*turns, Turn("When did he do that?", "2022")), "Why?", "")
    assert first.half == second.half == third.half
    understood = remember([first, second, third])[2].history
    assert understood[0].standalone_question is None
    assert understood[1].standalone_question == "When did Mikhail Galuzin protest in Moscow?"


def test_absent_data_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(PinciteError, match=r"canard_dev\.jsonl\.gz does not exist"):
        list(load(tmp_path))
    result = CliRunner().invoke(main, ["--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "does not exist" in result.output


@needs_data
def test_the_rules_beat_the_baselines_on_the_half_kept_for_reporting() -> None:
    for source in ("canard_dev", "trec_cast_2019"):
        rows = (row for row in load() if row.half == "B" and row.source == source)
        examples = remember(list(itertools.islice(rows, 150)))
        mine = score(examples, [resolved(row) for row in examples])
        prefix = score(examples, [prepended(row) for row in examples])
        assert mine.f1 > 1.5 * prefix.f1
        assert mine.precision > 3 * prefix.precision
        assert mine.untouched > 0.85
        assert mine.touched > 0.5
