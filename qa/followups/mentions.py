"""Mentions: the persons, places, organisations, dates and things that a turn speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .kinds import gender_of, is_plural, kind_of, singular
from .lexicon import (
    ADVERBS,
    AUXILIARY,
    CONJUNCTIONS,
    DETERMINERS,
    DOCUMENT_NOUNS,
    EVENT_NOUNS,
    FILLER,
    FUNCTION,
    GROUP_NOUNS,
    IMPERATIVES,
    ORGANISATION_NOUNS,
    PERSON_NOUNS,
    PLACE_NOUNS,
    PREPOSITIONS,
    PRONOUNS,
    WH,
)
from .tokens import Token, dates, tokenize
from .verbs import base_form, is_base, is_past, is_verb

SHORT_ANSWER = 7  # words: an answer this short is taken as one mention
_CONNECTORS = frozenset({"of", "the", "de", "von", "van", "for", "and", "'s", "&", "al", "bin", "du", "la"})
_CAPITAL = re.compile(r"\b[^\W\d_a-z]")
_QUOTES = "\"'“”‘’«»"


@lru_cache(maxsize=4096)
def _words_of(text: str) -> tuple[str, ...]:
    return tuple(token.lower for token in tokenize(text) if token.is_word)


@dataclass(frozen=True, slots=True)
class Mention:
    """Words that name something: its kind, number and where it stands.

    ``kind`` is person, country, place, organisation, event, document, date, name (capitalised, of unknown kind) or
    thing; ``start`` counts code points in the question or answer it is taken from.
    """

    text: str
    kind: str
    plural: bool
    start: int
    role: str = "other"  # answer (the whole short answer), subject, object, other
    gender: str = ""  # "m", "f" or unknown
    initial: bool = False  # a capital that may only be the sentence's first letter
    alias: str = ""  # the noun by which its question asked for it: "company" of "Which company ..."

    @property
    def words(self) -> tuple[str, ...]:
        """The lower-case words."""
        return _words_of(self.text)

    @property
    def head(self) -> str:
        """The head noun: the last word, or the word before "of"."""
        words = [word for word in self.words if word not in ("the", "a", "an")]
        for index, word in enumerate(words):
            if index and word in PREPOSITIONS:
                return words[index - 1]
        return words[-1] if words else ""

    @property
    def is_name(self) -> bool:
        """Whether it is written with a capital."""
        return not self.initial and bool(_CAPITAL.search(self.text))


def make(text: str, start: int, role: str = "other", initial: bool = False) -> Mention:
    """Build a mention from its words; what is owned tells the kind: "Marie Curie's notebook" is a thing."""
    owned = re.split(r"['’]s\s+", text)[-1]
    if owned != text and not owned.lower().startswith("republic"):
        return replace(make(owned, start, role), text=text, initial=True)
    words = [token.lower for token in tokenize(text) if token.is_word]
    capitalised = any(token.is_capital for token in tokenize(text) if token.lower not in DETERMINERS)
    kind = kind_of(words[-words[::-1].index("and") :] if "and" in words and capitalised else words, capitalised)
    head = Mention(text, kind, False, start).head
    conjoined = " and " in text and kind != "thing" and not text.lower().startswith(("ministry", "the ministry"))
    band = kind == "name" and words[:1] == ["the"] and head.endswith("s")
    people = capitalised and head.endswith(("ese", "ans")) and len(words) < 3 and kind in ("name", "thing")
    kind = "person" if people else kind
    plural = conjoined or band or people or (is_plural(head) and kind not in ("country", "name"))
    if conjoined and capitalised and kind in ("name", "person"):
        kind = "person" if kind == "person" else "name"
    return Mention(text, kind, plural, start, role, gender_of(words) if kind in ("person", "name") else "", initial)


def _name_runs(text: str, tokens: Sequence[Token], known: frozenset[str]) -> list[tuple[int, int, bool]]:
    """Return token ranges of capitalised runs, and whether the first capital may be a sentence's."""
    runs: list[tuple[int, int, bool]] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        first = i == 0 or tokens[i - 1].text in ".!?:" or (tokens[i - 1].text in _QUOTES and i == 1)
        lower = token.lower
        capital = token.is_word and (token.is_capital or lower in known)
        if not capital or (
            (lower in FUNCTION and not (token.text.isupper() and len(token.text) > 1 and lower not in PRONOUNS))
            or (first and (lower in IMPERATIVES or lower in FILLER or lower.endswith("ly")))
        ):
            i += 1
            continue
        j = i + 1
        while j < len(tokens):
            here = tokens[j]
            if (
                here.is_word
                and (here.is_capital or here.lower in known)
                and here.lower not in AUXILIARY | PRONOUNS | WH
            ) or (here.is_word and here.text.isdigit() and len(here.text) < 3):
                j += 1
            elif here.text in ("He", "Her") and tokens[j - 1].is_capital:
                j += 1  # "Zheng He"
            elif here.text == "." and len(tokens[j - 1].text) == 1 and j + 1 < len(tokens) and tokens[j + 1].is_capital:
                j += 2  # "Y. A. Tittle"
            else:
                k = j
                while k < len(tokens) and tokens[k].lower in _CONNECTORS and k - j < 2:
                    k += 1
                connector = [token.lower for token in tokens[j:k]]
                ahead = k < len(tokens) and tokens[k].is_word and (tokens[k].is_capital or tokens[k].lower in known)
                # "and" joins two names of a pair, kept apart here; "'s" joins "People's Republic" only
                if not ahead or not connector or connector[0] in ("and", "the") or tokens[k].lower in FUNCTION:
                    break
                if connector == ["'s"] and tokens[j - 1].lower not in ("people", "women", "children", "men", "workers"):
                    break
                if connector[0] == "for" and not (j - i > 1):
                    break
                j = k + 1
        runs.append((i, j, first and j - i == 1 and lower not in known and is_verb(lower)))
        i = j
    return runs


