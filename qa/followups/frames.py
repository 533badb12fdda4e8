"""Frames: the earlier question taken apart, so that a fragment can be asked of it.

"When did Russia leave the peace talks?" is question phrase, auxiliary, subject and predicate; with the answer filled
in, it is also the clause "Russia left the peace talks", to which "Why?" and "What happened after that?" refer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .kinds import kind_of
from .lexicon import AUXILIARY, BE, DO, FUNCTION, HAVE, MODAL, NUMBER_WORDS, PREPOSITIONS, PRONOUNS, WH
from .mentions import SHORT_ANSWER, answer_mention, strip_answer
from .tokens import Token, dates, tokenize
from .verbs import base_form, ing_form, is_base, is_past, is_verb, past_form, third_person

ADVERBIAL_HOW = frozenset(
    {"long", "often", "far", "old", "tall", "big", "large", "high", "soon", "well", "deep", "fast"}
)
CLAUSE_WORDS = 12  # an answer longer than this is not put into a clause


@dataclass(frozen=True, slots=True)
class Frame:
    """A question in four parts; any but the predicate may be empty.

    ``subject`` is empty in a subject question ("Who signed it?"), ``auxiliary`` is empty where the verb is a full one.
    """

    lead: str
    wh: str
    auxiliary: str
    subject: str
    predicate: str

    @property
    def wanted(self) -> str:
        """The kind of answer the question asks for: person, place, date, number, reason, thing, or "" for yes/no."""
        return wanted_kind(self.wh)

    @property
    def adverbial(self) -> bool:
        """Whether the question phrase is an adverbial, leaving no gap in the clause."""
        words = self.wh.lower().split()
        if not words:
            return True
        if words[0] in PREPOSITIONS:
            return True
        if words[0] == "how":
            return len(words) == 1 or words[1] in ADVERBIAL_HOW
        return words[0] in ("when", "where", "why")


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement: subject, auxiliary and predicate, whose verb is in base form after a form of "do"."""

    subject: str
    auxiliary: str
    predicate: str

    def ask(self, wh: str) -> str:
        """Return the clause as a question."""
        words = [wh, self.auxiliary, self.subject, self.predicate]
        if not wh:
            words[1] = words[1][:1].upper() + words[1][1:]
        return " ".join(word for word in words if word) + "?"

    @property
    def statement(self) -> str:
        """The clause as a statement."""
        verb, _, rest = self.predicate.partition(" ")
        auxiliary = self.auxiliary.lower()
        if auxiliary in ("did", "does", "do") and verb != "not":
            verb = past_form(verb) if auxiliary == "did" else third_person(verb) if auxiliary == "does" else verb
            return " ".join(word for word in (self.subject, verb, rest) if word)
        return " ".join(word for word in (self.subject, self.auxiliary, self.predicate) if word)

    @property
    def nominal(self) -> str:
        """The clause as a noun phrase: "Russia leaving the peace talks"."""
        auxiliary = self.auxiliary.lower()
        verb, _, rest = self.predicate.partition(" ")
        if auxiliary in BE:
            words = (self.subject, "" if verb.endswith("ing") else "being", self.predicate)
        elif auxiliary in HAVE:
            words = (self.subject, "having", self.predicate)
        elif verb == "not":
            words = (self.subject, "not", rest)
        else:
            words = (self.subject, ing_form(verb), rest)
        return " ".join(word for word in words if word)


def wanted_kind(wh: str) -> str:
    """Return the kind of answer that a question phrase asks for."""
    words = wh.lower().split()
    if not words:
        return ""
    if words[0] in PREPOSITIONS and len(words) > 1:
        words = words[1:]
    first, rest = words[0], words[1:]
    if first in ("who", "whom", "whose"):
        return "person"
    if first == "when":
        return "date"
    if first == "where":
        return "place"
    if first == "why":
        return "reason"
    if first == "how":
        return "number" if rest[:1] and rest[0] in ADVERBIAL_HOW | {"many", "much"} else "manner"
    if rest:
        kind = kind_of(rest, False)
        return "place" if kind == "country" else kind
    return "thing"


