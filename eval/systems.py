"""What is evaluated: an assistant over an index, or the reader alone over given paragraphs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from embeddings.documents import Document
from embeddings.errors import PinciteError
from eval.datasets import Dataset, Paragraph, Question
from eval.metrics import Place
from eval.rows import RETRIEVAL_KS
from qa.settings import RETRIEVAL_KINDS
from qa.types import Answer, Candidate

if TYPE_CHECKING:
    from qa.asking import AnswerReader
    from qa.assistant import Assistant

Record = dict[str, Any]
"""The Answer as JSON, its ``id``, and under ``retrieved`` the passages found by each retrieval kind."""


class System(Protocol):
    """Something that answers questions in batches and knows its documents."""

    mode: str
    batch: int
    threshold: float

    @property
    def settings(self) -> Mapping[str, Any]:
        """What its answers depend on, as JSON: also the key under which an interrupted run is found again."""

    def names(self) -> Sequence[str]:
        """Names of the documents."""

    def text_of(self, name: str) -> str | None:
        """The text of a document; None when there is no such document."""

    def passages_of(self, name: str) -> Sequence[Place]:
        """The passages a document is cut into."""

    def ask(self, questions: Sequence[Question], *, history: bool) -> list[Record]:
        """Answer questions, as follow-ups of their conversation where ``history`` is given."""

    def retrieve(self, records: Sequence[Record]) -> None:
        """Add ``retrieved`` to the records, where the system retrieves."""


class AssistantSystem:
    """An assistant, asked end to end; overrides of None take the assistant's settings."""

    batch = 64

    def __init__(
        self,
        assistant: Assistant,
        *,
        mode: str = "end-to-end",
        top_k: int | None = None,
        retrieval: str | None = None,
        threshold: float | None = None,
    ) -> None:
        self.mode = mode
        self._assistant = assistant
        self._top_k, self._retrieval, self._threshold = top_k, retrieval, threshold
        given = {"top_k": top_k, "retrieval": retrieval, "threshold": threshold}
        self._used = assistant.settings.replace(**{key: value for key, value in given.items() if value is not None})
        self.threshold = self._used.threshold if self._used.threshold is not None else assistant.calibration.threshold
        self._records = {record.name: record for record in assistant.store.documents()}
        self._passages: dict[str, list[Place]] = {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Reader, encoder, retrieval and index, by name and fingerprint."""
        manifest = self._assistant.store.manifest
        return {
            "reader": self._used.reader,
            "reader_fingerprint": self._assistant.reader.fingerprint[:16],
            "calibration": _calibration_key(self._assistant.reader),
            "encoder": manifest.encoder,
            "encoder_fingerprint": self._assistant.encoder.fingerprint[:16],
            "retrieval": self._used.retrieval,
            "top_k": self._used.top_k,
            "candidates": self._used.candidates,
            "passage_size": manifest.passages.size,
            "passage_overlap": manifest.passages.overlap,
            "documents": len(self._records),
            "passages": sum(record.passages for record in self._records.values()),
            "documents_fingerprint": digest(sorted(record.hash for record in self._records.values())),
        }

    def names(self) -> Sequence[str]:
        """Names of the indexed documents."""
        return list(self._records)

    def text_of(self, name: str) -> str | None:
        """The text the index holds."""
        return self._assistant.document(name).text if name in self._records else None

    def passages_of(self, name: str) -> Sequence[Place]:
        """The indexed passages of a document."""
        if name not in self._records:
            return []
        if name not in self._passages:
            store = self._assistant.store
            stored = store.passages(sorted(store.passage_ids([name])))
            self._passages[name] = [(passage.document, passage.start, passage.end) for passage in stored]
        return self._passages[name]

    def ask(self, questions: Sequence[Question], *, history: bool) -> list[Record]:
        """Answer all questions in one batch."""
        answers = self._assistant.ask_many(
            [question.question for question in questions],
            histories=[question.history for question in questions] if history else None,
            top_k=self._top_k,
            retrieval=self._retrieval,
            threshold=self._threshold,
        )
        return [_record(question, answer) for question, answer in zip(questions, answers, strict=True)]

    def retrieve(self, records: Sequence[Record]) -> None:
        """Add the passages that each retrieval kind finds for the question as it was understood."""
        asked = [record["standalone_question"] or record["question"] for record in records]
        for kind in RETRIEVAL_KINDS:
            found = self._assistant.retrieve(asked, k=max(RETRIEVAL_KS), retrieval=kind)
            for record, candidates in zip(records, found, strict=True):
                places = [[candidate.document, candidate.start, candidate.end] for candidate in candidates]
                record.setdefault("retrieved", {})[kind] = places


class ReaderSystem:
    """The reader alone: each question comes with its own SQuAD paragraph (reading comprehension)."""

    mode = "reader"
    batch = 256

    def __init__(self, dataset: Dataset, reader: AnswerReader, *, name: str, threshold: float | None = None) -> None:
        if not dataset.paragraphs:
            message = f"{dataset.name} gives no paragraphs, and reader mode reads the paragraph of each question."
            raise PinciteError(message, "Use a SQuAD file, or `--mode end-to-end`.")
        self._reader = reader
        self._name = name
        self.threshold = threshold if threshold is not None else reader.calibration.threshold
        self._paragraphs = {paragraph.name: paragraph for paragraph in dataset.paragraphs}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The reader, by name and fingerprint."""
        return {
            "reader": self._name,
            "reader_fingerprint": self._reader.fingerprint[:16],
            "calibration": _calibration_key(self._reader),
        }

    def names(self) -> Sequence[str]:
        """Names of the paragraphs."""
        return list(self._paragraphs)

    def text_of(self, name: str) -> str | None:
        """The text of a paragraph."""
        return self._paragraphs[name].text if name in self._paragraphs else None

    def passages_of(self, name: str) -> Sequence[Place]:
        """None: nothing is retrieved."""
        return []

    def ask(self, questions: Sequence[Question], *, history: bool) -> list[Record]:
        """Read each question's paragraph and compose the answer from that one passage."""
        from qa.answers import compose

        started = time.perf_counter()
        paragraphs = [self._paragraphs[question.paragraph] for question in questions]
        pairs = [(question.question, item.text) for question, item in zip(questions, paragraphs, strict=True)]
        readings = self._reader.read(pairs)
        share = (time.perf_counter() - started) * 1000 / len(questions)
        records = []
        for question, paragraph, reading in zip(questions, paragraphs, readings, strict=True):
            answer = compose(
                question.question,
                [_candidate(paragraph, self._reader.calibration.given_retrieval)],
                [reading],
                document=self._document,
                calibration=self._reader.calibration,
                threshold=self.threshold,
                timings_ms={"read": share, "total": share},
            )
            records.append(_record(question, answer))
        return records

    def retrieve(self, records: Sequence[Record]) -> None:
        """Nothing to add: the paragraph is given."""

    def _document(self, name: str) -> Document:
        paragraph = self._paragraphs[name]
        return Document(name=name, title=paragraph.title, text=paragraph.text, format="txt", hash="")


def _candidate(paragraph: Paragraph, score: float) -> Candidate:
    # the paragraph was given: it gets the score that a right passage usually has when it is retrieved
    text = paragraph.text
    return Candidate(0, paragraph.name, paragraph.title, 0, len(text), text, score)


def _record(question: Question, answer: Answer) -> Record:
    # the JSON form rounds the confidence; a threshold moved afterwards needs it as it was compared
    return {"id": question.id, **answer.to_json(), "confidence": answer.confidence}


def _calibration_key(reader: AnswerReader) -> str:
    return digest(asdict(reader.calibration))


def digest(value: Any) -> str:
    """Return a short hash of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
