"""The way of a question: gate, then references, fragments and bare question words, then what is left unsaid."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.types import Turn

from .antecedents import READINGS, pair, rank, render
from .bare import ask_again, bare_question, strip_opener
from .completion import complete
from .fragments import fragment, substitute
from .frames import clause, verb_phrase
from .kinds import singular
from .lexicon import DATE_NOUNS, PREPOSITIONS, SAYING, VENUES
from .memory import WINDOW, Entity, PastTurn, entities, known_names, past_turn
from .mentions import answer_mention, mentions_of, strip_answer
from .references import Reference, find_references
from .tokens import tokenize
from .types import Resolution
from .verbs import base_form, ing_form, participle, past_form, third_person

_ALONE = Resolution(None, (), "stands alone")
_CLAUSE_PREPOSITIONS = ("after", "before", "since", "when", "until", "once", "while")


def resolve(question: str, history: Sequence[Turn]) -> Resolution:
    """Understand a question from the conversation before it.

    Turns are taken as they were understood: in their ``standalone_question``, or resolved in their turn where that is
    not given. A turn without an answer lends its question's frame, and its question's words with less weight.
    Deterministic, without a model, and in time that does not grow with the conversation.
    """
    recent = history[-2 * WINDOW :]
    known = known_names([text for turn in recent for text in (turn.question, turn.standalone_question, turn.answer)])
    turns: list[PastTurn] = []
    for turn in recent:
        understood = turn.standalone_question or _resolve(turn.question, turns, known).standalone or turn.question
        turns.append(past_turn(understood, turn.answer, known, turn.question))
    return _resolve(question, turns, known)


def _resolve(question: str, turns: Sequence[PastTurn], known: frozenset[str]) -> Resolution:
    text = question.strip()
    if not turns or not text:
        return _ALONE
    opener, body = strip_opener(text)
    tokens = tokenize(body)
    if not tokens:
        return _ALONE
    bare = bare_question(body, turns[-1])
    if bare:
        return _finish(question, ask_again(bare, turns), f'"{text}" asked of the last question')
    about, piece = fragment(opener, tokens, body)
    if piece:
        pieces, note = _fill(piece, turns, known)
        readings = [r for p in pieces or [piece] for r in substitute(p, about, turns[-1], known)]
        return _finish(question, readings, note if pieces else f'"{piece}" put into the last question')
    filled, note = _fill(body, turns, known)
    if filled or note:
        return _finish(question, filled, note)
    completed, note = complete(body, tokens, opener, turns, known)
    return _finish(question, completed, note) if completed else _ALONE


def _finish(question: str, readings: Sequence[str], reason: str) -> Resolution:
    """Tidy the readings: spaces, the first letter as the question's, a question mark, no doubles."""
    tidy: list[str] = []
    for reading in readings:
        text = re.sub(r"\s+", " ", reading).strip().rstrip("?. ").strip()
        if not text:
            continue
        first = question.strip()[:1]
        text = text[:1].upper() + text[1:] if not first.islower() else text
        text += "?" if question.rstrip().endswith("?") or not first.islower() else ""
        if text not in tidy and text.rstrip("?").lower() != question.strip().rstrip("?").lower():
            tidy.append(text)
    if not tidy:
        return Resolution(None, (), "refers back, but nothing said before fits")
    return Resolution(tidy[0], tuple(tidy[:READINGS]), reason)


def _fill(body: str, turns: Sequence[PastTurn], known: frozenset[str]) -> tuple[list[str], str]:
    """Put antecedents in place of the references of ``body``; the readings, and what was filled in."""
    tokens = tokenize(body)
    references = find_references(tokens, body)
    if not references:
        return [], ""
    spoken = entities(turns)
    own = [m.text for m in mentions_of(body, known) if m.kind != "thing" and not m.initial]
    used: dict[str, str] = {}
    choices: list[tuple[Reference, list[str]]] = []
    # descriptions first: "Why does it need the company?" leaves the company no candidate for "it"
    for reference in sorted(references, key=lambda r: r.kind not in ("noun", "both")):
        objective = body[reference.start : reference.end].lower() in ("him", "them")
        kind = reference.kind + reference.noun + "-object" * objective
        if kind in used and reference.kind in ("he", "she", "they", "it"):
            continue
        found = _antecedents(reference, body, turns, spoken, [*own, *used.values()])
        if found:
            used[kind] = re.sub(r"['’]s?$", "", found[0])
            choices.append((reference, found))
    if not choices:
        # a pronoun without an antecedent stays; a description may still belong to the topic: "the symptoms"
        pointing = any(reference.kind != "noun" or reference.demonstrative for reference in references)
        return [], "refers back" if pointing else ""
    readings = [_replace(body, [(ref, found[0]) for ref, found in choices])]
    for i, (_, found) in enumerate(choices):
        for other in found[1:]:
            picked = [(r, other if j == i else f[0]) for j, (r, f) in enumerate(choices)]
            readings.append(_replace(body, picked))
    note = "; ".join(f"{body[ref.start : ref.end]} = {found[0]}" for ref, found in choices)
    return readings, note


