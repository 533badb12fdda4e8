"""The way of a question, step by step: understood, its passages read, an answer made of what was read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from qa.errors import PinciteError
from qa.questions import clean_question, storable
from qa.settings import Settings
from qa.types import Answer, Candidate, Turn

if TYPE_CHECKING:
    from embeddings.documents import Document
    from qa.reader.calibration import Calibration
    from qa.reader.reader import PassageReading

# Pairs handed to the reader at once: enough for batches of one length, little enough for memory and progress.
_PAIRS = 512

# What a less likely reading of a follow-up has to be surer by: the rules' own order is worth something.
_CLEARLY_SURER = 0.1


class AnswerReader(Protocol):
    """A reader model with the calibration that was fitted on it."""

    @property
    def fingerprint(self) -> str:
        """What tells this model from others."""

    @property
    def calibration(self) -> Calibration:
        """What turns its scores into a confidence."""

    def read(self, pairs: Sequence[tuple[str, str]]) -> list[PassageReading]:
        """Return spans and null score for every (question, passage)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as asked and its stand-alone readings, the preferred first."""

    question: str
    readings: tuple[str, ...]
    rewritten: bool


def understand(question: str, history: Sequence[Turn], settings: Settings) -> Asked:
    """Return what is asked: a follow-up's stand-alone readings, or the question itself, cleaned.

    Raises PinciteError for a question that is blank or too long.
    """
    limit = settings.max_question_characters
    cleaned = clean_question(question, limit)
    if history and settings.rewrite:
        from qa.followups import resolve

        resolution = resolve(cleaned, history)
        if resolution.standalone is not None:
            readings = dict.fromkeys((resolution.standalone, *resolution.readings))
            return Asked(storable(question), tuple(reading[:limit] for reading in readings), rewritten=True)
    return Asked(storable(question), (cleaned,), rewritten=False)


def still_standing(
    found: Sequence[Sequence[Candidate]], document: Callable[[str], Document]
) -> tuple[list[list[Candidate]], dict[str, Document]]:
    """Return the candidates with the documents they quote.

    Left out are those whose document another process changed or removed since they were found, so that what is
    quoted is what was read.
    """
    documents: dict[str, Document] = {}
    for name in {candidate.document for candidates in found for candidate in candidates}:
        with suppress(PinciteError):
            documents[name] = document(name)

    def stands(candidate: Candidate) -> bool:
        source = documents.get(candidate.document)
        return source is not None and source.text[candidate.start : candidate.end] == candidate.text

    return [list(filter(stands, candidates)) for candidates in found], documents


def read_candidates(
    reader: AnswerReader,
    questions: Sequence[str],
    found: Sequence[Sequence[Candidate]],
    progress: Callable[[int, int], None] | None,
) -> list[list[PassageReading]]:
    """Return the readings of every question's candidates, in their order, read in common batches."""
    pairs = [
        (question, candidate.text)
        for question, candidates in zip(questions, found, strict=True)
        for candidate in candidates
    ]
    read: list[PassageReading] = []
    for start in range(0, len(pairs), _PAIRS):
        read.extend(reader.read(pairs[start : start + _PAIRS]))
        if progress is not None:
            progress(len(read), len(pairs))
    readings = iter(read)
    return [[next(readings) for _ in candidates] for candidates in found]


def compose_answers(
    asked: Sequence[Asked],
    spelt: Sequence[str],
    found: Sequence[Sequence[Candidate]],
    read: Sequence[Sequence[PassageReading]],
    sources: Mapping[str, Document],
    calibration: Calibration,
    threshold: float | None,
) -> list[Answer]:
    """Return one answer a question: of several readings of a follow-up, the one that the documents support.

    ``spelt``, ``found`` and ``read`` have one entry for every reading of every question, in order: the reading as the
    reader saw it, its candidates, and what was read in them.
    """
    from qa.answers import compose

    evidence = iter(zip(spelt, found, read, strict=True))
    answers = []
    for entry in asked:
        composed = []
        for reading in entry.readings:
            answer = compose(
                *next(evidence), document=sources.__getitem__, calibration=calibration, threshold=threshold
            )
            standalone = reading if entry.rewritten else None
            composed.append(replace(answer, question=entry.question, standalone_question=standalone))
        answers.append(_best_reading(composed))
    return answers


def _best_reading(answers: Sequence[Answer]) -> Answer:
    """Return the answer to the preferred reading, unless another one's is clearly surer."""
    surest = max(answers, key=lambda answer: answer.confidence)
    return surest if surest.confidence > answers[0].confidence + _CLEARLY_SURER else answers[0]
