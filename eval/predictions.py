"""Predictions: what a system said to each question, read from the design's JSON lines or SQuAD's ``{id: text}``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embeddings.errors import PinciteError
from eval.datasets import Dataset, decode, json_lines, parse_json_object, read_bytes, take
from eval.metrics import Place

_HINT = "Predictions are JSON lines (the Answer fields and an id) or one JSON object {id: text}."


@dataclass(frozen=True, slots=True)
class Quote:
    """A cited span, with the sentences around it where the system gave them."""

    document: str
    start: int
    end: int
    text: str
    page: int | None = None
    context: Mapping[str, Any] | None = None

    @property
    def place(self) -> Place:
        """(document, start, end)."""
        return self.document, self.start, self.end


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a system said: its best span, and whether it stood by it.

    ``text`` and ``citations`` are of the best span whether or not it was answered, so that a threshold can
    be moved afterwards. ``confidence`` is None for systems that give none, ``citations`` is None for those
    that do not cite. ``retrieved`` lists the passages each retrieval kind found, best first.
    """

    id: str
    answered: bool
    text: str
    confidence: float | None = None
    citations: tuple[Quote, ...] | None = None
    standalone_question: str | None = None
    sources_differ: bool = False
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    retrieved: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any], where: str) -> Prediction:
        """Rebuild from the Answer fields and ``id``; PinciteError names ``where`` when they do not fit."""
        try:
            answered = bool(data.get("answered", bool(data.get("text"))))
            best: Mapping[str, Any] = data
            if not answered:
                best = next(iter(data.get("alternatives") or ()), {"text": "", "citations": data.get("citations")})
            cited = best.get("citations")
            return cls(
                id=take(data, "id", str, where),
                answered=answered,
                text=str(best["text"] or ""),
                confidence=_confidence(data.get("confidence")),
                citations=None if cited is None else tuple(_quote(item) for item in cited),
                standalone_question=data.get("standalone_question"),
                sources_differ=bool(data.get("sources_differ", False)),
                timings_ms={str(stage): float(ms) for stage, ms in (data.get("timings_ms") or {}).items()},
                retrieved={
                    str(kind): tuple((str(d), int(s), int(e)) for d, s, e in places)
                    for kind, places in (data.get("retrieved") or {}).items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PinciteError(f"{where} is not a prediction: {error!r}.", _HINT) from None


def load_predictions(path: str | Path, dataset: Dataset) -> dict[str, Prediction]:
    """Read a predictions file for ``dataset``; ``FILE#NAME`` picks one system of a file of several.

    Raises PinciteError for ids the data set does not have, ids given twice, and lines that do not fit.
    """
    name, _, system = str(path).partition("#")
    file = Path(name)
    text = decode(read_bytes(file), file.name)
    whole = parse_json_object(text)
    if whole is not None and "id" not in whole:
        predictions = _by_text(_system(whole, system, file.name), file.name)
    else:
        lines = json_lines(text, file.name)
        predictions = [Prediction.from_json(data, f"{file.name}, line {number}") for number, data in lines]
    return by_id(predictions, dataset, file.name)


def by_id(predictions: Iterable[Prediction], dataset: Dataset, name: str) -> dict[str, Prediction]:
    """Return predictions by id, or raise PinciteError for ids that are unknown or given twice."""
    known = {question.id for question in dataset.questions}
    found: dict[str, Prediction] = {}
    unknown: list[str] = []
    for prediction in predictions:
        if prediction.id in found:
            raise PinciteError(f"{name}: there are two predictions for the id {prediction.id!r}.")
        if prediction.id not in known:
            unknown.append(prediction.id)
        found[prediction.id] = prediction
    if unknown:
        raise PinciteError(
            f"{name} has predictions for {len(unknown)} ids that {dataset.name} does not have, as {unknown[0]!r}.",
            "Score a predictions file with the data set it was made for.",
        )
    if not found:
        raise PinciteError(f"{name} holds no prediction.", _HINT)
    return found


def _system(whole: Mapping[str, Any], system: str, name: str) -> Mapping[str, Any]:
    several = {key: value for key, value in whole.items() if isinstance(value, dict)}
    if not system and not several:
        return whole
    if system not in several:
        asked = f"no system {system!r}" if system else f"the predictions of {len(several)} systems"
        names = ", ".join(sorted(several)) or "none"
        raise PinciteError(f"{name} holds {asked}; there are: {names}.", f"Pick one as {name}#NAME.")
    chosen: Mapping[str, Any] = several[system]
    return chosen


def _by_text(texts: Mapping[str, Any], name: str) -> list[Prediction]:
    for key, value in texts.items():
        if not isinstance(value, str):
            shown = str(value)[:60]
            raise PinciteError(f"{name}: the prediction for {key!r} should be a string, not {shown!r}.", _HINT)
    return [Prediction(key, bool(value), value) for key, value in texts.items()]


def _confidence(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not 0 <= value <= 1:  # no number at all compares False as well
        raise ValueError(f"the confidence {value!r} is not between 0 and 1")
    return float(value)


def _quote(data: Mapping[str, Any]) -> Quote:
    start, end = int(data["start"]), int(data["end"])
    quote = Quote(str(data["document"]), start, end, str(data["text"]), data.get("page"), data.get("context"))
    if not 0 <= quote.start < quote.end:
        raise ValueError(f"a citation from {quote.start} to {quote.end}")
    return quote
