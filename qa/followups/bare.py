"""Openers and bare question words: "And why?", "How many of them?", asked of the last question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .frames import Frame, clause
from .kinds import is_plural, singular
from .lexicon import (
    DATE_NOUNS,
    PREPOSITIONS,
    WH,
)
from .memory import PastTurn
from .mentions import mentions_of
from .tokens import tokenize
from .verbs import base_form, is_past, participle

_OPENER = re.compile(
    r"^(?:(?:and|but|so|also|then|or|ok|okay|well|now|interesting|great|thanks|thank you|i see|right|sure|yes|no"
    r"|nice|cool|oh|ah|hm+|plus)\b[\s,.!:…-]*)+",
    re.IGNORECASE,
)
_AFTER_WH = frozenset(
    "many much long far often old big tall of them those these exactly else not one ones so come soon about".split()
)
_COUNTED = re.compile(
    r"^(?:(?:the|a|an|some|any|these|those|all|[\d.,]+|\w*ty|two|three|four|five|six|seven|eight|nine|ten) )+",
    re.IGNORECASE,
)
_NOT_OPENER = re.compile(
    r"^(?:so far|also known|now that|no one|so[- ]called|or else|right[- ]wing|well[- ]known|then-)", re.IGNORECASE
)
_BE_THAT = re.compile(
    r"\s+(?:is|was|were|are|would|did|does|do)\s+(?:that|this|it|so|it happen|that happen|this happen|it be|that be)$",
    re.IGNORECASE,
)


def strip_opener(text: str) -> tuple[str, str]:
    """Return the opener ("And", "OK, but") and the rest."""
    match = _OPENER.match(text)
    if not match or _NOT_OPENER.match(text):
        return "", text
    return match.group().strip(), text[match.end() :]


def bare_question(body: str, last: PastTurn) -> str:
    """Return the question phrase of "Why?", "Since when?", "How many of them?", "When was that?"; "" for others."""
    text = body.strip().rstrip("?!. ")
    event = last.frame is not None and bool(last.frame.predicate) and last.frame.wanted not in ("thing", "number")
    if event or not text.lower().endswith(" it"):
        text = _BE_THAT.sub("", text)
    words = [token.lower for token in tokenize(text) if token.is_word]
    if not words or len(words) > 5:
        return ""
    first = words[1] if words[0] in PREPOSITIONS and len(words) > 1 else words[0]
    if first not in WH:
        return ""
    rest = words[words.index(first) + 1 :]
    if first in ("who", "what") and text != body.strip().rstrip("?!. ") and not rest:
        return ""  # "Who was that?" asks after a person
    allowed = _AFTER_WH | DATE_NOUNS
    if [first, *rest] == ["what", "for"]:
        return text
    if first == "what" and rest and rest[0] not in DATE_NOUNS | {"else"}:
        return ""
    return text if all(word in allowed or (word == singular(word) and word in DATE_NOUNS) for word in rest) else ""


def ask_again(wh: str, turns: Sequence[PastTurn]) -> list[str]:
    """Ask the last question again with another question phrase; "Who else?" asks the last that asked who."""
    last = turns[-1]
    negative = wh.lower().startswith("why not")
    if wh.lower() in ("what for", "how come"):
        wh = "Why" if wh[0].isupper() else "why"
    wh = re.sub(r"\s+(?:of (?:them|those|these)|exactly|not)$", "", wh, flags=re.IGNORECASE).strip()
    lower = wh.lower()
    if lower.endswith(" else"):
        asked = lower.split()[0]
        last = next((t for t in reversed(turns[-3:]) if t.frame and t.frame.wh.lower().split()[:1] == [asked]), last)
    frame = last.frame
    if frame is None:
        return [f"{wh} {last.question[:1].lower()}{last.question[1:]}"]
    if lower in ("who", "who else", "what else", "where else", "when else") or lower.startswith("which one"):
        return _ask_argument(wh, frame, last)
    if lower in ("how many", "how much"):
        return _ask_count(wh, frame, last)
    found = clause(frame, last.answer)
    if negative and found:
        return [replace(found, predicate=f"not {found.predicate}").ask(wh)]
    if found and found.predicate:
        readings = [found.ask(wh)]
        if not frame.adverbial and frame.subject and frame.predicate:
            plain = clause(frame, None)
            if plain and plain.predicate:
                readings.append(plain.ask(wh))
        return readings
    if found:
        return [found.ask(wh)]
    if frame.predicate and not frame.auxiliary:
        return [_without_subject(wh, frame)]
    words = (wh, frame.auxiliary, frame.subject, frame.predicate)
    return [" ".join(word for word in words if word)]


def _without_subject(wh: str, frame: Frame) -> str:
    """Ask a subject question again whose answer is not known: "Where was the treaty signed?"."""
    verb, _, rest = frame.predicate.partition(" ")
    past = is_past(verb.lower())
    objects = [mention for mention in mentions_of(rest) if mention.start == 0]
    if not objects:
        auxiliary = "did" if past else "does" if base_form(verb) != verb.lower() else "do"
        return f"{wh} {auxiliary} {'they' if frame.wanted == 'person' else 'it'} {base_form(verb)} {rest}"
    found = objects[0]
    be = ("were" if found.plural else "was") if past else ("are" if found.plural else "is")
    return f"{wh} {be} {found.text} {participle(base_form(verb))} {rest[len(found.text) :]}"


def _ask_argument(wh: str, frame: Frame, last: PastTurn) -> list[str]:
    """Ask for another argument: "Who else?" after "Who attended the conference?"."""
    asked = wh.split()[0].lower()
    before = frame.wh.split()[0].lower() if frame.wh else ""
    if wh.lower().startswith("which one"):
        counted = frame.wh.split()[2:] if before == "how" else []
        wh = frame.wh if before == "which" else " ".join(("Which", *counted))
        if counted:
            return [" ".join(part for part in (wh, frame.auxiliary, frame.subject, frame.predicate) if part)]
        noun = next((m.text for m in last.in_answer if m.plural), "")
        return [
            f"Which {noun}" if noun and wh == "Which" else f"{wh} {frame.auxiliary} {frame.subject} {frame.predicate}"
        ]
    if before == asked or (asked in ("who", "what") and before in ("who", "what", "which")):
        phrase = wh if before == asked else f"{frame.wh.replace('ich', 'ich other', 1) if 'else' in wh else frame.wh}"
        return [" ".join(word for word in (phrase, frame.auxiliary, frame.subject, frame.predicate) if word)]
    found = clause(frame, last.answer)
    if not found:
        return [f"{wh} {frame.predicate}"]
    statement = found.statement
    rest = statement[len(found.subject) :].strip() if asked == "who" else statement
    return [f"{wh} {rest}", f"{wh} was involved when {statement}"]


def _ask_count(wh: str, frame: Frame, last: PastTurn) -> list[str]:
    words = frame.wh.split()
    noun = " ".join(words[1:]) if words and words[0].lower() in ("which", "what") and len(words) > 1 else ""
    if noun:
        noun = noun if is_plural(noun.split()[-1]) else noun + "s"
        parts = (f"{wh} {noun}", frame.auxiliary, frame.subject, frame.predicate)
        return [" ".join(part for part in parts if part)]
    plural = [m for m in (*last.in_answer, *last.in_question) if m.plural and " and " not in m.text]
    if plural:
        noun = _COUNTED.sub("", plural[0].text)
        rest = " ".join(p for p in (frame.auxiliary, frame.subject, frame.predicate) if p)
        found = clause(frame, None if not frame.adverbial else last.answer)
        if found and found.subject.lower().endswith(noun.lower()):
            return [f"{wh} {noun} {found.statement[len(found.subject) :].strip()}"]
        if noun.lower() in rest.lower():
            return [f"{wh} {noun}"]
        return [f"{wh} {noun} {rest}"]
    found = clause(frame, last.answer)
    return [found.ask(wh)] if found else [f"{wh} {frame.predicate}"]
