"""Passages: exact offsets, nothing dropped, never too long, whole sentences."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddings.documents import Document, load_bytes, load_documents
from embeddings.encoder import SentenceEncoder
from embeddings.errors import PinciteError
from embeddings.passages import _MAX_UNIT, Passage, PassageSettings, _units, sentence_spans, split_passages

SEEDS = Path(__file__).parent.parent / "seeds"
ENCODER = SentenceEncoder("minilm")  # its tokenizer alone is used here; no weights are loaded

PIECES = st.sampled_from(
    [
        *(
            "word",
            "A sentence.",
            "Dr. Smith",
            "“Quoted!”",
            "é",
            "e\u0301",
            "😀",
            "👩\u200d👩\u200d👧",
            "नमस्ते",
            "。",
            "…",
        ),
        *(" ", "  ", "\n", "\r\n", "\n\n", "\t", "\u2028", "\u00a0", "\x0c", "\x00", "• AP", "Read more", "# Head\n"),
        *("The same sentence again. ", "x" * 70, "3.5", "J.", "ه", "\u202e", "٪"),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=120).map("".join), st.text(max_size=200))


def document_of(text: str, form: str = "txt") -> Document:
    return Document("d." + form, "A title", text, form, "0" * 64)


def texts_of(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from([(16, 0), (16, 8), (40, 12), (160, 48)]))
def test_passages_hold_every_character_with_exact_offsets(text: str, sizes: tuple[int, int]) -> None:
    spans = sentence_spans(text)
    assert all(start < end and text[start:end] == text[start:end].strip() for start, end in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    passages = split_passages(document_of(text), ENCODER, PassageSettings(*sizes))
    covered = [False] * len(text)
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert passage.text == passage.text.strip()
        assert len(ENCODER.token_spans(passage.text)) <= sizes[0]
        assert len(ENCODER.token_spans(passage.embedded)) <= ENCODER.max_tokens
        covered[passage.start : passage.end] = [True] * len(passage.text)
    assert all(covered[i] or text[i].isspace() for i in range(len(text)))
    assert [passage.start for passage in passages] == sorted({passage.start for passage in passages})


def test_fifty_thousand_characters_without_a_full_stop() -> None:
    for text in ("word " * 10_000, "x" * 50_000, "é" * 50_000, "no stop, " * 5_500, "\u0301" * 50_000, "🙂" * 50_000):
        passages = split_passages(document_of(text), ENCODER, PassageSettings())
        assert len(passages) > 3
        assert passages[0].start == 0
        assert passages[-1].end == len(text.rstrip())
        for left, right in pairwise(passages):
            assert left.start < right.start < left.end < right.end  # they overlap, and both go on
            assert len(ENCODER.token_spans(left.text)) <= 160
            assert len(left.text) <= 160 * _MAX_UNIT
    words = "".join(f"word{i} " for i in range(4_000))
    passages = split_passages(document_of(words), ENCODER, PassageSettings())
    assert all(passage.text.startswith("word") and words[passage.end] == " " for passage in passages)


def test_hostile_texts_take_no_long() -> None:
    for text in (
        "." * 100_000,
        "(" * 100_000,
        "a. " * 50_000,
        '"' * 100_000,
        "\n" * 100_000,
        "A.B." * 30_000,
        "1. " * 9_000,
    ):
        assert all(start < end for start, end in sentence_spans(text))


def test_sentences_are_not_cut_at_abbreviations_numbers_or_within_quotes() -> None:
    sentences = [
        "Mr. Kishida met U.S. President Biden at 5 p.m. on Jan. 5, 2023.",
        "“We won’t!” he said.",
        "It cost $3.5 million.",
        "Is that so?",
        "J. K. Rowling wrote it.",
    ]
    assert texts_of(" ".join(sentences)) == sentences


def test_news_furniture_does_not_glue_sentences() -> None:
    text = (
        "He spoke on Friday.\n\n  • Fumio Kishida\n\n  • AP\n\n  • © Andres Kudacki\n\nThe statement was long. "
        "It was read.\nRead more\nThis year has been no exception.\nFILE PHOTO: Demonstrate in Tokyo. © David / Getty"
    )
    assert texts_of(text) == [
        *("He spoke on Friday.", "• Fumio Kishida", "• AP", "• © Andres Kudacki"),
        *("The statement was long.", "It was read.", "Read more", "This year has been no exception."),
        *("FILE PHOTO: Demonstrate in Tokyo.", "© David / Getty"),
    ]
    for document in load_documents([SEEDS]):
        assert isinstance(document, Document)
        assert all("\n" not in sentence for sentence in texts_of(document.text))


def test_lines_wrapped_at_a_fixed_width_are_joined() -> None:
    text = (
        "Results\n"
        "The committee that was set up in the spring of last year has now\n"
        "finished its work, and it will publish its report before the end\n"
        "of the month. Its chairwoman, who had been asked by the Minister\n"
        "of Finance to lead it, said so.\n"
        "\n"
        "A second paragraph begins here, and it is wrapped as the other\n"
        "one was.\n"
        "- an item of a list that stands on a line of its own, not joined\n"
        "- another item\n"
    )
    assert [" ".join(sentence.split()) for sentence in texts_of(text)] == [
        "Results",
        "The committee that was set up in the spring of last year has now finished its work, and it will publish its "
        "report before the end of the month.",
        "Its chairwoman, who had been asked by the Minister of Finance to lead it, said so.",
        "A second paragraph begins here, and it is wrapped as the other one was.",
        "- an item of a list that stands on a line of its own, not joined",
        "- another item",
    ]


def test_passages_are_whole_sentences_and_overlap_by_whole_sentences() -> None:
    sentences = [f"Sentence number {i} says that the answer is {i * i}." for i in range(60)]
    document = document_of(" ".join(sentences))
    passages = split_passages(document, ENCODER, PassageSettings(80, 24))
    ends = {end for _, end in sentence_spans(document.text)}
    starts = {start for start, _ in sentence_spans(document.text)}
    assert all(passage.start in starts and passage.end in ends for passage in passages)
    for left, right in pairwise(passages):
        shared = document.text[right.start : left.end]
        assert 0 < len(ENCODER.token_spans(shared)) <= 24
    without = split_passages(document, ENCODER, PassageSettings(80, 0))
    assert all(left.end < right.start for left, right in pairwise(without))


def test_heading_context_is_the_title_and_the_nearest_heading() -> None:
    text = (
        "# Guide\n\nIntro words.\n\n## Install\n\n"
        + "Run the installer now. " * 30
        + "\n\n## Use\n\n"
        + "Ask it. " * 60
    )
    document = load_bytes("guide.md", text.encode())
    passages = split_passages(document, ENCODER, PassageSettings(40, 0))
    assert passages[0].heading == "Guide"
    assert passages[2].heading == "Guide – Install"
    assert passages[2].embedded == f"Guide – Install\n{passages[2].text}"
    assert passages[-1].heading == "Guide – Use"
    title = load_bytes("n.txt", b"Headline of the day\n\n" + b"Some words follow here. " * 80)
    first, second, *_ = split_passages(title, ENCODER, PassageSettings(60, 0))
    assert (first.heading, second.heading) == ("", "Headline of the day")
    plain = load_bytes("n.txt", b"A sentence is no title. " * 80)
    assert {passage.heading for passage in split_passages(plain, ENCODER, PassageSettings(60, 0))} == {""}


def test_settings_are_bounded() -> None:
    for size, overlap in ((15, 0), (160, 81), (160, -1)):
        with pytest.raises(PinciteError):
            PassageSettings(size, overlap)
    with pytest.raises(AssertionError):
        Passage("d", 0, 3, "four")


def test_units_start_at_tokens_and_inside_what_is_too_long() -> None:
    assert _units("abc de", lambda text: [(0, 3), (4, 6)]) == [0, 4]
    assert _units("x" * 150, lambda text: [(0, 150)]) == [0, 64, 128]
    assert _units("y" * 100, lambda text: []) == [64]
