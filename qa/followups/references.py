"""The gate's eye: which words of a question point out of it.

Every rule names the uses that do not point anywhere: "it" as a dummy subject, "that" as a conjunction or relative
pronoun, "there" that says that something exists, "this year", and pronouns whose antecedent stands in the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .kinds import is_plural, singular
from .lexicon import (
    ADVERBS,
    AUXILIARY,
    BE,
    CONJUNCTIONS,
    COUNTRY_NOUNS,
    DATE_NOUNS,
    DETERMINERS,
    DO,
    DOCUMENT_NOUNS,
    EVENT_NOUNS,
    FUNCTION,
    GROUP_NOUNS,
    MODAL,
    NUMBER_WORDS,
    ORGANISATION_NOUNS,
    PERSON_NOUNS,
    PLACE_NOUNS,
    PREPOSITIONS,
    SAYING,
    SUBORDINATORS,
    UNIQUE_NOUNS,
    WH,
)
from .mentions import Mention, mentions_of
from .tokens import Token
from .verbs import is_base, is_past, is_verb

_PERSONAL = {
    "he": "he", "him": "he", "his": "he", "himself": "he",
    "she": "she", "her": "she", "hers": "she", "herself": "she",
    "they": "they", "them": "they", "their": "they", "theirs": "they", "themselves": "they",
    "it": "it", "its": "it", "itself": "it",
}  # fmt: skip
_DEICTIC = DATE_NOUNS - {"period", "era", "season", "decade", "time", "day", "year"} | {
    "article", "text", "page", "passage", "paragraph", "corpus", "file", "collection", "documents", "way",
}  # fmt: skip
_DOING = frozenset({"do", "does", "did", "done", "doing"})
_MODIFIERS = frozenset(
    {"same", "other", "first", "last", "second", "third", "new", "latter", "former", "whole", "entire", "main"}
)
_CATEGORY = (
    PERSON_NOUNS | PLACE_NOUNS | ORGANISATION_NOUNS | EVENT_NOUNS | DOCUMENT_NOUNS | GROUP_NOUNS | DATE_NOUNS
) - UNIQUE_NOUNS


@dataclass(frozen=True, slots=True)
class Reference:
    """Words of a question, by character offsets, that stand for something said before.

    ``kind`` is he, she, they, it, that (a thing or what happened), there, then, after (what happened before), both,
    or noun (a description with head ``noun``).
    """

    start: int
    end: int
    kind: str
    possessive: bool = False
    noun: str = ""
    demonstrative: bool = False
    count: int = 0


def _dummy_it(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether "it" at ``i`` is a dummy subject: "Is it true that", "How long does it take to"."""
    after = [token.lower for token in tokens[i + 1 : i + 12]]
    before = [token.lower for token in tokens[max(0, i - 3) : i]]
    if not after:
        return before[-2:] == ["time", "is"]
    if before[-1:] and before[-1] in BE and after[0] in ("when", "who", "where", "which"):
        return True  # "What year was it when"
    if after[0] in ("take", "takes", "cost", "costs", "mean", "feel") and ("to" in after or "for" in after):
        return True
    if after[0] in ("matter", "rain", "snow", "raining", "snowing", "turn", "seem", "appear", "happen") and (
        "that" in after or "if" in after or after[0] in ("raining", "snowing", "rain", "snow")
    ):
        return True
    adjective = after[1:] if after[0] in BE | {"become", "remain", "seem"} else after
    is_copula = bool(before and before[-1] in BE) or after[0] in BE
    if not is_copula:
        return before[-1:] in (["make"], ["makes"], ["made"], ["find"], ["found"]) and "to" in after[:4]
    if adjective[:1] == ["that"] or (before[:1] and before[0] in WH and after[0] == "that"):
        return True
    for j, word in enumerate(adjective[:5]):
        if word in ("that", "to", "whether") and j >= 1:
            described = adjective[j - 1] not in FUNCTION or adjective[j - 1] in ("so", "such", "more")
            return described and (word != "to" or not is_past(adjective[j - 1]))
        if word == "for" and "to" not in adjective:
            return False
    return adjective[:1] == ["like"] and "to" in after


