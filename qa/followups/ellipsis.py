"""What a question leaves unsaid: openers, bare question words, fragments, and verbs without their objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .antecedents import render
from .frames import Frame, clause, parse
from .lexicon import (
    AUXILIARY,
    BE,
    DATE_NOUNS,
    FUNCTION,
    IMPERATIVES,
    PREPOSITIONS,
    RELATIONAL,
    SUBORDINATORS,
    UNIQUE_NOUNS,
    WH,
)
from .memory import PastTurn, entities
from .mentions import Mention, is_plural, mentions_of, singular
from .tokens import Token, tokenize
from .verbs import base_form, is_past, is_verb

_OPENER = re.compile(
    r"^(?:(?:and|but|so|also|then|or|ok|okay|well|now|interesting|great|thanks|thank you|i see|right|sure|yes|no|nice|cool"
    r"|oh|ah|hm+|plus)\b[\s,.!:…-]*)+",
    re.IGNORECASE,
)
_NOT_OPENER = re.compile(
    r"^(?:so far|also known|now that|no one|so[- ]called|or else|right[- ]wing|well[- ]known|then-)", re.IGNORECASE
)
_ABOUT = re.compile(r"^(?:what|how)\s+(?:about|of)\s+", re.IGNORECASE)
_BE_THAT = re.compile(
    r"\s+(?:is|was|were|are|would|did|does|do)\s+(?:that|this|it|so|it happen|that happen|this happen|it be|that be)$",
    re.IGNORECASE,
)
_FEW = 1  # a question with no more content words than this needs the conversation


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
    allowed = {"many", "much", "long", "far", "often", "old", "big", "tall", "of", "them", "those", "these", "exactly", "else",
               "not", "one", "ones", "so", "come", "recently", "soon", "about"} | DATE_NOUNS  # fmt: skip
    if [first, *rest] == ["what", "for"]:
        return text
    if first == "what" and rest and rest[0] not in DATE_NOUNS | {"else"}:
        return ""
    return text if all(word in allowed or (word == singular(word) and word in DATE_NOUNS) for word in rest) else ""


def ask_again(wh: str, turns: Sequence[PastTurn]) -> list[str]:
    """Ask the last question again with another question phrase; "Who else?" asks the last that asked who."""
    last = turns[-1]
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
        verb, _, rest = frame.predicate.partition(" ")
        who = "they" if frame.wanted == "person" else "it"
        auxiliary = "did" if is_past(verb.lower()) else "does" if base_form(verb) != verb.lower() else "do"
        return [f"{wh} {auxiliary} {who} {base_form(verb)} {rest}"]
    words = (wh, frame.auxiliary, frame.subject, frame.predicate)
    return [" ".join(word for word in words if word)]


def _ask_argument(wh: str, frame: Frame, last: PastTurn) -> list[str]:
    """Ask for another argument: "Who else?" after "Who attended the conference?"."""
    asked = wh.split()[0].lower()
    before = frame.wh.split()[0].lower() if frame.wh else ""
    if wh.lower().startswith("which one"):
        wh = frame.wh if before == "which" else "Which"
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
        noun = re.sub(r"^(?:(?:the|a|an|some|any|these|those|all|[\d.,]+|\w*ty|two|three|four|five|six|seven|eight|nine|ten) )+", "",
                      plural[0].text, flags=re.IGNORECASE)  # fmt: skip
        rest = " ".join(p for p in (frame.auxiliary, frame.subject, frame.predicate) if p)
        found = clause(frame, None if not frame.adverbial else last.answer)
        if found and found.subject.lower().endswith(noun.lower()):
            return [f"{wh} {noun} {found.statement[len(found.subject) :].strip()}"]
        if noun.lower() in rest.lower():
            return [f"{wh} {noun}"]
        return [f"{wh} {noun} {rest}"]
    found = clause(frame, last.answer)
    return [found.ask(wh)] if found else [f"{wh} {frame.predicate}"]


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
    scored = sorted(
        ((_likeness(new, m, question, preposition), -i, m) for i, m in enumerate(inside)),
        key=lambda item: (-item[0], -item[1]),
    )
    if tokens[0].lower in ("any", "anything", "another", "more", "other", "others") and not (scored and scored[0][0] >= 1.2):
        topic = _topic([last], known)
        return [f"{fragment_text} {'about' if tokens[0].lower == 'anything' else 'of'} {topic}"] if topic else []
    readings = []
    for score, _, mention in scored[:3]:
        if score <= 0:
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


def complete(
    body: str, tokens: Sequence[Token], opener: str, turns: Sequence[PastTurn], known: frozenset[str]
) -> tuple[list[str], str]:
    """Complete a question with too few words of its own: "Who protested?", "What are the symptoms?"."""
    words = [token for token in tokens if token.is_word]
    names = [m for m in mentions_of(body, known) if m.is_name or m.kind == "date"]
    content = [token for token in words if token.is_content]
    if not words or names or words[0].lower not in WH | AUXILIARY | PREPOSITIONS:
        return [], ""
    if any(token.lower in SUBORDINATORS - PREPOSITIONS for token in words[2:]):
        return [], ""
    part = _ownerless_part(words)
    if part:
        topic = _topic(turns, known)
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
        topic = _topic(turns, known)
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
    topic = _topic(turns, known)
    return ([f"{text} about {topic}"], f"about {topic}") if topic else ([], "")


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


def _topic(turns: Sequence[PastTurn], known: frozenset[str]) -> str:
    """Return what the last turns are about: the most salient name or thing that is not an answer to when or where."""
    for entity in entities(turns):
        if entity.adverbial or entity.mention.kind == "date":
            continue
        return render(entity.mention, False, "")
    return ""