def _subject_end(tokens: Sequence[Token], start: int, auxiliary: str) -> int:
    """Return the index after the subject that begins at ``start``: the predicate's first word."""
    n = len(tokens)
    if start >= n:
        return n
    if tokens[start].lower in PRONOUNS and tokens[start].lower not in (
        "his",
        "her",
        "its",
        "their",
        "my",
        "our",
        "your",
    ):
        return start + 1
    determined = tokens[start].lower in FUNCTION
    least = min(n, start + (2 if determined else 1))

    def begins_predicate(i: int) -> bool:
        word = tokens[i].lower
        if tokens[i].is_capital:
            return False
        if word == "not":
            return True
        if tokens[i - 1].lower in PREPOSITIONS | {"the", "a", "an", "and"} or tokens[i - 1].lower == "'s":
            return False
        if auxiliary in BE:
            return word not in FUNCTION and (is_past(word) or (word.endswith("ing") and is_verb(word)))
        if auxiliary in HAVE:
            return is_past(word) or word == "been"
        return is_base(word) or word == "be"

    for i in range(least, min(n, least + 9)):
        if begins_predicate(i):
            # of several verb-like words in a row the last is the verb: "did the fishing ban end"
            while auxiliary in DO and i + 1 < n and begins_predicate(i + 1) and i == least:
                i += 1
            return i
    # no verb known: a name run ends where small letters begin, a noun phrase at a function word
    i = start
    if tokens[start].is_capital and not determined:
        while i < n and (
            tokens[i].is_capital
            or (tokens[i].lower in ("of", "the", "and") and i + 1 < n and tokens[i + 1].is_capital)
            or "'s" in (tokens[i].lower, tokens[i - 1].lower)
        ):
            i += 1
        return max(i, least)
    i = least
    if auxiliary in DO | MODAL and i < n and not determined:
        return i
    while i < n and tokens[i].is_word and tokens[i].lower not in FUNCTION:
        i += 1
        if auxiliary in DO | MODAL and i < n and not tokens[i - 1].is_capital:
            break
    return i


def parse(question: str) -> Frame | None:
    """Take a stand-alone question apart; None where it is not a question of a known shape."""
    text = question.strip().rstrip("?!. ").strip()
    tokens = tokenize(text)
    if not tokens:
        return None

    def cut(a: int, b: int) -> str:
        return text[tokens[a].start : tokens[b - 1].end] if b > a else ""

    begin = 0
    for i, token in enumerate(tokens[:-1]):
        following = tokens[i + 1].lower
        if token.text == "," and (following in WH | AUXILIARY or following in PREPOSITIONS) and i < 14:
            begin = i + 1
            break
    lead = cut(0, begin)
    i = begin
    if tokens[i].lower in PREPOSITIONS and i + 1 < len(tokens) and tokens[i + 1].lower in WH:
        i += 1
    first = tokens[i].lower
    if first in AUXILIARY and i == begin:
        end = _subject_end(tokens, i + 1, _plain(first))
        return Frame(lead, "", tokens[i].text.lower(), cut(i + 1, end), cut(end, len(tokens)))
    if first not in WH:
        return None
    j = i + 1
    if first in ("which", "what", "whose", "how"):
        while j < len(tokens) and tokens[j].is_word and tokens[j].lower not in AUXILIARY and j - i < 7:
            if j > i + 1 and tokens[j].lower not in FUNCTION and not tokens[j].is_capital and _finite(tokens, j):
                break
            j += 1
        if j < len(tokens) and tokens[j].lower == "'s":
            return Frame(lead, cut(begin, j), "is", "", cut(j + 1, len(tokens)))
    elif j < len(tokens) and tokens[j].lower in ("else", "exactly", "first"):
        j += 1
    if j >= len(tokens):
        return Frame(lead, cut(begin, len(tokens)), "", "", "")
    wh = cut(begin, j)
    if tokens[j].lower == "'s":
        return Frame(lead, wh, "is", "", cut(j + 1, len(tokens)))
    if tokens[j].lower not in AUXILIARY:
        return Frame(lead, wh, "", "", cut(j, len(tokens)))
    auxiliary = _plain(tokens[j].lower)
    end = _subject_end(tokens, j + 1, auxiliary)
    subject, predicate = cut(j + 1, end), cut(end, len(tokens))
    subjectless = end == j + 1 or (end < len(tokens) and is_past(tokens[j + 1].lower) and not tokens[j + 1].is_capital)
    copula = auxiliary in BE and (not predicate or predicate.split()[0].lower() in PREPOSITIONS)
    if auxiliary not in DO and not _adverbial(wh) and (subjectless or copula):
        # "Who was appointed ...", "Who is the spokeswoman ...": the question phrase is the subject
        return Frame(lead, wh, tokens[j].lower, "", cut(j + 1, len(tokens)))
    return Frame(lead, wh, tokens[j].lower, subject, predicate)


