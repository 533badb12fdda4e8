"""Windows: the same as Hugging Face's own stride windows, every text tokenised once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from qa.errors import PinciteError
from qa.reader.windows import Window, Windower
from tests.tiny_readers import CORPUS, save_reader

QUESTION = "Who paid for the new cut?"
LONG = " ".join(CORPUS * 4)


@pytest.fixture(scope="module", params=["bert", "mpnet", "roberta"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    directory = save_reader(request.param, tmp_path_factory.mktemp(request.param))
    return AutoTokenizer.from_pretrained(directory, local_files_only=True)


def cut(windower: Windower, question: str, passage: str) -> list[Window]:
    asked, read = windower.tokenise([question, passage])
    return list(windower.windows(0, asked, read))


@pytest.mark.parametrize("passage", [LONG, CORPUS[0], "Lea", "  \n ", "Café\r\n“Nobody”\u200d👍 52.6%"])
@pytest.mark.parametrize(("max_tokens", "stride"), [(64, 16), (48, 5), (200, 0)])
def test_windows_are_those_of_hugging_face(
    tokenizer: PreTrainedTokenizerBase, passage: str, max_tokens: int, stride: int
) -> None:
    windows = cut(Windower(tokenizer, max_tokens=max_tokens, stride=stride), QUESTION, passage)
    theirs = tokenizer(
        QUESTION,
        passage,
        truncation="only_second",
        max_length=max_tokens,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_token_type_ids=True,
    )
    # Their tokenizer keeps these settings: ours must not notice.
    offsets = Windower(tokenizer).tokenise([passage])[0].offsets
    assert [window.ids.tolist() for window in windows] == theirs["input_ids"]
    assert [window.type_ids.tolist() for window in windows] == theirs["token_type_ids"]
    for index, window in enumerate(windows):
        inside = [place for place, side in enumerate(theirs.sequence_ids(index)) if side == 1]
        assert inside == list(range(window.position, window.position + window.stop - window.first))
        for (start, end), place in zip(offsets[window.first : window.stop], inside, strict=True):
            their_start, their_end = theirs["offset_mapping"][index][place]
            assert end == their_end
            assert not passage[start:their_start].strip()  # theirs may leave a leading space out


def test_an_empty_passage_is_one_window_of_question_and_special_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    windower = Windower(tokenizer)
    (window,) = cut(windower, QUESTION, "")
    (other,) = cut(windower, QUESTION, "Lea")
    assert (window.first, window.stop) == (0, 0)
    assert (
        window.ids.tolist() == other.ids[: other.position].tolist() + other.ids[other.position + other.stop :].tolist()
    )


def test_windows_overlap_by_the_stride_and_cover_the_passage(tokenizer: PreTrainedTokenizerBase) -> None:
    windower = Windower(tokenizer, max_tokens=64, stride=10)
    windows = cut(windower, QUESTION, LONG)
    assert len(windows) > 3
    assert all(before.stop - after.first == 10 for before, after in pairwise(windows))
    assert windows[0].first == 0
    assert windows[-1].stop == len(windower.tokenise([LONG])[0].ids)


def test_a_large_stride_never_stops_the_windows_from_moving_on(tokenizer: PreTrainedTokenizerBase) -> None:
    windows = cut(Windower(tokenizer, max_tokens=64, stride=1000), QUESTION, LONG)
    assert all(after.first > before.first for before, after in pairwise(windows))


def test_special_tokens_written_in_a_text_are_plain_text(tokenizer: PreTrainedTokenizerBase) -> None:
    special = f"{tokenizer.sep_token} Lea {tokenizer.cls_token}"
    tokens = Windower(tokenizer).tokenise([special])[0]
    assert not {tokenizer.sep_token_id, tokenizer.cls_token_id} & set(tokens.ids.tolist())
    assert tokens.offsets.max() == len(special)


def test_a_question_longer_than_the_window_is_refused_with_both_lengths(tokenizer: PreTrainedTokenizerBase) -> None:
    windower = Windower(tokenizer, max_tokens=64, stride=10)
    question = "why " * 80
    tokens = windower.tokenise([question])[0]
    with pytest.raises(PinciteError) as caught:
        windower.check_question(question, tokens)
    assert f"{len(tokens.ids)} tokens long (320 characters)" in str(caught.value)
    assert f"at most {windower.max_question_tokens} tokens" in str(caught.value)
    longest = "a " * windower.max_question_tokens
    fitting = windower.tokenise([longest])[0]
    fitting = type(fitting)(fitting.ids[: windower.max_question_tokens], fitting.offsets)
    windower.check_question(longest, fitting)
    widest = list(windower.windows(0, fitting, windower.tokenise([LONG])[0]))
    assert max(len(window.ids) for window in widest) == 64


def test_a_window_without_room_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(PinciteError, match="A window of 12 tokens has no room"):
        Windower(tokenizer, max_tokens=12)


def test_a_tokenizer_without_null_token_is_refused(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    other = AutoTokenizer.from_pretrained(save_reader("roberta", tmp_path), local_files_only=True)
    other.backend_tokenizer.post_processor = TemplateProcessing(single="$A", pair="$A $B:1", special_tokens=[])
    with pytest.raises(PinciteError, match="no null token"):
        Windower(other)


def test_the_question_keeps_its_place_in_every_window(tokenizer: PreTrainedTokenizerBase) -> None:
    windower = Windower(tokenizer, max_tokens=64, stride=10)
    asked = windower.tokenise([QUESTION])[0]
    for window in cut(windower, QUESTION, LONG):
        assert np.array_equal(window.ids[1 : 1 + len(asked.ids)], asked.ids)
