"""Fragments: "What about Shikotan?", "And in 1956?", put into the last question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .antecedents import topic_of
from .frames import clause
from .lexicon import (
    AUXILIARY,
    IMPERATIVES,
    PREPOSITIONS,
    WH,
)
from .memory import PastTurn
from .mentions import Mention, mentions_of
from .tokens import Token, tokenize
from .verbs import is_past, is_verb

_ABOUT = re.compile(r"^(?:what|how)\s+(?:about|of)\s+", re.IGNORECASE)


def fragment(opener: str, tokens: Sequence[Token], body: str) -> tuple[bool, str]:
    """Return whether "what about" was said, and the fragment that is to be put into the last question."""
    match = _ABOUT.match(body)
    if match:
        return True, body[match.end() :].strip().rstrip("?!. ")
    words = [token for token in tokens if token.is_word]
    if not words or words[0].lower in WH | AUXILIARY | IMPERATIVES:
        return False, ""
    if words[0].lower in PREPOSITIONS and len(words) > 1 and words[1].lower in WH:
        return False, ""
    if any(token.lower in AUXILIARY | WH for token in words):
        return False, ""
    content = sum(token.is_content for token in words)
    limit = 5 if opener or words[0].lower in PREPOSITIONS else 2
    if content > limit or (not opener and not body.rstrip().endswith("?") and content > 1):
        return False, ""
    if any(is_past(t.lower) and not t.is_capital for t in words[1:]):
        return False, ""
    return False, body.strip().rstrip("?!. ")


def substitute(fragment_text: str, about: bool, last: PastTurn, known: frozenset[str]) -> list[str]:
    """Put a fragment into the last question: in place of what is of its kind, or after it."""
    question = last.question.strip().rstrip("?!. ")
    tokens = tokenize(fragment_text)
    if not tokens:
        return []
    preposition = tokens[0].lower if tokens[0].lower in PREPOSITIONS and len(tokens) > 1 else ""
    bare = fragment_text[tokens[1].start :] if preposition else fragment_text
    found = mentions_of(bare, known)
    new = found[0] if found else Mention(bare, "thing", False, 0)
    inside = [m for m in last.in_question if question[m.start : m.start + len(m.text)] == m.text]
    wh = len(last.frame.lead) + len(last.frame.wh) if last.frame else 0
    inside = [m for m in inside if m.text.lower() not in bare.lower() and (m.start > wh or m.is_name)]
    if new.kind == "thing" and len(new.words) == 1 and bare.islower() and not is_verb(new.head):
        new = replace(new, kind="name")  # a name typed in small letters
    if new.kind == "date":
        inside = [m for m in inside if m.kind == "date"]
        when = (fragment_text if preposition else _dated(bare)).strip()
        frame = last.frame
        if not inside and frame and frame.wanted == "date":
            answered = clause(frame, last.answer)  # "When did it begin?" "And in 1956?"
            return [f"What happened {when}: {answered.statement}" if answered else f"{question} {when}"]
        if not inside:
            return [f"{question} {when}"]
    else:
        inside = [m for m in inside if m.kind != "date"]
    owners = [m for m in last.in_question if m.text != bare and re.match(re.escape(m.text) + "['’]s ", bare)]
    if owners:  # "And his government?" is asked of the owner's place in the question
        return [question[: owners[0].start] + bare + question[owners[0].start + len(owners[0].text) :]]
    scored = sorted(
        ((_likeness(new, m, question, preposition), -i, m) for i, m in enumerate(inside)),
        key=lambda item: (-item[0], -item[1]),
    )
    if tokens[0].lower in ("any", "anything", "another", "more", "other", "others") and not (
        scored and scored[0][0] >= 1.2
    ):
        topic = topic_of([last])
        return [f"{fragment_text} {'about' if tokens[0].lower == 'anything' else 'of'} {topic}"] if topic else []
    readings = []
    for score, _, mention in scored[:3]:
        if score < 0.6 * scored[0][0]:
            continue
        end = mention.start + len(mention.text)
        start = mention.start
        before = question[:start]
        if preposition:
            earlier = before.split()
            if earlier and earlier[-1].lower() in PREPOSITIONS:
                start = len(before.rstrip()) - len(earlier[-1])
                readings.append(question[:start] + fragment_text + question[end:])
                continue
            if new.kind == "date":
                readings.append(question[:start] + bare + question[end:])
            continue
        article = re.match(r"^(?:the|a|an) ", mention.text, re.IGNORECASE)
        text = bare if not (article and before.lower().endswith("the ")) else re.sub(r"^the ", "", bare)
        readings.append(question[:start] + text + question[end:])
    if not readings or preposition:
        readings.append(f"{question} {fragment_text}" if preposition else _asked_of(bare, question, last))
    return readings


def _dated(date: str) -> str:
    return f"on {date}" if re.search(r"\b\d{1,2}\b(?!\d)", date) and re.search("[a-z]", date) else f"in {date}"


def _asked_of(bare: str, question: str, last: PastTurn) -> str:
    """Ask the last question of another subject: "Who signed?" "Japan" "And Russia?"."""
    frame = last.frame
    if frame and not frame.subject and frame.predicate and frame.wh:
        found = clause(frame, bare)
        if found:
            return found.ask("")
    return f"{question} {bare}" if bare.lower() not in question.lower() else question


def _likeness(new: Mention, old: Mention, question: str, preposition: str) -> float:
    """Return how alike two mentions are, so that the one may take the other's place."""
    score = 0.0
    if new.kind == old.kind:
        score = 1.0 if new.kind != "thing" else 0.6
    elif {new.kind, old.kind} <= {"country", "place", "organisation", "name"} or (
        {new.kind, old.kind} <= {"person", "name"} and old.is_name
    ):
        score = 0.6
    elif new.is_name == old.is_name or "name" in (new.kind, old.kind):
        score = 0.3
    else:
        score = 0.15
    if new.text.lower() in old.text.lower():
        score += 0.8  # one of several that were asked about together
    if new.head and new.head == old.head:
        score += 0.6
    if new.plural == old.plural:
        score += 0.1
    if preposition and question[: old.start].split()[-1:] == [preposition]:
        score += 0.5
    return score
