"""Words of a passage: the places where an answer may begin and end. Pure; no model, no tokenizer.

Sub-word tokens cut words apart, so a span decoded from them is snapped to the words of the text and then
trimmed of punctuation that does not belong to it. A word is what a person would call one: ``U.S.``,
``1,700``, ``US$1.95``, ``52.6%``, ``O'Neill``, ``AT&T``, ``9:30``. A possessive ``'s`` and a hyphen may end one,
because the people who marked answers in SQuAD cut there (``Beyoncé|'s``, ``London|-based``). In scripts written
without spaces every character is a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# A run without a boundary is cut here, so that no hostile document turns pages into one word.
MAX_WORD_CHARACTERS = 80

_CLOSER = {"(": ")", "[": "]", "{": "}", "“": "”", "‘": "’", "«": "»", "„": "“", "「": "」", "『": "』", "《": "》"}
_OPENER = {closer: opener for opener, closer in _CLOSER.items()}
_SYMMETRIC = frozenset("\"'")
_STRIPPED_SYMBOLS = frozenset("|^=`")
_KEPT_PUNCTUATION = frozenset("#@&%‰§")
_SPACELESS = (  # Thai and Lao, Myanmar, Khmer, kana, Han
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF)),
    *((0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
)


class _Classes(dict[int, str]):
    """Translation from characters to the classes :data:`_WORD` is written in, filled as they are met."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _class_of(chr(code))
        return found


def _class_of(character: str) -> str:
    """``A`` capital, ``a`` other letter, ``m`` mark or joiner, ``0`` digit, ``c`` spaceless script, ``$`` ``%`` signs,
    a space, ``x`` anything else; ``s``, ``S`` and the characters that may join words stand for themselves."""
    if character in ".,:/&@_-'sS":
        return character
    if character in "’ʼ":
        return "'"
    if character in "−‐‑":
        return "-"
    if character in "%‰°":
        return "%"
    category = unicodedata.category(character)
    if character.isspace() or category in ("Cc", "Cs", "Zs") or character in "\u200b\ufeff":
        return " "
    if category[0] == "L":
        if any(low <= ord(character) <= high for low, high in _SPACELESS):
            return "c"
        return "A" if category in ("Lu", "Lt") else "a"
    if category[0] == "M" or category == "Cf":
        return "m"
    if category[0] == "N":
        return "0"
    if category == "Sc":
        return "$"
    return "a" if category in ("Co", "Cn") else "x"


