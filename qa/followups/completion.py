"""Questions with too few words of their own: "Who protested?", "What are the symptoms?"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .antecedents import topic_of
from .frames import clause, parse
from .kinds import is_plural, singular
from .lexicon import (
    AUXILIARY,
    BE,
    FUNCTION,
    PREPOSITIONS,
    RELATIONAL,
    SUBORDINATORS,
    UNIQUE_NOUNS,
    WH,
)
from .memory import PastTurn
from .mentions import mentions_of
from .tokens import Token
from .verbs import base_form, is_past, is_verb

_REACTIONS = frozenset({"react", "respond", "answer", "reply", "protest", "object", "agree", "refuse", "comment"})
_FEW = 1  # a question with no more content words than this needs the conversation


def complete(
    body: str, tokens: Sequence[Token], opener: str, turns: Sequence[PastTurn], known: frozenset[str]
) -> tuple[list[str], str]:
    """Complete a question with too few words of its own: "Who protested?", "What are the symptoms?"."""
    words = [token for token in tokens if token.is_word]
    names = [m for m in mentions_of(body, known) if m.is_name or m.kind == "date"]
    content = [token for token in words if token.is_content]
    if not words or words[0].lower not in WH | AUXILIARY | PREPOSITIONS:
        return [], ""
    reaction = _reaction(body, turns)
    if reaction:
        return [f"{reaction[0]} {reaction[1]}"], reaction[1]
    if names:
        return [], ""
    if any(token.lower in SUBORDINATORS - PREPOSITIONS for token in words[2:]):
        return [], ""
    part = _ownerless_part(words)
    if part:
        topic = topic_of(turns)
        return ([f"{body.strip().rstrip('?!. ')} of {topic}"], f"of {topic}") if topic else ([], "")
    if len(content) > _FEW or _definition(words):
        return [], ""
    text = body.strip().rstrip("?!. ")
    last = turns[-1]
    frame = parse(body)
    if content and frame and last.frame and frame.predicate:
        verb = base_form(frame.predicate.split()[0])
        earlier = last.frame.predicate.split()
        if earlier and base_form(earlier[0]) == verb and len(earlier) > 1 and len(frame.predicate.split()) == 1:
            return [f"{text} {' '.join(earlier[1:])}"], "the object of the last question carried over"
    noun = content[0].lower if content else ""
    articled = bool(content) and _after_article(words, content[0])
    if noun and (articled or not is_verb(noun)):
        if not articled and singular(noun) not in RELATIONAL and not (opener or words[0].lower == "who"):
            return [], ""
        if words[0].lower == "who" and not articled and last.frame:
            happened = clause(last.frame, last.answer)
            return ([f"{text} when {happened.statement}"], f"when {happened.statement}") if happened else ([], "")
        topic = topic_of(turns)
        if noun in topic.lower():
            return [], ""
        return (
            ([f"{text} of {topic}" if words[-1] is content[0] else f"{text} in {topic}"], f"of {topic}")
            if topic
            else ([], "")
        )
    found = clause(last.frame, last.answer) if last.frame else None
    if found and found.predicate:
        return [f"{text} when {found.statement}"], f"when {found.statement}"
    topic = topic_of(turns)
    return ([f"{text} about {topic}"], f"about {topic}") if topic else ([], "")


def _reaction(body: str, turns: Sequence[PastTurn]) -> tuple[str, str] | None:
    """Complete "How did Tokyo react?" and "Did Kishida protest too?" with what happened: the question, the addition."""
    text = re.sub(r"[\s,]+(?:too|also|as well|either)$", "", body.strip().rstrip("?!. "))
    frame = parse(text)
    predicate = frame.predicate.lower().split() if frame else []
    if frame is None or len(predicate) != 1:
        return None
    verb = base_form(predicate[0])
    also = text != body.strip().rstrip("?!. ")
    for turn in reversed(turns[-3:]):
        earlier = turn.frame.predicate.split() if turn.frame else []
        if also and len(earlier) > 1 and base_form(earlier[0].lower()) == verb:
            return text, " ".join(earlier[1:])
        happened = clause(turn.frame, turn.answer) if turn.frame else None
        if verb in _REACTIONS and not also and happened and happened.predicate and happened.auxiliary not in BE:
            return text, f"when {happened.statement}"
    return None


def _ownerless_part(words: Sequence[Token]) -> bool:
    """Tell whether this is "What are the key findings?": a definite phrase, or a part of something, and no more."""
    lower = [word.lower for word in words]
    if len(lower) < 3 or lower[0] not in WH - {"why", "how"} or lower[1] not in BE:
        return False
    phrase, head = lower[2:], lower[-1]
    if phrase[0] == "the":
        plain = all(word not in FUNCTION or word in ("main", "other", "most") for word in phrase[1:])
        return 2 <= len(phrase) <= 4 and plain and head not in UNIQUE_NOUNS and not is_past(head) and len(phrase) > 1
    return len(phrase) <= 3 and singular(head) in RELATIONAL and is_plural(head)


def _after_article(words: Sequence[Token], noun: Token) -> bool:
    i = list(words).index(noun)
    return i > 0 and words[i - 1].lower in ("the", "any", "many", "which", "what", "other")


def _definition(words: Sequence[Token]) -> bool:
    """Tell whether this is "What is X?", which stands alone whatever came before."""
    lower = [word.lower for word in words]
    return (
        len(lower) > 2
        and lower[0] in ("what", "who")
        and (lower[1] in BE)
        and lower[2] not in ("the",)
        and any(word not in FUNCTION for word in lower[2:])
        and not is_past(lower[2])
    )
