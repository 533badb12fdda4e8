"""What was spoken of in the last turns, weighted by where and how long ago it was said.

Salience adds up over the turns that name the same thing, as in Lappin and Leass (1994), "An algorithm for pronominal
anaphora resolution": a topic that the conversation stays with outweighs a name that one long answer mentions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .frames import Frame, parse
from .kinds import singular
from .lexicon import BE, DATE_NOUNS, DETERMINERS, FILLER, FUNCTION, GENERIC, MONTHS, PRONOUNS, TITLES
from .mentions import COMMON_NOUNS, Mention, answer_mention, mentions_of
from .tokens import content_stems, tokenize

WINDOW = 6  # turns that a reference may look back
DECAY = 0.55
WEIGHTS = {"answer": 3.0, "description": 0.6, "subject": 2.2, "object": 1.7, "long-first": 0.9, "long": 0.45}
_NO_NAMES = FUNCTION | FILLER | COMMON_NOUNS | DATE_NOUNS | TITLES | MONTHS
UNANSWERED = 0.7  # weight of what an unanswered question speaks of


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A turn as it was understood."""

    question: str
    answer: str | None
    frame: Frame | None
    in_question: tuple[Mention, ...]
    in_answer: tuple[Mention, ...]
    stems: frozenset[str]


@dataclass(slots=True)
class Entity:
    """Mentions of one thing: its fullest form, and its salience."""

    mention: Mention
    salience: float
    turn: int  # how many turns ago it was last named; 1 is the last turn
    in_answer: bool
    adverbial: bool = False  # the answer to a when, where, why or how question


@lru_cache(maxsize=1024)
def past_turn(question: str, answer: str | None, known: frozenset[str], said: str = "") -> PastTurn:
    """Read a turn; ``question`` is its stand-alone form, ``said`` the user's own words.

    Who was called "he" or "she" there is a person, whatever the name looks like.
    """
    frame = parse(question)
    asked = _without_pronouns(mentions_of(question, known))
    if frame and frame.subject and frame.auxiliary not in BE:
        # "did the visa-free exchange start": the verb is no part of the mention
        subject_start = question.find(frame.subject)
        subject_end = subject_start + len(frame.subject)
        asked = [
            replace(m, text=question[m.start : subject_end])
            if m.start < subject_end < m.start + len(m.text) and m.start >= subject_start
            else m
            for m in asked
        ]
    called = _called(said)
    filled_in = [m for m in asked if m.kind in ("name", "person") and m.is_name and m.text.lower() not in said.lower()]
    if called and len(filled_in) == 1 and not filled_in[0].gender:
        asked[asked.index(filled_in[0])] = replace(filled_in[0], kind="person", gender=called)
    names = [m for m in asked if m.kind != "date"]
    in_question = tuple(
        replace(mention, role="subject" if names and mention is names[0] else "object") for mention in asked
    )
    in_answer: list[Mention] = []
    if answer:
        whole = answer_mention(answer, frame.wanted if frame else "")
        inside = _without_pronouns(mentions_of(answer, known))
        if whole:
            whole = replace(whole, alias=_asked_noun(frame), role="description" if _defines(frame) else "answer")
            if whole.alias and whole.role == "answer":
                # "Who was Japan's representative?": the description and the answer are one
                in_question = tuple(
                    replace(m, role="description") if singular(m.head) == whole.alias and m.initial else m
                    for m in in_question
                )
            in_answer.append(whole)
            if whole.plural or len(whole.words) > 3:
                inside = [replace(m, role="long") for m in inside if m.text != whole.text]
                in_answer.extend(inside)
        else:
            named = [m for m in inside if not m.initial]
            in_answer = [replace(m, role="long-first" if named and m is named[0] else "long") for m in inside]
    return PastTurn(
        question, answer, frame, in_question, tuple(in_answer), frozenset(content_stems(tokenize(question)))
    )


def _asked_noun(frame: Frame | None) -> str:
    """Return the noun that a question asks for: "Which company ...", "Who is the ambassador of ..."."""
    if frame is None:
        return ""
    words = [word.lower() for word in frame.wh.split()]
    if len(words) > 1 and words[0] in ("which", "what"):
        return singular(words[-1])
    if frame.auxiliary not in BE or frame.subject or _defines(frame):
        return ""
    phrase = mentions_of(frame.predicate)[:1]
    return singular(phrase[0].head) if phrase and not phrase[0].is_name else ""