def _noun_phrases(tokens: Sequence[Token], taken: set[int]) -> list[tuple[int, int]]:
    """Return token ranges of lower-case noun phrases: a determiner or nothing, then content words."""
    spans = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if not token.is_word or i in taken:
            i += 1
            continue
        j = i
        determined = token.lower in ("the", "a", "an", "this", "that", "these", "those", "any", "some", "all", "both")
        if determined or (i and tokens[i - 1].lower == "'s"):
            j = i + 1 if determined else i
        first = j
        while (
            j < len(tokens)
            and tokens[j].is_word
            and tokens[j].lower not in FUNCTION
            and (j not in taken or (determined and j == first and tokens[j].text.isdigit()))
            and not (j > first and (is_past(tokens[j].lower) or tokens[j].lower.endswith("ly")))
            and not (
                j > first
                and is_base(tokens[j].lower)
                and singular(tokens[j].lower) == tokens[j].lower
                and not determined
            )
        ):
            j += 1
        while not determined and j - first > 1 and is_base(tokens[first].lower) and _follows_subject(tokens, first):
            i = first = first + 1  # "How did Sacagawea help tribes": the verb is no part of the phrase
        content = tokens[first:j]
        if i and tokens[i - 1].lower == "how":
            i = max(j, i + 1)
            continue
        if not content or (not determined and (is_past(content[0].lower) or content[0].lower in FILLER)):
            i = max(j, i + 1)
            continue
        asked = i > 0 and tokens[i - 1].lower in ("who", "what", "which")
        if (
            not determined
            and len(content) == 1
            and is_verb(content[0].lower)
            and (asked or not is_plural(content[0].lower))
        ):
            i = j
            continue
        spans.append((i, j))
        i = j
    return spans


def _follows_subject(tokens: Sequence[Token], i: int) -> bool:
    return i > 0 and (tokens[i - 1].is_capital or tokens[i - 1].lower in PRONOUNS | AUXILIARY | {"to", "who"})


def _extend_of(tokens: Sequence[Token], end: int) -> int:
    """Return the end of a phrase after taking in one following "of ..." phrase."""
    if end + 1 < len(tokens) and tokens[end].lower == "of":
        j = end + 1
        while (
            j < len(tokens)
            and tokens[j].is_word
            and (tokens[j].lower not in FUNCTION or (tokens[j].lower in ("the", "a", "an") and j == end + 1))
        ):
            if j > end + 1 and not tokens[j].is_capital and is_past(tokens[j].lower):
                break
            j += 1
        if j > end + 1 and tokens[j - 1].lower not in ("the", "a", "an"):
            return j
    return end


