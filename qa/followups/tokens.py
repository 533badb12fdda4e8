"""Tokens of a question or an answer, with offsets, and the small tests on them that every step shares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from .lexicon import FILLER, FUNCTION, MONTHS
from .verbs import base_form

_TOKEN = re.compile(r"\w+n['’]t\b|(?<=\w)['’](?:s|re|ve|ll|d|m)\b|\d+(?:[.,]\d+)*(?:-\w+)*|\w+(?:[-&./]\w+)*|[^\w\s]")
DATE = re.compile(
    r"(?:(?:the )?(?:early |late |mid-?)?\b(?:1[0-9]|20)\d\ds\b)"
    r"|(?:(?:early |late |mid-?)?\b(?:1[0-9]|20)\d\d(?:[-–]\d{2,4})?\b)"
    r"|(?:\b(?:january|february|march|april|may|june|july|august|september|october|november|december)"
    r"(?: \d{1,2}(?:st|nd|rd|th)?)?(?:,? \d{4})?\b)"
    r"|(?:\b\d{1,2}(?:st|nd|rd|th)? (?:of )?(?:january|february|march|april|may|june|july|august|september|october"
    r"|november|december)(?:,? \d{4})?\b)|(?:\b(?:the )?\d{1,2}(?:st|nd|rd|th) century\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a possessive or contraction ending, or a punctuation mark."""

    text: str
    start: int
    end: int

    @property
    def lower(self) -> str:
        """The word in lower case, with a plain apostrophe."""
        return self.text.lower().replace("’", "'")

    @property
    def is_word(self) -> bool:
        """Whether this is a word or a number."""
        return self.text[0].isalnum()

    @property
    def is_capital(self) -> bool:
        """Whether this begins with a capital letter."""
        return self.text[0].isupper()

    @property
    def is_content(self) -> bool:
        """Whether this carries meaning of its own."""
        return self.is_word and self.lower not in FUNCTION and self.lower not in FILLER


@lru_cache(maxsize=1024)
def tokenize(text: str) -> tuple[Token, ...]:
    """Split ``text`` into tokens with code point offsets."""
    return tuple(Token(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(text))


def dates(text: str) -> list[tuple[int, int]]:
    """Return the offsets of the dates in ``text``, leaving the modal verb "may" and the verb "march" alone."""
    found = []
    for match in DATE.finditer(text):
        words = match.group().lower().split()
        if len(words) == 1 and words[0] in MONTHS and not match.group()[0].isupper() and words[0] in ("may", "march"):
            continue
        found.append((match.start(), match.end()))
    return found


def stem(word: str) -> str:
    """Return a crude stem that joins "signed", "signs" and "signing", "treaty" and "treaties"."""
    return base_form(word)


def content_stems(tokens: Sequence[Token]) -> set[str]:
    """Return the stems of the content words."""
    return {stem(token.lower) for token in tokens if token.is_content}