def _replace(body: str, picked: Sequence[tuple[Reference, str]]) -> str:
    for reference, text in sorted(picked, key=lambda item: -item[0].start):
        body = body[: reference.start] + text + body[reference.end :]
    return body


def _antecedents(
    reference: Reference, body: str, turns: Sequence[PastTurn], spoken: Sequence[Entity], excluded: Sequence[str]
) -> list[str]:
    before = body[: reference.start]
    if reference.kind == "after":
        said = _statement(turns)
        return [f"after {said}"] if said else []
    if reference.kind == "both":
        return [text + ("'s" if reference.possessive else "") for text in pair(reference, spoken)]
    if reference.kind == "then":
        return [_when(mention.text, before) for mention in rank(reference, spoken, excluded)]
    if reference.kind == "there":
        return [_where(mention.text, mention.kind, before) for mention in rank(reference, spoken, excluded)]
    if reference.kind == "that":
        return _what_happened(reference, body, turns, spoken, excluded)
    if reference.kind == "doing":
        return _doing(reference, body, turns[-1])
    if singular(reference.noun) in DATE_NOUNS:
        return [_when(mention.text, before) for mention in rank(reference, spoken, excluded)]
    return [render(mention, reference.possessive, before) for mention in rank(reference, spoken, excluded)]


def _when(date: str, before: str) -> str:
    if re.search(r"\b(?:" + "|".join(PREPOSITIONS) + r") $", before.lower()):
        return date
    day = re.search(r"\b\d{1,2}(?:st|nd|rd|th)?\b(?!\d)", date)
    return f"{'on' if day else 'in'} {date}"


def _where(place: str, kind: str, before: str) -> str:
    if re.search(r"\b(?:" + "|".join(PREPOSITIONS) + r") $", before.lower()):
        return place
    if re.search(
        r"\b(?:go|goes|went|travel|travelled|come|came|move|moved|get|got|send|sent|flown|fly|flew|sail) $",
        before.lower(),
    ):
        return f"to {place}"
    venue = kind in ("event", "organisation") or singular(place.lower().split()[-1]) in VENUES
    return f"{'at' if venue else 'in'} {place}"


def _statement(turns: Sequence[PastTurn]) -> str:
    last = turns[-1]
    found = clause(last.frame, last.answer) if last.frame else None
    return found.statement if found and found.predicate else ""


def _doing(reference: Reference, body: str, last: PastTurn) -> list[str]:
    """Return the last question's predicate for "do that", in the form that "do" stands in."""
    phrase = verb_phrase(last.frame, last.answer) if last.frame else ""
    if not phrase:
        return []
    verb, _, rest = phrase.partition(" ")
    done = body[reference.start :].split()[0].lower()
    form = {"did": past_form, "does": third_person, "doing": ing_form, "done": participle}.get(done, str)(verb)
    return [f"{form} {rest}".strip()]


def _what_happened(
    reference: Reference, body: str, turns: Sequence[PastTurn], spoken: Sequence[Entity], excluded: Sequence[str]
) -> list[str]:
    """Return what "that" or "this" stands for: the thing just answered, or what happened."""
    last = turns[-1]
    before = body[: reference.start].lower()
    words = before.split()
    frame = last.frame
    happened = clause(frame, last.answer) if frame else None
    thing = ""
    things = ("thing", "event", "document", "organisation", "place")
    if last.answer and frame and not frame.adverbial and frame.wanted in things:
        mention = answer_mention(last.answer, frame.wanted)
        thing = render(mention, False, "") if mention else ""
    readings: list[str] = []
    if last.answer and frame and frame.predicate and words and len(last.answer.split()) <= 20:
        asked = base_form(frame.predicate.split()[0].lower())
        if frame.wanted == "thing" and asked in {base_form(word) for word in words[1:]}:
            return [strip_answer(last.answer)]  # "What did he say?" "When did he say that?"
    if happened and happened.predicate and words and words[-1] in SAYING:
        verb, _, said = happened.predicate.partition(" ")
        if verb == base_form(words[-1]) and said:
            return [said]  # "Who said that Japan won?" "Where did he say so?"
        return [f"that {happened.statement}"]
    if happened and happened.predicate:
        connective = words[-1] if words else ""
        readings.append(happened.statement if connective in _CLAUSE_PREPOSITIONS else happened.nominal)
    if thing:
        readings.insert(0, thing)
    if happened and words and words[-1] in _CLAUSE_PREPOSITIONS:
        return readings
    it = Reference(reference.start, reference.end, "it")
    readings.extend(render(mention, False, before) for mention in rank(it, spoken, excluded)[:2])
    return readings
