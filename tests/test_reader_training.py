"""Training rows, unanswerable questions, the losses and one real run of a tiny reader."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from qa.errors import PinciteError
from qa.reader.data import Row, Source, add_noise, choose_answer, crop, join_contexts, load_groups
from qa.reader.negatives import Neighbours, add_neighbour, unanswerable_question

CONTEXT = "Beyonce released the song in 2003. It sold 5 million copies in Houston."


def quoted(row: Row) -> str | None:
    return None if row.answer is None else row.context[slice(*row.answer)]


def test_chooses_the_most_frequent_then_the_shortest() -> None:
    texts = ["in 2003", "2003", "2003", "the song in 2003"]
    starts = [CONTEXT.index(text) for text in texts]
    span = choose_answer(CONTEXT, texts, starts, 160)
    assert span is not None
    assert CONTEXT[slice(*span)] == "2003"
    assert choose_answer(CONTEXT, ["the song in 2003"], [17], 5) is None


def test_trims_punctuation_but_not_abbreviations() -> None:
    text = "He lives in the U.S. now, in Texas."
    assert choose_answer(text, ["Texas."], [29], 99) == (29, 34)
    assert choose_answer(text, ["U.S."], [16], 99) == (16, 20)


@pytest.mark.parametrize("seed", range(30))
def test_crop_keeps_the_answer(seed: int) -> None:
    words = " ".join(f"word{i}" for i in range(400))
    start = words.index("word200")
    context, answer = crop(words, (start, start + 7), 300, random.Random(seed))
    assert answer is not None
    assert context[slice(*answer)] == "word200"
    assert len(context) <= 300
    assert context.split()[0] in words.split()
    assert context.split()[-1] in words.split()


@pytest.mark.parametrize("seed", range(10))
def test_join_moves_the_answer(seed: int) -> None:
    context, answer = join_contexts(CONTEXT, (29, 33), ["One.", "Two, longer."], random.Random(seed))
    assert answer is not None
    assert context[slice(*answer)] == "2003"
    assert "One." in context
    assert "Two, longer." in context


def test_noise_changes_little() -> None:
    rng = random.Random(1)
    noisy = {add_noise("When did Beyonce release the song?", rng) for _ in range(30)}
    assert all(abs(len(text) - len("When did Beyonce release the song")) <= 1 for text in noisy)
    assert len(noisy) > 5
    assert not any(text.endswith("?") for text in noisy)


def write(folder: Path, rows: list[dict[str, object]]) -> None:
    with gzip.open(folder / "x.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def question(context: str, text: str, asked: str) -> dict[str, object]:
    answers = {"text": [text], "answer_start": [context.index(text)]}
    return {"id": asked, "question": asked, "context": context, "answers": answers, "is_impossible": False}


def test_held_out_contexts_are_not_trained_on(tmp_path: Path) -> None:
    other = "The island of Iturup lies in the north."
    write(tmp_path, [question(CONTEXT, "2003", "When?"), question(other, "Iturup", "Which?")])
    source = Source("x.jsonl.gz", repeat=2, hold_out=1)
    train, held = load_groups(tmp_path, [source], limit=1000, rng=random.Random(0))
    assert [quoted(group.rows[0]) for group in train] == ["2003", "2003"]
    assert [quoted(group.rows[0]) for group in held] == ["Iturup"]


def test_unknown_keys_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(PinciteError, match="'colour'"):
        Source.from_mapping({"file": "x", "colour": 1})
    with pytest.raises(PinciteError, match=r"no training file .*y\.jsonl\.gz"):
        load_groups(tmp_path, [Source("y.jsonl.gz")], limit=10, rng=random.Random(0))


def test_neighbours_never_hold_the_answer(tmp_path: Path) -> None:
    near = "Another song was released in Dallas by a band."
    holding = "The song came out in 2003, said the band."
    write(tmp_path, [question(CONTEXT, "2003", "When was the song released?")])
    (group,), _ = load_groups(tmp_path, [Source("x.jsonl.gz")], limit=1000, rng=random.Random(0))
    neighbours = Neighbours(("x.jsonl.gz", text) for text in (CONTEXT, near, holding))
    assert add_neighbour(group, neighbours, random.Random(0), 1000)
    assert [row.context for row in group.rows] == [CONTEXT, near]
    assert group.rows[1].answer is None


def test_changed_questions_differ_in_what_decides() -> None:
    row = Row("When did Beyonce first release the song of 2003?", CONTEXT, (29, 33))
    changed = {unanswerable_question(row, "It rained in Chicago all day.", random.Random(i)) for i in range(40)}
    assert "When did Chicago first release the song of 2003?" in changed
    assert "When did Beyonce last release the song of 2003?" in changed
    assert "When did Beyonce not first release the song of 2003?" in changed
    assert row.question not in changed


def test_shared_loss_is_that_of_one_softmax_over_the_group() -> None:
    torch = pytest.importorskip("torch")
    from qa.reader.train import shared_loss

    logits = torch.tensor([[9.0, 1.0, 2.0], [9.0, 3.0, 0.0], [9.0, 5.0, 5.0]])
    allowed = torch.tensor([[False, True, True]] * 3)
    loss = shared_loss(logits, allowed, torch.tensor([2, 0, 1]), torch.tensor([0, 0, 1]))
    expected = torch.logsumexp(torch.tensor([1.0, 2.0, 3.0, 0.0]), 0) - 2.0
    assert float(loss) == pytest.approx(float(expected), abs=1e-5)
