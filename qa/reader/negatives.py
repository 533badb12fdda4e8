"""Unanswerable training rows: BM25 neighbours without the answer, and questions changed until nothing answers them.

The kinds are those of SQuAD 2.0's annotators (Rajpurkar, Jia and Liang 2018, table 1): entity swap, number
swap, antonym, negation. Neighbours are the hard negatives of Clark and Gardner 2018, "Simple and effective
multi-paragraph reading comprehension".
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterable

from qa.reader.data import Group, Row

_WORD = re.compile(r"\w+")
_NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][\w'-]+)(?: (?:of |the |de )?[A-Z][\w'-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
_STOP = frozenset(
    "a an and are as at be been by did do does for from had has have how in is it its many much of on or that the "
    "their there they this to was were what when where which who whom whose why will with would".split()
)
_ANTONYMS = dict(
    pair
    for a, b in [
        ("first", "last"), ("largest", "smallest"), ("highest", "lowest"), ("most", "least"), ("before", "after"),
        ("oldest", "youngest"), ("increase", "decrease"), ("increased", "decreased"), ("north", "south"),
        ("northern", "southern"), ("east", "west"), ("eastern", "western"), ("begin", "end"), ("began", "ended"),
        ("start", "stop"), ("started", "stopped"), ("more", "fewer"), ("above", "below"), ("won", "lost"),
        ("win", "lose"), ("best", "worst"), ("major", "minor"), ("allowed", "forbidden"), ("support", "oppose"),
        ("supported", "opposed"), ("accept", "reject"), ("accepted", "rejected"), ("early", "late"), ("open", "close"),
        ("opened", "closed"), ("male", "female"), ("higher", "lower"), ("larger", "smaller"), ("longest", "shortest"),
        ("public", "private"), ("positive", "negative"), ("joined", "left"), ("built", "destroyed"), ("good", "bad"),
        ("strongest", "weakest"), ("rich", "poor"), ("like", "dislike"), ("easy", "difficult"), ("buy", "sell"),
    ]
    for pair in ((a, b), (b, a))
)  # fmt: skip


class Neighbours:
    """BM25 over the contexts of each source, by SQLite's FTS5."""

    def __init__(self, contexts: Iterable[tuple[str, str]]) -> None:
        """Index ``(source, context)`` pairs, one table a source."""
        self._database = sqlite3.connect(":memory:")
        self._tables: dict[str, str] = {}
        for source, context in dict.fromkeys(contexts):
            if source not in self._tables:
                self._tables[source] = f"source_{len(self._tables)}"
                self._database.execute(
                    f"CREATE VIRTUAL TABLE {self._tables[source]} USING fts5(text, tokenize='porter unicode61')"
                )
            self._database.execute(f"INSERT INTO {self._tables[source]} VALUES (?)", (context,))

    def search(self, source: str, question: str, k: int) -> list[str]:
        """Return up to ``k`` contexts of ``source`` that share words with the question, best first."""
        words = [word for word in dict.fromkeys(_WORD.findall(question.lower())) if word not in _STOP]
        if not words:
            return []
        # The longest words are the rarest more often than not; five of them keep the query cheap.
        query = " OR ".join(f'"{word}"' for word in sorted(words, key=len, reverse=True)[:5])
        table = self._tables[source]
        rows = self._database.execute(
            f"SELECT text FROM {table} WHERE {table} MATCH ? ORDER BY rank LIMIT ?", (query, k)
        )
        return [text for (text,) in rows]


def add_neighbour(group: Group, neighbours: Neighbours, rng: random.Random, limit: int) -> bool:
    """Append a null row with a BM25 neighbour that does not hold the answer; False when there is none."""
    gold = group.rows[0]
    found = [
        context
        for context in neighbours.search(group.source, gold.question, 6)
        if gold.context[:80] not in context
        and context[:80] not in gold.context
        and not any(text in context.lower() for text in group.texts)
    ]
    if not found:
        return False
    # Mostly the nearest, which is what retrieval will hand to the reader.
    context = found[min(int(rng.expovariate(1.0)), len(found) - 1)]
    limit = min(limit, max(450, len(gold.context)))
    if len(context) > limit:
        start = rng.randint(0, len(context) - limit)
        start = context.rfind(" ", 0, start) + 1
        context = context[start : start + limit].rsplit(" ", 1)[0]
    group.rows.append(Row(gold.question, context, None))
    return True


def unanswerable_question(row: Row, foreign: str, rng: random.Random) -> str | None:
    """Change the question of ``row`` so that its context no longer answers it; None when nothing can be changed.

    ``foreign`` is another context of the same source: names are swapped in from there.
    """
    changes = [_swap_number, _swap_antonym, _negate]
    rng.shuffle(changes)
    # A swapped name is the commonest way in which a question misses the documents: try it first.
    for change in (_swap_name, *changes) if rng.random() < 0.6 else (*changes, _swap_name):
        changed = change(row, foreign, rng)
        if changed is not None and changed != row.question:
            return changed
    return None


def _swap_name(row: Row, foreign: str, rng: random.Random) -> str | None:
    names = [m for m in _NAME.finditer(row.question) if m.group() in row.context]
    others: list[str] = [
        name for name in _NAME.findall(foreign) if name not in row.context and name not in row.question
    ]
    if not names or not others:
        return None
    name = rng.choice(names)
    length = len(name.group().split())
    others = [other for other in others if len(other.split()) == length] or others
    return row.question[: name.start()] + rng.choice(others) + row.question[name.end() :]


def _swap_number(row: Row, foreign: str, rng: random.Random) -> str | None:
    numbers = list(_NUMBER.finditer(row.question))
    if not numbers:
        return None
    number = rng.choice(numbers)
    digits = re.sub(r"\D", "", number.group())
    changed = str(int(digits) + rng.choice([-20, -7, -3, -2, -1, 1, 2, 3, 5, 10, 30])).lstrip("-")
    if changed in row.context:
        return None
    return row.question[: number.start()] + changed + row.question[number.end() :]


def _swap_antonym(row: Row, foreign: str, rng: random.Random) -> str | None:
    words = row.question.split(" ")
    places = [i for i, word in enumerate(words) if word.lower().rstrip("?,") in _ANTONYMS]
    if not places:
        return None
    at = rng.choice(places)
    bare = words[at].lower().rstrip("?,")
    words[at] = _ANTONYMS[bare] + words[at][len(bare) :]
    return " ".join(words)


def _negate(row: Row, foreign: str, rng: random.Random) -> str | None:
    match = re.search(r"\b(did|does|do|can|could|is|was|were|are|will|would|has|have)\b( \w+)", row.question)
    if match is None or " not " in row.question or "n't" in row.question:
        return None
    return row.question[: match.end()] + " not" + row.question[match.end() :]