def _adverbial(wh: str) -> bool:
    return Frame("", wh, "", "", "").adverbial


def _plain(auxiliary: str) -> str:
    return auxiliary.removesuffix("n't") if auxiliary.endswith("n't") else auxiliary


def _finite(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether the word ends the question phrase: "Which states | signed"."""
    word = tokens[i].lower
    if is_past(word):
        return True
    return (
        word.endswith("s")
        and is_base(base_form(word))
        and not tokens[i - 1].lower.endswith("s")
        and i + 1 < len(tokens)
    )


def _filler(frame: Frame, answer: str | None) -> str:
    if not answer:
        return ""
    text = strip_answer(answer)
    words = [token.lower for token in tokenize(text)]
    if words[:1] and (words[0] in PRONOUNS or (len(words) > 3 and any(word in AUXILIARY for word in words))):
        return ""  # a sentence, which no gap takes
    return text if len(text.split()) <= CLAUSE_WORDS and not text.endswith((":", ";")) else ""


def clause(frame: Frame, answer: str | None) -> Clause | None:
    """Turn a question and its answer into a statement; None where the answer cannot stand in its gap."""
    if frame.subject.lower() in ("i", "you", "we") or frame.subject.lower().startswith(("any ", "there")):
        return None
    if frame.subject:
        predicate = frame.predicate
        if not frame.adverbial and frame.wanted != "":
            filler = _filler(frame, answer)
            counted = frame.wh.split()[2:] if frame.wh.lower().startswith("how ") else frame.wh.split()[1:]
            if filler and len(filler.split()) == 1 and (filler[0].isdigit() or filler.lower() in NUMBER_WORDS):
                filler = " ".join((filler, *counted))
            words = predicate.split()
            # the gap is before the verb's first adjunct: "stopped selling | to Russia"
            gap = next((i for i, word in enumerate(words) if i and word in PREPOSITIONS), len(words))
            gap = gap if gap < len(words) - 1 else len(words)
            predicate = " ".join(word for word in (*words[:gap], filler, *words[gap:]) if word)
        return Clause(frame.subject, frame.auxiliary, predicate)
    if not frame.predicate or frame.adverbial:
        return None
    subject = _subject_answer(frame, answer)
    if not subject:
        return None
    if frame.auxiliary:
        return Clause(subject, frame.auxiliary, frame.predicate)
    verb, _, rest = frame.predicate.partition(" ")
    base = base_form(verb)
    auxiliary = "did" if is_past(verb.lower()) else "does" if base != verb.lower() else "do"
    return Clause(subject, auxiliary, f"{base} {rest}".strip())


def _subject_answer(frame: Frame, answer: str | None) -> str:
    text = _filler(frame, answer)
    words = frame.wh.split()
    if text and text[0].isdigit() and len(words) > 2 and words[0].lower() == "how":
        return f"{text} {' '.join(words[2:])}" if len(text.split()) == 1 else text
    if (
        text
        and (answer_mention(text, frame.wanted) or len(text.split()) <= SHORT_ANSWER)
        and dates(text)[:1] != [(0, len(text))]
    ):
        return text
    return ""


def verb_phrase(frame: Frame, answer: str | None) -> str:
    """Return what the subject does, in base form, for "do that": "leave the peace talks"; "" where unknown."""
    found = clause(frame, answer)
    predicate = found.predicate if found else ""
    if not found and frame.predicate and not frame.subject and not frame.auxiliary:
        verb, _, rest = frame.predicate.partition(" ")
        predicate = f"{base_form(verb)} {rest}".strip()
    if found and found.auxiliary in BE and is_past(predicate.split(" ")[0]):
        verb, _, rest = predicate.partition(" ")
        return f"{base_form(verb)} {found.subject} {rest}".strip()
    if not predicate or (found and found.auxiliary in BE | HAVE):
        return ""
    return predicate
