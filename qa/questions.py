"""Untrusted text made safe for the models and the terminal."""

from __future__ import annotations

import unicodedata

from qa.errors import PinciteError

_JOINERS = "\u200c\u200d"  # part of how Persian words and emoji are written


def clean_question(question: object, limit: int) -> str:
    """Return the question for the models: one line, without control characters.

    Raises PinciteError when it is no text, blank, or longer than ``limit`` characters.
    """
    if not isinstance(question, str):
        raise PinciteError(f"A question has to be text, not {type(question).__name__}.", "Ask a str.")
    if len(question) > limit:
        raise PinciteError(
            f"The question has {len(question):,} characters; {limit:,} is the longest taken.",
            "Shorten it, or raise the setting max_question_characters.",
        )
    cleaned = " ".join(printable(question).split())
    if not cleaned:
        raise PinciteError("The question is empty.", 'Ask something, for example "Who signed the treaty?".')
    return cleaned


def printable(text: str, *, strip: bool = True) -> str:
    """Return untrusted text as one line that a terminal can show: control characters become blanks.

    Direction marks and other invisible characters, which make a line look like another, are left out.
    """
    line = "".join(map(_visible, text))
    return line.strip() if strip else line


def storable(question: str) -> str:
    """Return the question as asked, with lone surrogates replaced, which no encoding can write."""
    return question.encode("utf-8", "replace").decode("utf-8")


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Cs", "Zl", "Zp"):
        return " "
    if category == "Cf" and character not in _JOINERS:  # direction marks and other invisible instructions
        return ""
    return character
