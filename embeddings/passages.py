"""Passages: sentence-aware windows over a document, with exact offsets, sized in the encoder's own tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from embeddings.documents import Document
from embeddings.encoder import Encoder
from embeddings.errors import PinciteError

Span = tuple[int, int]

_LINE = re.compile(r"[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_ODD_SPACE = re.compile(r"[^\S ]")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•‣◦▪·–—>|©]|#{1,6}\s|\(?\d{1,3}[.)]\s|\(?[a-zA-Z][.)]\s)")
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(\S[^\r\n]*?)[ \t]*#*[ \t]*$", re.MULTILINE)

_MAX_WRAP_WIDTH = 140  # lines longer than this were not wrapped by a program or a person
_MAX_UNIT = 64  # characters that one unit of size may hold: a tokenizer may call 50,000 characters one token
_MAX_CONTEXT = 32  # tokens of heading context before a passage's own words


@dataclass(frozen=True, slots=True)
class PassageSettings:
    """Size and overlap of passages in encoder tokens.

    Raises:
        PinciteError: the size is below 16, or the overlap is not below half of the size.
    """

    size: int = 160
    overlap: int = 48

    def __post_init__(self) -> None:
        if self.size < 16:
            raise PinciteError(f"A passage size of {self.size} tokens is too small; 16 is the least.")
        if not 0 <= self.overlap <= self.size // 2:
            raise PinciteError(f"A passage overlap of {self.overlap} tokens is not between 0 and {self.size // 2}.")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document: ``document.text[start:end] == text``.

    ``heading`` is context (title, section) that is embedded with the text and never cited.
    """

    document: str
    start: int
    end: int
    text: str
    heading: str = ""

    def __post_init__(self) -> None:
        assert 0 <= self.start < self.end, "a passage is not empty"
        assert self.end - self.start == len(self.text), "passage offsets do not fit its text"

    @property
    def embedded(self) -> str:
        """The text that the encoder reads: heading context on a line of its own, then the passage."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


def sentence_spans(text: str) -> list[Span]:
    """Return the offsets of the sentences of ``text`` in order, no white space at their ends, none left out.

    Lines stand alone (captions, headings, list items are never glued to a sentence) unless the text is
    wrapped at a fixed width, where a full line goes on in the next one.
    """
    return list(_sentence_spans(text))


@lru_cache(maxsize=64)
def _sentence_spans(text: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for start, end in _segments(text):
        for first, last in _split_sentences(text[start:end]):
            span = _strip(text, start + first, start + last)
            if span[0] < span[1]:
                spans.append(span)
    return tuple(spans)


def split_passages(document: Document, encoder: Encoder, settings: PassageSettings) -> list[Passage]:
    """Return passages of at most ``settings.size`` tokens that together hold every character but white space.

    A passage is made of whole sentences and repeats at most ``settings.overlap`` tokens of whole sentences
    of the one before. A sentence longer than a passage is cut between words into windows that overlap.
    The size is lowered where the encoder reads less.
    """
    size = min(settings.size, encoder.max_tokens - _MAX_CONTEXT)
    if size < 16:
        raise PinciteError(f"The encoder {encoder.name!r} reads {encoder.max_tokens} tokens: too few for passages.")
    overlap = min(settings.overlap, size // 2)
    text = document.text
    pieces: list[tuple[int, int, int]] = []  # start, end, units
    for start, end in sentence_spans(text):
        units = _units(text[start:end], encoder.token_spans)
        if len(units) <= size:
            pieces.append((start, end, len(units)))
            continue
        for first, last in _cut(text[start:end], units, size, overlap):
            pieces.append((start + first, start + last, size))
    heading_at = _heading_lookup(document, encoder)
    return [
        Passage(document.name, start, end, text[start:end], heading_at(start))
        for start, end in _windows(pieces, size, overlap)
    ]


def _windows(pieces: list[tuple[int, int, int]], size: int, overlap: int) -> list[Span]:
    windows: list[Span] = []
    first = 0
    while first < len(pieces):
        last, used = first, pieces[first][2]
        while last + 1 < len(pieces) and used + pieces[last + 1][2] <= size:
            last += 1
            used += pieces[last][2]
        windows.append((pieces[first][0], pieces[last][1]))
        if last + 1 == len(pieces):
            break
        # Repeat the last sentences that fit into the overlap, but only where the next sentence still fits behind them.
        following, repeated = last + 1, 0
        while following - 1 > first:
            repeated += pieces[following - 1][2]
            if repeated > overlap or repeated + pieces[last + 1][2] > size:
                break
            following -= 1
        first = following
    return windows


def _segments(text: str) -> list[Span]:
    """Return stretches of ``text`` that no sentence crosses: single lines, or wrapped lines joined."""
    lines = [span for match in _LINE.finditer(text) if (span := _strip(text, *match.span()))[0] < span[1]]
    lengths = sorted(end - start for start, end in lines)
    width = lengths[int(0.9 * (len(lengths) - 1))] if lengths else 0
    wrapped = (
        len(lines) >= 4
        and 40 <= width <= _MAX_WRAP_WIDTH
        and sum(length >= 0.75 * width for length in lengths) >= 0.45 * len(lengths)
    )
    if not wrapped:
        return lines
    joined: list[Span] = []
    previous: Span | None = None
    for line in lines:
        if previous and joined and _goes_on(text, previous, line, width):
            joined[-1] = (joined[-1][0], line[1])
        else:
            joined.append(line)
        previous = line
    return joined


def _goes_on(text: str, line: Span, following: Span, width: int) -> bool:
    """Return whether a wrapped line goes on in the following one."""
    gap = text[line[1] : following[0]]
    if gap.count("\n") > 1 or gap.count("\r") > 1 or "\f" in gap:
        return False
    if _LIST_ITEM.match(text, following[0], following[1]) or _HEADING.match(text, line[0], line[1]):
        return False
    if text[following[0]].islower():
        return True
    word = re.match(r"\S+", text[following[0] : following[0] + width])
    return line[1] - line[0] + 1 + (word.end() if word else 0) > 0.85 * width


def _split_sentences(segment: str) -> list[Span]:
    import sentencex

    # White space other than the plain blank stops the splitter (U+2028 makes it fail), and one code point
    # takes another's place, so the offsets stay.
    masked = _ODD_SPACE.sub(" ", segment)
    try:
        found = sentencex.get_sentence_boundaries("en", masked)
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":  # a panic in the splitter's Rust code is no Exception
            raise
        return [(0, len(segment))]
    return [(boundary["start_index"], boundary["end_index"]) for boundary in found]


def _strip(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _units(sentence: str, token_spans: Callable[[str], list[Span]]) -> list[int]:
    """Return the offsets at which a new unit of size starts: at each token, and within what is long and no token."""
    starts: list[int] = []
    last = 0
    for start, _ in [*token_spans(sentence), (len(sentence), 0)]:
        while start - last > _MAX_UNIT:
            last += _MAX_UNIT
            starts.append(last)
        if start < len(sentence) and (not starts or start > last):
            starts.append(start)
            last = start
    return starts


def _cut(sentence: str, units: list[int], size: int, overlap: int) -> list[Span]:
    """Return overlapping windows of at most ``size`` units over a longer sentence, cut between words if it can be."""
    bounds = [0, *[unit for unit in units if unit > 0], len(sentence)]
    windows: list[Span] = []
    first = 0
    while True:
        last = min(first + size, len(bounds) - 1)
        if last == len(bounds) - 1:
            windows.append(_strip(sentence, bounds[first], bounds[last]))
            break
        last = _word_start(sentence, bounds, last, max(first + 1, last - size // 4))
        windows.append(_strip(sentence, bounds[first], bounds[last]))
        step_back = max(first + 1, last - overlap)
        first = _word_start(sentence, bounds, step_back, max(first + 1, step_back - overlap // 4))
    return [window for window in windows if window[0] < window[1]]


def _word_start(sentence: str, bounds: list[int], index: int, least: int) -> int:
    """Return the last index in [least, index] whose bound starts a word, else one that splits no character."""
    for candidate in range(index, least - 1, -1):
        if sentence[bounds[candidate] - 1].isspace():
            return candidate
    for candidate in range(index, least - 1, -1):
        if not unicodedata.combining(sentence[bounds[candidate]]) and sentence[bounds[candidate]] != "\u200d":
            return candidate
    return index


def _heading_lookup(document: Document, encoder: Encoder) -> Callable[[int], str]:
    """Return a function from an offset to its heading context: the title, and in Markdown the nearest heading."""
    title = document.title
    # A title that is a whole sentence, or a first line cut short, is a text without a title.
    if title.endswith((".", "…", "!", ":", ";", ",", "”", '"')) or len(title) > 110:
        title = ""
    headings = (
        [(m.start(), m.end(), m.group(2)) for m in _HEADING.finditer(document.text)] if document.format == "md" else []
    )

    @lru_cache(maxsize=256)
    def capped(context: str) -> str:
        spans = encoder.token_spans(context)
        return context if len(spans) < _MAX_CONTEXT else context[: spans[_MAX_CONTEXT - 2][0]].rstrip()

    def heading_at(start: int) -> str:
        section = next((name for begin, end, name in reversed(headings) if end <= start), "")
        shown = "" if title and document.text.startswith(title, start) else title  # it begins with the title itself
        parts = [shown] if section in ("", title) else [shown, section]
        return capped(" – ".join(filter(None, parts)))

    return heading_at
