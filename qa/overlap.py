"""Which words of a question stand in a passage: a cheap sign that the passage is about what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable

from qa.fusion import STOP_WORDS

_WORD = re.compile(r"\w+(?:['’]\w+)?")
_PREFIX = 5


def words_of(text: str) -> list[str]:
    """Return the words of a text, lower case, possessive endings dropped."""
    return [re.sub(r"['’]s?$", "", word.lower()) for word in _WORD.findall(text)]


def _stem(word: str) -> str:
    # Five letters tell "negotiated" from "neglected" and join it with "negotiations"; numbers must match whole.
    return word if any(map(str.isdigit, word)) else word[:_PREFIX]


def question_overlap(question: str, passages: Iterable[str]) -> tuple[float, int]:
    """Return (coverage, missing) of a question over one passage (given in parts: text, title ...).

    ``coverage`` is the share, in [0, 1], of the question's distinct content words found; 1 when it has none.
    ``missing`` counts its names (capitalised, not the first word) and numbers that are not found.
    """
    found = {_stem(word) for passage in passages for word in words_of(passage)}
    raw = _WORD.findall(question)
    content = {_stem(word) for word in words_of(question) if word not in STOP_WORDS}
    coverage = len(content & found) / len(content) if content else 1.0
    names = {
        _stem(words_of(word)[0])
        for i, word in enumerate(raw)
        if any(map(str.isdigit, word)) or (i > 0 and word[0].isupper() and word.lower() not in STOP_WORDS)
    }
    return coverage, len(names - found)