def mentions_of(text: str, known: frozenset[str] = frozenset()) -> list[Mention]:
    """Return the mentions in a sentence, in order; ``known`` are lower-case words known to be names."""
    tokens = tokenize(text)
    found: list[Mention] = [make(text[a:b], a) for a, b in dates(text)]
    found = [replace(mention, kind="date", plural=False) for mention in found]
    taken = {i for i, token in enumerate(tokens) for m in found if m.start <= token.start < m.start + len(m.text)}
    ranges: list[tuple[int, int, bool]] = []
    for i, j, initial in _name_runs(text, tokens, known):
        if any(k in taken for k in range(i, j)):
            continue
        start = i - 1 if i and tokens[i - 1].lower == "the" else i
        # "the Kuril islands", "Russian diplomats": a name before a common noun belongs to it
        k = j
        while (
            k < len(tokens)
            and tokens[k].is_word
            and k - j < 2
            and tokens[k].lower not in FUNCTION
            and (singular(tokens[k].lower) in COMMON_NOUNS or tokens[k].lower in COMMON_NOUNS)
        ):
            k += 1
        described = k > j and singular(tokens[k - 1].lower) in PERSON_NOUNS | GROUP_NOUNS  # "Russian ambassador"
        ranges.append((start, k, described or (initial and k == j)))
        taken.update(range(start, k))
    for i, j in _noun_phrases(tokens, taken):
        end = _extend_of(tokens, j)
        if end > j:
            ranges.append((j + 1, end, True))  # "the function of a virtual machine" is about the machine, too
        ranges.append((i, end, True))
    owners = {end: start for start, end, _ in ranges}
    for i, j, initial in list(ranges):
        if i > 1 and tokens[i - 1].lower == "'s" and i - 1 in owners:
            ranges.append((owners[i - 1], j, False))  # "Marie Curie's notebook"
            ranges.remove((i, j, initial))
    for i, j, initial in ranges:
        mention = make(text[tokens[i].start : tokens[j - 1].end], tokens[i].start, initial=initial)
        before = tokens[i - 1].lower if i else ""
        moved = before in ("to", "from") and i > 1 and base_form(tokens[i - 2].lower) in _MOTION
        if mention.kind == "name" and (moved or before in ("in", "at", "near")):
            mention = replace(mention, kind="place", gender="")
        found.append(mention)
    found.extend(_pairs(text, tokens, [r for r in ranges if not r[2]]))
    return sorted(found, key=lambda mention: (mention.start, -len(mention.text)))


_MOTION = frozenset(
    {"go", "come", "fly", "travel", "sail", "move", "walk", "return", "march", "flight", "trip", "visit", "back"}
)
COMMON_NOUNS = (
    PERSON_NOUNS | GROUP_NOUNS | PLACE_NOUNS | ORGANISATION_NOUNS | EVENT_NOUNS | DOCUMENT_NOUNS
) - frozenset({"state", "visit", "strike", "trip", "plan", "report", "protest", "book", "attack", "match", "deal"})


def _pairs(text: str, tokens: Sequence[Token], ranges: Sequence[tuple[int, int, bool]]) -> list[Mention]:
    """Return coordinated names ("Russia and Japan", "A, B and C") as plural mentions."""
    pairs = []
    ordered = sorted(ranges)
    i = 0
    while i < len(ordered):
        j = i
        joined = False
        while j + 1 < len(ordered):
            between = [token.lower for token in tokens[ordered[j][1] : ordered[j + 1][0]]]
            if between in (["and"], [","], [",", "and"], ["&"]):
                joined = joined or "and" in between
                j += 1
            else:
                break
        if j > i and joined:
            a, b = tokens[ordered[i][0]].start, tokens[ordered[j][1] - 1].end
            last = make(text[tokens[ordered[j][0]].start : b], a)
            pairs.append(Mention(text[a:b], last.kind, True, a))
        i = j + 1
    return pairs


def strip_answer(answer: str) -> str:
    """Return an answer without quotes, final punctuation and a leading preposition."""
    text = answer.strip().strip(_QUOTES + " .,;:").strip()
    words = text.split()
    if len(words) > 1 and words[0].lower() in PREPOSITIONS | {"because"} and words[0][0].islower():
        text = " ".join(words[1:])
    return text


def answer_mention(answer: str, wanted: str) -> Mention | None:
    """Return the whole of a short answer as one mention; ``wanted`` is the kind its question asked for."""
    text = strip_answer(answer)
    if answer.strip().lower().startswith("to ") and is_base(text.split(" ")[0].lower()):
        return None  # "to visit family graves"
    tokens = [token for token in tokenize(text) if token.is_word]
    if not tokens or len(tokens) > SHORT_ANSWER or any(token.lower in AUXILIARY | WH for token in tokens):
        return None
    if tokens[0].lower in PRONOUNS | CONJUNCTIONS | ADVERBS - {"most", "more", "many", "much"}:
        return None
    if any(is_past(t.lower) and not t.is_capital for t in tokens[1:]) and wanted not in ("", "thing"):
        return None
    if re.fullmatch(r"[\d.,%$€£]+(?: (?:million|billion|percent|per cent))?", text) and not dates(text):
        return None
    mention = make(text, 0, role="answer")
    if dates(text) and (dates(text)[0][0] <= 4 or wanted == "date"):
        return replace(mention, kind="date", plural=False)
    if wanted == "person" and mention.kind in ("name", "person"):
        return replace(mention, kind="person" if mention.is_name else mention.kind, gender=gender_of(mention.words))
    if wanted == "place" and mention.kind in ("name", "thing"):
        return replace(mention, kind="place", plural=mention.plural and " and " in text)
    if wanted in ("organisation", "document", "event") and mention.kind == "name":
        return replace(mention, kind=wanted, gender="")
    return mention