def _defines(frame: Frame | None) -> bool:
    """Tell whether the answer only describes what was asked: "Who was Nikita Khrushchev?"."""
    if frame is None or frame.auxiliary not in BE or frame.subject or frame.wh.lower() not in ("who", "what"):
        return False
    phrase = mentions_of(frame.predicate)[:1]
    bare = frame.wh.lower() == "what" and frame.predicate.split()[:1] != ["the"] and "'s " not in frame.predicate
    return bare or frame.predicate.startswith(("a ", "an ")) or bool(phrase and phrase[0].is_name)


def _called(said: str) -> str:
    words = {token.lower for token in tokenize(said)}
    he, she = not words.isdisjoint(("he", "him", "his")), not words.isdisjoint(("she", "her", "hers"))
    return "" if he == she else "m" if he else "f"


def _without_pronouns(mentions: Sequence[Mention]) -> list[Mention]:
    return [
        mention
        for mention in mentions
        if mention.words
        and mention.words[0] not in PRONOUNS
        and any(word not in FUNCTION and word not in FILLER for word in mention.words)
        and (mention.is_name or singular(mention.head) not in GENERIC)
    ]


def known_names(texts: Sequence[str | None]) -> frozenset[str]:
    """Return the words, in lower case, that sentences write with a capital: for names typed in small letters."""
    known = set()
    for text in texts:
        if not text:
            continue
        tokens = tokenize(text)
        words = [token for token in tokens if token.is_word]
        capitals = sum(token.is_capital for token in words)
        if len(words) > 5 and capitals > 0.7 * len(words):
            continue  # a headline
        for i, token in enumerate(tokens):
            inside = i > 0 and tokens[i - 1].text not in ".!?:\"“”'‘"
            name = token.is_word and token.is_capital and len(token.text) > 2 and token.lower not in _NO_NAMES
            if name and (inside or len(words) <= 3):
                known.add(token.lower)
    return frozenset(known)


def _core(mention: Mention) -> tuple[str, ...]:
    return tuple(word for word in mention.words if word not in DETERMINERS)


def _same(a: Mention, b: Mention) -> bool:
    """Tell whether two mentions name the same thing: one's words are the other's, or end it."""
    if (a.kind == "date") != (b.kind == "date"):
        return False
    x, y = _core(a), _core(b)
    if x == y:
        return True
    if a.plural != b.plural:
        return False
    if ("'s" in a.text) != ("'s" in b.text) or ("’s" in a.text) != ("’s" in b.text):
        return False
    short, long = (x, y) if len(x) < len(y) else (y, x)
    if not short or a.kind == "date" or " and " in a.text or " and " in b.text or not (a.is_name and b.is_name):
        return False
    if {a.kind, b.kind} <= {"person", "name"}:
        return long[-len(short) :] == short or long[: len(short)] == short
    return long[-len(short) :] == short and a.kind == b.kind


def entities(turns: Sequence[PastTurn], *, decay: float = DECAY) -> list[Entity]:
    """Return what the turns speak of, most salient first."""
    found: list[Entity] = []
    for distance, turn in enumerate(reversed(turns[-WINDOW:]), start=1):
        weight = decay ** (distance - 1) * (UNANSWERED if turn.answer is None else 1.0)
        adverbial = turn.frame is not None and turn.frame.adverbial and bool(turn.frame.wh)
        pairs = [m.text for m in (*turn.in_answer, *turn.in_question) if m.plural and " and " in m.text]
        for mention in (*turn.in_answer, *turn.in_question):
            in_answer = mention in turn.in_answer
            gain = weight * WEIGHTS[mention.role]
            if not mention.is_name and mention.kind != "date":
                gain *= 0.6 if in_answer and mention.role != "answer" else 0.8
            if any(mention.text in pair and mention.text != pair for pair in pairs):
                gain *= 0.5  # one of several named together
            for entity in found:
                if _same(entity.mention, mention):
                    entity.salience += gain if entity.turn != distance else 0.3 * gain
                    if len(_core(mention)) > len(_core(entity.mention)) and mention.is_name:
                        entity.mention = replace(
                            mention,
                            kind=mention.kind if mention.kind != "name" else entity.mention.kind,
                            gender=mention.gender or entity.mention.gender,
                        )
                    elif entity.mention.kind == "name" and mention.kind != "name":
                        entity.mention = replace(entity.mention, kind=mention.kind)
                    break
            else:
                found.append(Entity(mention, gain, distance, in_answer, adverbial and mention.role == "answer"))
    return sorted(found, key=lambda entity: -entity.salience)
