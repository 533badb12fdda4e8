"""Training rows for the reader: sources, contexts of a realistic length, question noise, held-out contexts.

A row is a question with one context and either the span that answers it or none. Rows of one question
stand together in a group, so that scores can be normalised over all of them. Every choice is drawn from
one seeded generator: the same files and configuration give the same rows.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa.errors import PinciteError


@dataclass(frozen=True, slots=True)
class Row:
    """A question and one context; ``answer`` is (start, end) in characters of the context, None for null."""

    question: str
    context: str
    answer: tuple[int, int] | None

    def __post_init__(self) -> None:
        if self.answer is not None:
            assert 0 <= self.answer[0] < self.answer[1] <= len(self.context), "answer lies outside its context"


@dataclass(slots=True)
class Group:
    """All rows of one question: first the gold one (or a null row), then negatives.

    ``source`` names the file it came from; ``texts`` are all annotators' answers, lower case, so that a
    paragraph that happens to hold one is never taken for a negative.
    """

    source: str
    rows: list[Row]
    texts: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Source:
    """One training file of the mix. ``repeat`` may be fractional; ``cap`` bounds the questions taken."""

    file: str
    repeat: float = 1.0
    cap: int | None = None
    join: int = 1
    longest_answer: int = 160
    hold_out: int = 0

    @classmethod
    def from_mapping(cls, data: dict[str, Any]) -> Source:
        """Read a ``[[source]]`` table; unknown keys are refused."""
        unknown = set(data) - set(cls.__dataclass_fields__)
        if unknown:
            raise PinciteError(f"Unknown key {sorted(unknown)[0]!r} in a [[source]] of the training configuration.")
        return cls(**data)


def read_source(folder: Path, file: str) -> list[dict[str, Any]]:
    """Return the raw questions of ``folder/file`` (JSON lines, gzip)."""
    path = folder / file
    if not path.is_file():
        raise PinciteError(f"There is no training file {path}.", "Give the folder of the training data with --data.")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def choose_answer(context: str, texts: Sequence[str], starts: Sequence[int], longest: int) -> tuple[int, int] | None:
    """Choose one of several annotators' spans: the most frequent wording, then the shortest, then the first.

    Spans longer than ``longest`` characters are left out; None when nothing is left.
    """
    spans = [(start, start + len(text)) for text, start in zip(texts, starts, strict=True)]
    spans = [trim(context, span) for span in spans if span[1] - span[0] <= longest]
    spans = [span for span in spans if span[0] < span[1]]
    if not spans:
        return None
    wording = Counter(context[start:end].lower() for start, end in spans)
    return min(spans, key=lambda span: (-wording[context[span[0] : span[1]].lower()], span[1] - span[0], span[0]))


def trim(context: str, span: tuple[int, int]) -> tuple[int, int]:
    """Drop white space and sentence punctuation at the ends of an annotator's span."""
    start, end = span
    while start < end and (context[start].isspace() or context[start] in ",;:"):
        start += 1
    while start < end and (context[end - 1].isspace() or context[end - 1] in ",;:."):
        # "U.S." and initials keep their full stop.
        if context[end - 1] == "." and re.search(r"(?:\b\w\.|[A-Z]\.)$", context[start:end]):
            break
        end -= 1
    return start, end


def crop(
    context: str, answer: tuple[int, int] | None, limit: int, rng: random.Random
) -> tuple[str, tuple[int, int] | None]:
    """Cut ``context`` to at most ``limit`` characters between words, the answer at a random place in it."""
    if len(context) <= limit:
        return context, answer
    low, high = 0, len(context) - limit
    if answer is not None:
        low, high = max(0, answer[1] - limit), min(high, answer[0])
    start = rng.randint(min(low, high), max(low, high))
    end = start + limit
    if start > 0:
        space = context.find(" ", start, answer[0] if answer else end)
        start = space + 1 if space >= 0 else (answer[0] if answer else start)
    if end < len(context):
        space = context.rfind(" ", answer[1] if answer else start, end)
        end = space if space > start else end
    moved = None if answer is None else (answer[0] - start, answer[1] - start)
    return context[start:end], moved


def join_contexts(
    context: str, answer: tuple[int, int] | None, others: Sequence[str], rng: random.Random
) -> tuple[str, tuple[int, int] | None]:
    """Stand ``context`` at a random place among ``others``: one-sentence sources become paragraphs."""
    place = rng.randint(0, len(others))
    before = "".join(other + " " for other in others[:place])
    after = "".join(" " + other for other in others[place:])
    moved = None if answer is None else (answer[0] + len(before), answer[1] + len(before))
    return before + context + after, moved


def add_noise(question: str, rng: random.Random) -> str:
    """Return the question as people type it: no question mark, lower case, or one slip in a longer word."""
    question = question.rstrip(" ?")
    if rng.random() < 0.5:
        question = question.lower()
    if rng.random() < 0.6:
        words = question.split(" ")
        long = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
        if long:
            at = rng.choice(long)
            words[at] = _slip(words[at], rng)
        question = " ".join(words)
    return question


def _slip(word: str, rng: random.Random) -> str:
    """Swap, drop, double or replace one inner letter."""
    i = rng.randint(1, len(word) - 2)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if kind == 1:
        return word[:i] + word[i + 1 :]
    if kind == 2:
        return word[:i] + word[i] + word[i:]
    return word[:i] + rng.choice(string.ascii_lowercase) + word[i + 1 :]


def load_groups(
    folder: Path, sources: Iterable[Source], *, limit: int, rng: random.Random
) -> tuple[list[Group], list[Group]]:
    """Return (training groups, held-out groups) with one row each.

    The last ``hold_out`` contexts of a source are held out whole: neither their questions nor their
    paragraphs are trained on. ``limit`` is the longest context in characters.
    """
    train: list[Group] = []
    held: list[Group] = []
    for source in sources:
        raw = read_source(folder, source.file)
        contexts = list(dict.fromkeys(item["context"] for item in raw))
        kept_out = set(contexts[len(contexts) - source.hold_out :]) if source.hold_out else set()
        pool = [context for context in contexts if context not in kept_out and len(context) < 500]
        fresh = [item for item in raw if item["context"] not in kept_out]
        if source.cap is not None and len(fresh) > source.cap:
            fresh = rng.sample(fresh, source.cap)
        for item in fresh:
            times = int(source.repeat) + (rng.random() < source.repeat % 1)
            for _ in range(times):
                group = _group(item, source, pool, limit, rng)
                if group is not None:
                    train.append(group)
        for item in raw:
            if item["context"] in kept_out:
                group = _group(item, source, [], limit, rng)
                if group is not None:
                    held.append(group)
    return train, held


def _group(item: dict[str, Any], source: Source, pool: Sequence[str], limit: int, rng: random.Random) -> Group | None:
    context, texts = item["context"], item["answers"]["text"]
    answer = None
    if not item["is_impossible"]:
        answer = choose_answer(context, texts, item["answers"]["answer_start"], source.longest_answer)
        if answer is None:
            return None
    if source.join > 1 and pool:
        others = [other for other in rng.sample(pool, rng.randint(1, source.join - 1)) if other != context]
        context, answer = join_contexts(context, answer, others, rng)
    # Half the contexts are as short as a retrieved passage, half as long as a paragraph.
    if rng.random() < 0.5:
        limit = min(limit, rng.randint(450, 900))
    context, answer = crop(context, answer, limit, rng)
    row = Row(" ".join(item["question"].split()), context, answer)
    return Group(source.file, [row], tuple({text.lower() for text in texts}))