def _relative_or_conjunction(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether "that" at ``i`` introduces a clause rather than pointing."""
    if i == 0:
        return False
    previous = tokens[i - 1].lower
    following = tokens[i + 1].lower if i + 1 < len(tokens) and tokens[i + 1].is_word else ""
    if not following:
        return False
    if previous in SAYING:
        return True
    if previous in FUNCTION and previous not in ("those", "all", "one", "ones", "so", "such", "anything", "something"):
        return False
    if previous in ("do", "did", "does", "done"):
        return False
    # after a noun or adjective: a relative clause when a verb, a pronoun, a name or a determiner follows
    object_of_verb = (is_verb(previous) or is_past(previous)) and not is_plural(previous) and tokens[i - 1].is_word
    return not (object_of_verb and following in _CATEGORY)


def _determined_noun(tokens: Sequence[Token], i: int) -> tuple[int, str]:
    """Return the end index and head noun of the noun phrase whose determiner stands at ``i``; ("", i) if none."""
    j = i + 1
    while (j < len(tokens) and tokens[j].is_word and tokens[j].lower not in FUNCTION | SUBORDINATORS - {"so"}) or (
        j < len(tokens) and tokens[j].lower in _MODIFIERS | {"two"}
    ):
        if j > i + 1 and not tokens[j].is_capital and tokens[j - 1].lower not in _MODIFIERS | set(NUMBER_WORDS):
            word = tokens[j].lower
            if is_past(word) or (tokens[j - 1].lower in _CATEGORY and is_verb(word) and word not in _CATEGORY):
                break
            if singular(tokens[j - 1].lower) in _CATEGORY and singular(word) not in _CATEGORY:
                break
            if word.endswith("ly") or (is_verb(word) and not is_plural(word) and word not in _CATEGORY):
                break
        j += 1
    return (j, tokens[j - 1].lower) if j > i + 1 else (i, "")


def _internal(tokens: Sequence[Token], i: int, kind: str, possessive: bool, own: Sequence[Mention]) -> bool:
    """Tell whether a pronoun's antecedent stands in the question itself."""
    start = tokens[i].start
    fitting = [mention for mention in own if _may_corefer(mention, kind)]
    before = [mention for mention in fitting if mention.start + len(mention.text) <= start]
    if not before:
        # "Before he became president, what did Putin do?"
        opens = (
            i <= 3 and any(token.lower in SUBORDINATORS for token in tokens[:i]) and any(t.text == "," for t in tokens)
        )
        return opens and any(mention.start > start for mention in fitting)
    if possessive or (kind in ("he", "she", "they") and tokens[i].lower.endswith(("self", "selves"))):
        return True
    following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
    last = max(j for j, token in enumerate(tokens) if token.start < before[-1].start + len(before[-1].text))
    for j in range(last + 1, i):
        # "What is mortadella and where is it from?"
        # "When Lincoln was shot, who sat next to him?"
        if tokens[j].lower in ("and", "or", "but", ",") and tokens[j + 1].lower in WH | AUXILIARY:
            return True
    # the subject of a second clause: "When did Putin say he would", "What did Russia do after it left"
    clause_start = tokens[i - 1].lower in SUBORDINATORS | SAYING | {","}
    return clause_start and (following in AUXILIARY or is_verb(following) or following.endswith(("ed", "s")))


def _is_doing(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether "that" or "it" at ``i`` is the object of a full verb "do": "when did he do that"."""
    following = tokens[i + 1].lower if i + 1 < len(tokens) and tokens[i + 1].is_word else ""
    return (
        i > 1 and tokens[i - 1].lower in _DOING and (not following or following in PREPOSITIONS | ADVERBS | DATE_NOUNS)
    )


def _may_corefer(mention: Mention, kind: str) -> bool:
    if kind in ("he", "she"):
        return mention.kind in ("person", "name") and not mention.plural
    if kind == "it":
        return not mention.plural and mention.kind not in ("person", "date")
    if kind == "they":
        return mention.plural or mention.kind in ("country", "organisation", "name", "person")
    return False


def find_references(tokens: Sequence[Token], text: str) -> list[Reference]:
    """Return the references of a question, in order."""
    own = [mention for mention in mentions_of(text) if not mention.initial or mention.kind != "thing" or mention.text]
    found: list[Reference] = []
    skip_until = -1
    for i, token in enumerate(tokens):
        if i < skip_until:
            continue
        word = token.lower
        following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
        previous = tokens[i - 1].lower if i else ""
        ends = i + 1 >= len(tokens) or not tokens[i + 1].is_word
        if word in _PERSONAL:
            kind = _PERSONAL[word]
            possessive = word in ("his", "its", "their") or (
                word == "her"
                and not ends
                and following not in PREPOSITIONS | AUXILIARY | DETERMINERS | CONJUNCTIONS | WH
            )
            if word == "it" and following == "'s" and i + 2 < len(tokens) and not previous.endswith(("is", "was")):
                possessive = i > 0 and previous not in WH  # "it's subscribers" for "its"
            if kind == "it" and not possessive and _dummy_it(tokens, i):
                continue
            if _internal(tokens, i, kind, possessive, own):
                continue
            if word == "it" and not possessive and _is_doing(tokens, i):
                found.append(Reference(tokens[i - 1].start, token.end, "doing"))
                continue
            end = tokens[i + 1].end if word == "it" and possessive else token.end
            found.append(Reference(token.start, end, kind, possessive))
        elif word in ("this", "that", "these", "those"):
            if word == "that" and _relative_or_conjunction(tokens, i):
                continue
            if (
                previous in ("of", "than", "like")
                and word in ("those", "that")
                and following in ("of", "who", "in", "on")
            ):
                continue
            if word == "those" and following in ("who", "that", "of", "whose"):
                continue
            end, noun = _determined_noun(tokens, i)
            verbal = is_past(following) or (is_base(following) and previous in DO | MODAL)
            pointing = verbal and following not in _CATEGORY
            if pointing or (i == 1 and previous in BE and not any(token.is_word for token in tokens[end:])):
                end, noun = i, ""
            if _is_doing(tokens, i) and not noun:
                found.append(Reference(tokens[i - 1].start, token.end, "doing"))
            elif noun and following not in AUXILIARY:
                if word in ("this", "these") and (
                    noun in _DEICTIC or (noun == "year" and previous not in ("in", "during"))
                ):
                    continue
                if noun in ("kind", "sort", "type"):
                    continue
                count = NUMBER_WORDS.get(following, 2 if is_plural(noun) else 1)
                found.append(Reference(token.start, tokens[end - 1].end, "noun", False, noun, True, count))
                skip_until = end
            else:
                found.append(
                    Reference(
                        token.start, token.end, "that" if word in ("this", "that") else "they", demonstrative=True
                    )
                )
        elif word == "there" and i:
            existential = previous in AUXILIARY or following in BE | {"exist", "exists", "existed", "'s"}
            if previous in WH or (existential and not (ends and previous in ("been", "go"))):
                continue
            found.append(Reference(token.start, token.end, "there"))
        elif word == "then" and i and (ends or previous in PREPOSITIONS or previous in AUXILIARY or previous == "back"):
            start = tokens[i - 1].start if previous == "back" else token.start
            found.append(Reference(start, token.end, "then"))
        elif word in ("afterwards", "afterward", "later", "next", "beforehand") and ends and i > 1:
            if previous in ("years", "days", "months", "weeks", "the", "year") or previous in PREPOSITIONS:
                continue
            found.append(Reference(token.start, token.end, "after"))
        elif word == "so" and ends and previous in SAYING | _DOING and i > 1:
            start, kind = (tokens[i - 1].start, "doing") if previous in _DOING else (token.start, "that")
            found.append(Reference(start, token.end, kind))
        elif word == "both" and (ends or previous in PREPOSITIONS) and following != "the":
            if following in _CATEGORY:
                found.append(Reference(token.start, tokens[i + 1].end, "both", noun=following, count=2))
            elif ends:
                found.append(Reference(token.start, token.end, "both", count=2))
        elif word == "the" and following not in UNIQUE_NOUNS:
            reference = _definite(tokens, i)
            if reference:
                found.append(reference)
                skip_until = next((k for k in range(i, len(tokens)) if tokens[k].start >= reference.end), len(tokens))
    return found


def _definite(tokens: Sequence[Token], i: int) -> Reference | None:
    """Return the bare description that begins with "the" at ``i``: one noun, nothing after it that tells which."""
    end, noun = _determined_noun(tokens, i)
    if not noun or tokens[end - 1].is_capital or tokens[i + 1].is_capital:
        return None
    words = [token.lower for token in tokens[i + 1 : end]]
    number = NUMBER_WORDS.get(words[0], 0)
    if (
        len(words) > (2 if words[0] in _MODIFIERS or number else 1)
        or noun in UNIQUE_NOUNS
        or words[0] in ("first", "last", "other")
    ):
        return None
    after = tokens[end].lower if end < len(tokens) else ""
    if after in PREPOSITIONS - {"by", "before", "after", "during", "since", "until", "in"} or after in (
        "that",
        "which",
        "who",
        "where",
        "whose",
    ):
        return None
    if after == "in" and noun not in _CATEGORY:
        return None
    if end < len(tokens) and tokens[end].is_capital:  # "the year 1956", "the island Iturup"
        return None
    if noun in DATE_NOUNS and after.isdigit():
        return None
    one = singular(noun)
    plural = noun != one or noun in GROUP_NOUNS
    kind = "noun"
    if number == 2 and one in COUNTRY_NOUNS | PERSON_NOUNS | {"side", "party", "government", "leader", "island"}:
        kind = "both"
    return Reference(tokens[i].start, tokens[end - 1].end, kind, False, noun, False, number or (2 if plural else 1))
