"""Kinds, number and gender of what words name, by the small lexicons."""

from __future__ import annotations

from collections.abc import Sequence

from .lexicon import (
    AWARD_NOUNS,
    CITIES,
    COUNTRIES,
    DATE_NOUNS,
    DETERMINERS,
    DOCUMENT_NOUNS,
    EVENT_NOUNS,
    FEMALE_NAMES,
    FEMALE_NOUNS,
    GROUP_NOUNS,
    MALE_NAMES,
    MALE_NOUNS,
    ORGANISATION_NOUNS,
    PERSON_NOUNS,
    PLACE_NOUNS,
    PREPOSITIONS,
    REGIONS,
    TITLES,
)


def _is_country(words: Sequence[str]) -> bool:
    return " ".join(word for word in words if word != "the") in COUNTRIES


def singular(noun: str) -> str:
    """Return a noun's singular, by spelling alone."""
    irregular = {"men": "man", "women": "woman", "children": "child", "people": "person", "talks": "talk"}
    if noun in irregular:
        return irregular[noun]
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "sses", "xes")):
        return noun[:-2]
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is", "news", "series")) and len(noun) > 3:
        return noun[:-1]
    return noun


def is_plural(noun: str) -> bool:
    """Tell whether a noun is plural, by spelling and the group nouns."""
    return noun in GROUP_NOUNS or noun == "police" or singular(noun) != noun


def kind_of(words: Sequence[str], capitalised: bool) -> str:
    """Return the kind of thing that lower-case ``words`` name."""
    bare = [word for word in words if word not in DETERMINERS]
    if not bare:
        return "thing"
    if _is_country(bare):
        return "country"
    head_index = next((i - 1 for i, word in enumerate(bare) if i and word in PREPOSITIONS), len(bare) - 1)
    head = bare[head_index]
    one = singular(head)
    if head in CITIES or head in REGIONS:
        return "place"
    if len(bare) > 1 and any(word in TITLES for word in bare[:-1]) and one not in ORGANISATION_NOUNS and capitalised:
        return "person"
    if one in PERSON_NOUNS:
        return "person"
    for nouns, kind in (
        (DATE_NOUNS, "date"),
        (ORGANISATION_NOUNS, "organisation"),
        (PLACE_NOUNS, "place"),
        (EVENT_NOUNS, "event"),
        (DOCUMENT_NOUNS, "document"),
    ):
        if head in nouns or one in nouns:
            return kind
    if one in AWARD_NOUNS:
        return "thing"
    if capitalised and (bare[0] in FEMALE_NAMES or bare[0] in MALE_NAMES):
        return "person"
    return "name" if capitalised else "thing"


def gender_of(words: Sequence[str]) -> str:
    """Return "f", "m" or "" for a person's name or description."""
    if any(word in FEMALE_NOUNS for word in words) or (words and words[0] in FEMALE_NAMES):
        return "f"
    if any(word in MALE_NOUNS for word in words):
        return "m"
    given = next((word for word in words if word not in TITLES), "")
    return "f" if given in FEMALE_NAMES else "m" if given in MALE_NAMES else ""
