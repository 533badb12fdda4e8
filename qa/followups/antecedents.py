"""Which of the things spoken of fits a reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .kinds import singular
from .lexicon import (
    COUNTRY_NOUNS,
    DATE_NOUNS,
    DOCUMENT_NOUNS,
    EVENT_NOUNS,
    FEMALE_NOUNS,
    GROUP_NOUNS,
    MALE_NOUNS,
    ORGANISATION_NOUNS,
    PERSON_NOUNS,
    PLACE_NOUNS,
    PREPOSITIONS,
    TITLES,
    WORK_NOUNS,
)
from .memory import Entity, PastTurn, entities
from .mentions import Mention
from .references import Reference

READINGS = 4  # at most as many readings are offered
FLOOR = 0.45  # a reading this much worse than the best is not offered

# How well a mention of each kind fits a pronoun, in [0, 1].
_FIT: dict[str, dict[str, float]] = {
    "it": {
        "thing": 0.9, "document": 1.0, "event": 1.0, "organisation": 1.0, "place": 0.9, "country": 0.6, "name": 0.8,
        "person": 0.03,
    },
    "they": {"organisation": 0.7, "country": 0.25, "name": 0.45, "person": 0.25, "place": 0.1},
    "there": {"place": 1.0, "country": 0.9, "event": 0.5, "organisation": 0.35, "name": 0.3},
    "then": {"date": 1.0},
}  # fmt: skip


_ADJECTIVE = re.compile(r"(?:ican|ian|ese|ish)$")
_GENERAL_PLACES = COUNTRY_NOUNS | {
    "city",
    "town",
    "village",
    "island",
    "place",
    "region",
    "area",
    "province",
    "territory",
}
_NAMEABLE = PLACE_NOUNS | ORGANISATION_NOUNS | EVENT_NOUNS | DOCUMENT_NOUNS
_ANYONE = frozenset(
    {"man", "woman", "boy", "girl", "person", "politician", "guy", "official", "diplomat", "leader", "author", "expert"}
)
_ARTICLE = (
    "united states",
    "soviet union",
    "united kingdom",
    "european union",
    "russian federation",
    "philippines",
    "netherlands",
    "ussr",
    "us",
    "usa",
    "uk",
    "eu",
)


def _pronoun_fit(kind: str, mention: Mention) -> float:
    if kind in ("he", "she"):
        if mention.plural or mention.kind not in ("person", "name"):
            return 0.0
        if mention.gender and (mention.gender == "m") != (kind == "he"):
            return 0.0
        words = len(mention.words)
        if mention.kind == "person":
            described = all(word in TITLES or word in PERSON_NOUNS for word in mention.words)
            return 0.3 if described else 1.0 if mention.is_name else 0.4
        if mention.words[0] == "the" or words > 4 or mention.text.isupper() or _ADJECTIVE.search(mention.words[0]):
            return 0.05
        return 0.75 if words in (2, 3) else 0.6
    if kind == "they" and mention.plural:
        if mention.is_name or mention.kind in ("person", "country", "organisation"):
            return 0.9
        return 0.5 if mention.kind == "thing" else 0.75
    if kind == "they" and mention.gender:
        return 0.05
    if kind == "it" and mention.plural:
        return 0.06
    if kind == "it" and mention.kind == "name" and mention.gender:
        return 0.2
    return _FIT.get(kind, {}).get(mention.kind, 0.0)


def _noun_fit(reference: Reference, mention: Mention, named: bool) -> float:
    """Return how well a mention fits "the ministry", "that treaty", "these islands".

    A definite description that shares no word with the mention is too weak a sign where the question has a name of its
    own (``named``): "Did the report say that prices rose in Germany?".
    """
    noun, one = reference.noun, singular(reference.noun)
    words = [word for word in mention.words if word not in ("the", "a", "an")]
    plural = reference.count > 1
    if plural != mention.plural and noun not in ("talks", "negotiations", "sanctions", "elections"):
        return 0.0
    if mention.kind == "person" and not plural:
        if (one in FEMALE_NOUNS and mention.gender == "m") or (one in MALE_NOUNS and mention.gender == "f"):
            return 0.0
        if mention.is_name and one in PERSON_NOUNS and (reference.demonstrative or one in _ANYONE):
            return 0.9
    if mention.alias and mention.alias == one and not plural:
        return 1.0
    if words == [noun] or words == [one]:
        return 0.0
    telling = mention.is_name or any(word in PREPOSITIONS for word in words) or mention.kind == "date"
    telling = telling or (mention.role == "answer" and len(words) > 1)
    if not telling and not reference.demonstrative:
        return 0.0
    if mention.head in (noun, one):
        return 1.0 if telling else 0.6
    if plural and mention.plural and " and " in mention.text and (one in PLACE_NOUNS) == (mention.kind != "person"):
        return 0.9
    if one in {singular(word) for word in words} and len(words) > 1:
        return 0.9
    if not reference.demonstrative and (named or one in PLACE_NOUNS - _GENERAL_PLACES):
        return 0.0
    if one in COUNTRY_NOUNS or (one in ("island", "islands") and plural):
        return {"country": 0.9, "place": 0.6}.get(mention.kind, 0.35 if mention.kind == "name" else 0.0)
    kinds = (
        (DATE_NOUNS, "date"),
        (PERSON_NOUNS | GROUP_NOUNS, "person"),
        (PLACE_NOUNS, "place"),
        (ORGANISATION_NOUNS, "organisation"),
        (EVENT_NOUNS, "event"),
        (DOCUMENT_NOUNS, "document"),
    )
    for nouns, kind in kinds:
        if kind == "person" and not plural and not reference.demonstrative:
            continue
        if (one in nouns or noun in nouns) and mention.kind == kind and (mention.is_name or kind == "date"):
            return 0.7
    if (
        mention.kind == "name"
        and not mention.gender
        and not plural
        and (one in WORK_NOUNS or (reference.demonstrative and one in _NAMEABLE))
    ):
        return 0.5
    if mention.kind == "name" and (one in PLACE_NOUNS or one in ORGANISATION_NOUNS):
        return 0.35
    return 0.0


def rank(reference: Reference, entities: Sequence[Entity], excluded: Sequence[str]) -> list[Mention]:
    """Return the mentions that fit, best first; ``excluded`` are texts that the question itself already names."""
    barred = [text.lower() for text in excluded]
    scored: list[tuple[float, int, Mention]] = []
    for order, entity in enumerate(entities):
        mention = entity.mention
        text = re.sub(r"^(?:the|a|an) ", "", mention.text.lower())
        if any(text in other or other in text for other in barred):
            continue
        fit = (
            _noun_fit(reference, mention, bool(excluded))
            if reference.kind == "noun"
            else _pronoun_fit(reference.kind, mention)
        )
        if entity.adverbial and reference.kind in ("it", "they", "he", "she"):
            fit *= 0.3
        if reference.kind == "there" and mention.kind == "country" and mention.role == "answer" and not mention.alias:
            fit *= 0.4  # a country that did something
        if entity.adverbial and entity.turn == 1 and reference.kind in ("there", "then"):
            fit *= 2.0  # the place or the date just answered
        if fit > 0:
            scored.append((fit * entity.salience, -order, mention))
    if reference.kind == "they" and not any(mention.plural and mention.is_name for _, _, mention in scored):
        scored.extend(_together(entities, barred, max((s for s, _, _ in scored), default=0.0)))
    scored.sort(key=lambda item: (-item[0], -item[1]))
    if not scored:
        return []
    best = scored[0][0]
    return [mention for score, _, mention in scored if score >= FLOOR * best][:READINGS]


def _together(entities: Sequence[Entity], barred: Sequence[str], best: float) -> list[tuple[float, int, Mention]]:
    """Return two persons of the last question as one candidate for "they": "Where did A meet B?"."""
    people = [
        entity.mention
        for entity in entities
        if entity.turn == 1 and not entity.in_answer and entity.mention.kind in ("person", "name")
        if entity.mention.is_name and not entity.mention.plural and entity.mention.text.lower() not in barred
    ]
    if len(people) != 2:
        return []
    first, second = sorted(people, key=lambda mention: mention.start)
    return [(1.1 * best + 0.1, 1, replace(first, text=f"{first.text} and {second.text}", plural=True))]


def pair(reference: Reference, entities: Sequence[Entity]) -> list[str]:
    """Return what "both countries" or "the two leaders" stands for: a pair named together, else two of a kind."""
    one = singular(reference.noun) if reference.noun else ""
    kinds = ("country",) if one in COUNTRY_NOUNS | {"side", "party", "government", "capital"} else ("person", "name")
    kinds = ("place", "name") if one in PLACE_NOUNS - COUNTRY_NOUNS else kinds
    together = [
        e.mention.text for e in entities if e.mention.plural and e.mention.kind in kinds and " and " in e.mention.text
    ]
    singles = [
        e.mention.text for e in entities if not e.mention.plural and e.mention.kind in kinds and e.mention.is_name
    ]
    if together:
        return together[:1]
    return [f"{singles[0]} and {singles[1]}"] if len(singles) > 1 else []


def render(mention: Mention, possessive: bool, before: str) -> str:
    """Return a mention's words as they stand in a question, after the text ``before``."""
    text = re.sub(r"^(?:an?|this|that|these|those|any|some) ", "the ", mention.text, flags=re.IGNORECASE)
    if re.search(r"\b(?:the|a|an) $", before):
        text = re.sub(r"^the ", "", text, flags=re.IGNORECASE)
    if text[:4] == "The ":
        text = "the " + text[4:]
    elif (
        mention.is_name and text[:4].lower() != "the " and not re.search(r"(?:\b(?:an?|his|her|its|their|s)) $", before)
    ):
        words = text.lower().split()
        common = singular(mention.head) in DOCUMENT_NOUNS | EVENT_NOUNS | ORGANISATION_NOUNS
        if (
            common
            and len(words) > 1
            and "," not in text
            and " and " not in text
            and "'s" not in text
            and "’s" not in text
        ) or text.lower() in _ARTICLE:
            text = "the " + text
    if possessive:
        text = re.sub(r"['’]s?$", "", text)
        text += "'" if text.endswith("s") and mention.plural else "'s"
    return text


def topic_of(turns: Sequence[PastTurn]) -> str:
    """Return what the last turns are about: the most salient name or thing that is not an answer to when or where."""
    for entity in entities(turns):
        if entity.adverbial or entity.mention.kind == "date":
            continue
        return render(entity.mention, False, "")
    return ""
