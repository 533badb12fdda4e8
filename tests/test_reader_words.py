"""Words of a passage, and what is trimmed off an answer."""

from __future__ import annotations

import gzip
import json
import string
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.reader.words import MAX_WORD_CHARACTERS, split_words

TEXTS = st.text(alphabet=st.sampled_from("abSs09 .,'’-$%°&@_()[]“”\"é\u0301語👍\u200d\r\n\t/:;"), max_size=60)


def words_of(text: str) -> list[str]:
    words = split_words(text)
    spans = zip(words.starts, words.ends, words.is_word, strict=True)
    return [text[start:end] for start, end, is_word in spans if is_word]


def trimmed(text: str, part: str) -> str:
    """The part of the text, snapped and trimmed as a decoded span is."""
    words, start = split_words(text), text.index(part)
    first = int(np.searchsorted(words.ends, start, side="right"))
    last = int(np.searchsorted(words.starts, start + len(part), side="left")) - 1
    return text[slice(*words.trim(first, last))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In the U.S., at 9:30 p.m.", ["In", "the", "U.S.", "at", "9:30", "p.m."]),
        ("US$1.95 billion, £5.50, 5€ or 1,700", ["US$1.95", "billion", "£5.50", "5€", "or", "1,700"]),
        ("52.6% at -5 or 20°C (3/4)", ["52.6%", "at", "-5", "or", "20°C", "3/4"]),
        ("pages 10-20, 1990–95, mid-2015", ["pages", "10", "20", "1990", "95", "mid", "2015"]),
        ("O'Neill didn’t see Beyoncé's AT&T", ["O'Neill", "didn’t", "see", "Beyoncé", "AT&T"]),
        ("the end.The Ph.D. of example.org", ["the", "end", "The", "Ph.D", "of", "example.org"]),
        ("a@b.org snake_case C++ #1", ["a@b.org", "snake_case", "C", "1"]),
        ("e\u0301te\u0301 नमस्ते", ["e\u0301te\u0301", "नमस्ते"]),
        ("日本の2020年 ก็", ["日", "本", "の", "2020", "年", "ก็"]),
        ("!!! 👍 … ---", []),
        ("", []),
    ],
)
def test_words_are_what_a_person_calls_one(text: str, expected: list[str]) -> None:
    assert words_of(text) == expected


def test_a_run_without_a_boundary_is_cut() -> None:
    assert words_of("x" * (2 * MAX_WORD_CHARACTERS + 5)) == ["x" * MAX_WORD_CHARACTERS] * 2 + ["x" * 5]


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("by Yoshimasa Hayashi, who", "Yoshimasa Hay", "Yoshimasa Hayashi"),
        ("by Yoshimasa Hayashi, who", "ashi,", "Hayashi"),
        ("of over 15,600 troops", "15", "15,600"),
        ("for US$1.95 billion.", "1.95 billion.", "US$1.95 billion"),
        ("in the U.S. today", "U.S", "U.S."),
        ("he said “Nobody” and left", "“Nobody”", "Nobody"),
        ("he said “Nobody” and left", "“Nobody” and", "“Nobody” and"),
        ("he said “Nobody and left", "“Nobody", "Nobody"),
        ('a "blue" book, he', '"blue" book,', '"blue" book'),
        ('a "blue" book', '"blue"', "blue"),
        ('the report ("Blue Book") of', '("Blue Book")', "Blue Book"),
        ("the Fund (IMF), in", "Fund (IMF),", "Fund (IMF)"),
        ("the Fund (IMF), in", "Fund (IMF", "Fund (IMF)"),
        ("the Fund (IMF), in", "IMF)", "IMF"),
        ("(a) and (b)", "(a) and (b)", "(a) and (b)"),
        ("St. Mary's Lock", "St. Mary's", "St. Mary's"),
        ("Mary's advice", "'s advice", "advice"),
        ("No. 10 or #1, 52.6%, C++.", "No. 10", "No. 10"),
        ("No. 10 or #1, 52.6%, C++.", "#1, 52.6%,", "#1, 52.6%"),
        ("No. 10 or #1, 52.6%, C++.", "C++.", "C++"),
        ("it is **bold** text", "**bold**", "bold"),
        ("well - , . no", "- , .", ""),
    ],
)
def test_spans_are_snapped_to_words_and_trimmed(text: str, part: str, expected: str) -> None:
    assert trimmed(text, part) == expected


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_every_visible_character_belongs_to_one_segment(text: str) -> None:
    words = split_words(text)
    covered = [at for start, end in zip(words.starts, words.ends, strict=True) for at in range(start, end)]
    assert covered == sorted(set(covered))
    assert all(text[at].isspace() or text[at] in "\u200b\ufeff" for at in set(range(len(text))) - set(covered))
    assert not any(text[at].isspace() for at in covered)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.data())
def test_trimming_never_cuts_a_word_and_is_idempotent(text: str, data: st.DataObject) -> None:
    words = split_words(text)
    if not len(words.starts):
        return
    first = data.draw(st.integers(0, len(words.starts) - 1))
    last = data.draw(st.integers(first, len(words.starts) - 1))
    start, end = words.trim(first, last)
    inside = words.is_word[first : last + 1]
    assert (start < end) == bool(inside.any())
    if inside.any():
        kept = np.flatnonzero(inside) + first
        assert start <= words.starts[kept[0]]
        assert end >= words.ends[kept[-1]]
        assert start in words.starts
        assert end in words.ends
        assert words.trim(int(np.searchsorted(words.starts, start)), int(np.searchsorted(words.ends, end))) == (
            start,
            end,
        )


def test_neighbouring_letters_are_never_parted() -> None:
    text = "Łódź, naïve café; İstanbul ΑΒΓ straße x2y 4th"
    words = split_words(text)
    for (_, end), (start, _) in pairwise(zip(words.starts, words.ends, strict=True)):
        assert not (text[end - 1].isalnum() and end == start and text[start].isalnum())


def test_answers_people_marked_survive(shared: Path) -> None:
    """Snapping may only repair an annotation that cuts a word; it leaves 99 of 100 answers as they are."""
    drop = str.maketrans("", "", string.punctuation + "“”’‘–—")
    kept = total = 0
    with gzip.open(shared / "data/train/squad_train_partial.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in [line for _, line in zip(range(600), lines, strict=False)]:
            row = json.loads(line)
            if not row["answers"]["text"]:
                continue
            start, text = row["answers"]["answer_start"][0], row["answers"]["text"][0]
            words = split_words(row["context"])
            first = int(np.searchsorted(words.ends, start, side="right"))
            last = int(np.searchsorted(words.starts, start + len(text), side="left")) - 1
            found = row["context"][slice(*words.trim(first, last))]
            kept += found.translate(drop).split() == text.translate(drop).split()
            total += 1
    assert total > 300
    assert kept / total > 0.985
