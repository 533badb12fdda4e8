"""The objects that every surface shows: Answer, Citation, Context, Alternative, Candidate.

They are frozen, and the quotation invariant is asserted where a citation is made: the quoted text is
exactly what stands between its offsets. Offsets count Unicode code points in the document's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Context:
    """The whole sentence(s) around a cited span, with their own document offsets."""

    start: int
    end: int
    text: str

    def __post_init__(self) -> None:
        assert self.end - self.start == len(self.text), "context offsets do not fit its text"

    def to_json(self) -> dict[str, Any]:
        """Return the design's JSON object."""
        return {"start": self.start, "end": self.end, "text": self.text}


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of a document: ``document_text[start:end] == text``.

    ``page`` is 1-based and only set for formats with pages. ``score`` is the calibrated probability, in
    [0, 1], that this span answers the question.
    """

    document: str
    start: int
    end: int
    text: str
    page: int | None
    context: Context
    score: float

    def __post_init__(self) -> None:
        offset = self.start - self.context.start
        assert offset >= 0 and self.end <= self.context.end, "citation lies outside its context"
        quoted = self.context.text[offset : offset + self.end - self.start]
        assert quoted == self.text and self.text, "citation is not a quotation"

    def to_json(self) -> dict[str, Any]:
        """Return the design's JSON object."""
        return {
            "document": self.document,
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "page": self.page,
            "context": self.context.to_json(),
            "score": round(self.score, 4),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Citation:
        """Rebuild a citation from :meth:`to_json`."""
        return cls(
            document=data["document"],
            start=data["start"],
            end=data["end"],
            text=data["text"],
            page=data["page"],
            context=Context(**data["context"]),
            score=data["score"],
        )


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another answer, with its own probability of being right and the places it stands at."""

    text: str
    confidence: float
    citations: tuple[Citation, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the design's JSON object."""
        return {
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "citations": [citation.to_json() for citation in self.citations],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Alternative:
        """Rebuild an alternative from :meth:`to_json`."""
        return cls(data["text"], data["confidence"], tuple(map(Citation.from_json, data["citations"])))


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, or that nothing was.

    ``confidence`` is the calibrated probability that the best span is right, whether or not it was
    answered: an answer is given when it reaches the abstention threshold. An unanswered question has
    no text and no citations; its nearest spans are ``alternatives``, best first, so that the best span
    is always ``citations[0]`` or ``alternatives[0].citations[0]``.
    """

    question: str
    standalone_question: str | None
    answered: bool
    text: str | None
    confidence: float
    citations: tuple[Citation, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    sources_differ: bool = False
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.answered:
            assert self.text is not None and self.citations and self.citations[0].text == self.text
        else:
            assert self.text is None and not self.citations

    def to_json(self) -> dict[str, Any]:
        """Return the design's JSON object: the same fields on every surface."""
        return {
            "question": self.question,
            "standalone_question": self.standalone_question,
            "answered": self.answered,
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "citations": [citation.to_json() for citation in self.citations],
            "alternatives": [alternative.to_json() for alternative in self.alternatives],
            "sources_differ": self.sources_differ,
            "timings_ms": {stage: round(ms, 2) for stage, ms in self.timings_ms.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Answer:
        """Rebuild an answer from :meth:`to_json`."""
        return cls(
            question=data["question"],
            standalone_question=data["standalone_question"],
            answered=data["answered"],
            text=data["text"],
            confidence=data["confidence"],
            citations=tuple(map(Citation.from_json, data["citations"])),
            alternatives=tuple(map(Alternative.from_json, data["alternatives"])),
            sources_differ=data["sources_differ"],
            timings_ms=dict(data["timings_ms"]),
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A retrieved passage: ``document_text[start:end] == text``.

    ``score`` is the fused retrieval score in [0, 1], comparable across questions.
    """

    passage_id: int
    document: str
    title: str
    start: int
    end: int
    text: str
    score: float

    def __post_init__(self) -> None:
        assert self.end - self.start == len(self.text), "passage offsets do not fit its text"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation; ``answer`` is None where the user saw "not in these documents"."""

    question: str
    answer: str | None
    standalone_question: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the data set's history form, with the stand-alone form where there is one."""
        out: dict[str, Any] = {"question": self.question, "answer": self.answer}
        if self.standalone_question is not None:
            out["standalone_question"] = self.standalone_question
        return out