_CLASSES = _Classes()
_WORD = re.compile(
    r"""(?P<word>
        cm*                                                    # a character of a spaceless script
      | (?: (?<![aAsS0m]) [AS]{0,3} \$ (?=0)                   # US$5
          | (?<![aAsS0m.,)%]) - (?=0) )?                       # -5, where it is no range
        (?: (?<![aAsS0m.]) [aAsS]m* (?: \.[aAsS](?![aAsS0m]) )+ \.?            # U.S., p.m.
          | [aAsS0] [aAsS0m]*
            (?: (?<=0) [.,:/] (?=0) [aAsS0m]*                  # 1,700  9:30  3/4
              | (?<=[aAsSm]) \. (?=[as]) [aAsS0m]*             # example.org
              | (?<=[aAsSm]) (?<![as][as][as]) \. (?=[AS]) [aAsS0m]*           # Ph.D, but not "end.The"
              | ' (?=[aAsS0]) (?! [sS] (?![aAsS0m]) ) [aAsS0m]*                # O'Neill, don't; no possessive
              | [&@_] (?=[aAsS0]) [aAsS0m]* )*                 # AT&T, a@b, snake_case
        )
        (?: (?<=0) (?: \$(?!0) | % (?: [aA](?![aAsS0m]) )? ) )?                # 5€  52.6%  20°C
    )
    | ' [sS] (?![aAsS0m])                                      # a possessive
    | [^\ ]                                                    # any other visible character by itself
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Words:
    """The segments of a text in order: words, and the visible characters between them.

    ``starts`` and ``ends`` (n,) are character offsets, ``is_word`` (n,) tells which segments are words.
    White space belongs to none.
    """

    text: str
    starts: np.ndarray
    ends: np.ndarray
    is_word: np.ndarray

    def trim(self, first: int, last: int) -> tuple[int, int]:
        """Return the character offsets of segments ``first..last`` without the punctuation around them.

        Brackets and quotation marks stay where their partner stands inside the span, unless the pair wraps
        the whole of it; one that was opened inside and closes right behind is taken in. A span without a
        word comes back as (0, 0).
        """
        while first <= last:
            if self._strips(first, first, last):
                first += 1
            elif self._strips(last, first, last):
                last -= 1
            else:
                break
        if first > last or not self.is_word[first : last + 1].any():
            return 0, 0
        if self._wraps(first, last):
            return self.trim(first + 1, last - 1)
        while self._closes(last + 1, first):
            last += 1
        return int(self.starts[first]), int(self.ends[last])

    def _strips(self, at: int, first: int, last: int) -> bool:
        """Whether the segment ``at`` one end of ``first..last`` does not belong to an answer."""
        if self.is_word[at]:
            return False
        if self.ends[at] - self.starts[at] > 1:  # a possessive belongs to the word before it
            return at == first
        character = self.text[self.starts[at]]
        inside = self.text[self.starts[first] : self.ends[last]]
        if character in _SYMMETRIC:
            return inside.count(character) % 2 == 1
        if at == first and character in _CLOSER:
            return _partner(inside, _CLOSER[character]) < 0
        if at == last and character in _OPENER:
            return _partner(inside[::-1], _OPENER[character]) < 0
        if character in _KEPT_PUNCTUATION:
            return False
        return unicodedata.category(character)[0] == "P" or character in _STRIPPED_SYMBOLS

    def _closes(self, at: int, first: int) -> bool:
        """Whether the segment ``at`` closes a bracket opened since ``first``, with no space before it."""
        if at == len(self.starts) or self.starts[at] != self.ends[at - 1]:
            return False
        inside = self.text[self.starts[first] : self.ends[at]]
        if inside[-1] in _SYMMETRIC:
            return self.ends[at] - self.starts[at] == 1 and inside.count(inside[-1]) % 2 == 0
        return inside[-1] in _OPENER and _partner(inside[::-1], _OPENER[inside[-1]]) > 0

    def _wraps(self, first: int, last: int) -> bool:
        """Whether one pair of brackets or quotation marks encloses the whole of ``first..last``."""
        inside = self.text[self.starts[first] : self.ends[last]]
        if len(inside) > 2 and inside[0] in _SYMMETRIC:
            return inside[0] == inside[-1] and inside.count(inside[0]) == 2
        return inside[0] in _CLOSER and _partner(inside, _CLOSER[inside[0]]) == len(inside) - 1


def _partner(text: str, partner: str) -> int:
    """Where the bracket at the beginning of the text meets its partner, or -1."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character == text[0]) - (character == partner)
        if depth == 0:
            return position
    return -1


def split_words(text: str) -> Words:
    """Return the words and the punctuation of a text; every visible character belongs to exactly one."""
    segments = list(_segments(text))
    offsets = np.array([segment[:2] for segment in segments], np.int64).reshape(-1, 2)
    return Words(text, offsets[:, 0], offsets[:, 1], np.array([segment[2] for segment in segments], np.bool_))


def _segments(text: str) -> Iterator[tuple[int, int, bool]]:
    for match in _WORD.finditer(text.translate(_CLASSES)):
        start, end = match.span()
        word = match.lastgroup == "word"
        while end - start > MAX_WORD_CHARACTERS:
            yield start, start + MAX_WORD_CHARACTERS, word
            start += MAX_WORD_CHARACTERS
        yield start, end, word
