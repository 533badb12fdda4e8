"""Running a data set through a system: in batches, with progress, stoppable, and going on where it stopped."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from embeddings.errors import PinciteError
from eval.corpus import as_articles, located, write_corpus
from eval.costs import Costs
from eval.datasets import Dataset, Question, check_offsets, ineligible
from eval.predictions import Prediction
from eval.report import Report, build_report
from eval.rows import score
from eval.systems import AssistantSystem, ReaderSystem, Record, System, digest
from qa.settings import Settings

if TYPE_CHECKING:
    from qa.asking import AnswerReader
    from qa.assistant import Assistant

Mode = Literal["end-to-end", "open", "reader"]
MODES: tuple[Mode, ...] = get_args(Mode)
Progress = Callable[[int, int], None]


class Cancelled(PinciteError):
    """The run was stopped; what was answered is kept when the run has a journal."""


@dataclass(frozen=True, slots=True)
class Run:
    """A report, and the predictions it is about: the Answer fields and an id each, in the data set's order."""

    report: Report
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A system ready to be asked, with the data set in its documents' offsets."""

    dataset: Dataset
    system: System
    indexed_passages: int = 0
    indexing_seconds: float = 0.0


@contextmanager
def open_system(
    dataset: Dataset,
    mode: Mode,
    *,
    assistant: Callable[[], Assistant] | None = None,
    settings: Settings | None = None,
    reader: AnswerReader | None = None,
    top_k: int | None = None,
    retrieval: str | None = None,
    threshold: float | None = None,
) -> Iterator[Opened]:
    """Open what ``mode`` evaluates, and close it afterwards.

    ``end-to-end`` asks the assistant that ``assistant`` opens; without one, a SQuAD file's articles are the
    documents. ``open`` makes each paragraph of a SQuAD file a document. ``reader`` gives each question its
    paragraph. A ``reader`` that is given takes the place of the settings' own, except in the assistant that is
    given. Raises PinciteError for a data set that the mode cannot use.
    """
    settings = settings if settings is not None else Settings()
    if mode not in MODES:
        raise PinciteError(f"There is no mode {mode!r}.", f"Valid: {', '.join(MODES)}.")
    if mode == "reader":
        from qa.reader import load_reader

        reader = reader if reader is not None else load_reader(settings.reader)
        yield Opened(dataset, ReaderSystem(dataset, reader, name=settings.reader, threshold=threshold))
        return
    passages, seconds = 0, 0.0
    if mode == "end-to-end" and assistant is not None:
        opened = assistant()
    elif mode == "end-to-end" and not dataset.paragraphs:
        raise PinciteError(f"{dataset.name} needs its documents.", "Name them with --docs or --index.")
    else:
        dataset = as_articles(dataset) if mode == "end-to-end" else dataset
        opened, passages, seconds = _index_corpus(dataset, mode, settings, reader)
    with opened:
        system = AssistantSystem(opened, mode=mode, top_k=top_k, retrieval=retrieval, threshold=threshold)
        if mode == "end-to-end" and assistant is not None and dataset.paragraphs:
            dataset = located(dataset, system.names(), system.text_of)
        yield Opened(dataset, system, passages, seconds)


def evaluate(
    opened: Opened,
    *,
    limit: int | None = None,
    history: bool = True,
    latency_sample: int = 20,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    journal_folder: Path | None = None,
) -> Run:
    """Ask the data set's questions and return the report with the predictions.

    Follow-up questions are asked a second time without their history, unless ``history`` is False: then all are
    asked alone. ``latency_sample`` questions are asked again one at a time for the latencies. ``progress`` is
    called with the questions answered and all of them. With ``journal_folder`` a run that was interrupted or
    cancelled goes on where it was. Raises :class:`Cancelled` soon after ``cancelled`` returns True.
    """
    system, dataset = opened.system, opened.dataset.first(limit)
    names = set(system.names())
    reasons = ineligible(dataset, names)
    check_offsets(dataset, names, lambda name: system.text_of(name) or "")
    questions = [question for question in dataset.questions if question.id not in reasons]
    journal = Journal(journal_folder, dataset, system) if journal_folder is not None else None
    work = [(question, history) for question in questions]
    work += [(question, False) for question in questions if history and question.history]
    done = journal.read() if journal is not None else {}
    todo = [item for item in work if _key(*item) not in done]
    seconds = 0.0
    for start in range(0, len(todo), system.batch):
        if cancelled is not None and cancelled():
            raise Cancelled(f"Stopped after {len(done)} of {len(work)} questions.", "Start it again to go on.")
        if progress is not None:
            progress(len(done), len(work))
        batch = todo[start : start + system.batch]
        records, spent = _ask(system, batch)
        seconds += spent
        if journal is not None:
            journal.append(zip(batch, records, strict=True))
        done |= {_key(*item): record for item, record in zip(batch, records, strict=True)}
    if progress is not None:
        progress(len(work), len(work))
    costs = Costs(
        seconds=seconds,
        questions=len(todo),
        latencies_ms=_latencies(system, questions, latency_sample, history),
        indexed_passages=opened.indexed_passages,
        indexing_seconds=opened.indexing_seconds,
        peak_memory_mib=_peak_memory_mib(),
    )
    records = [done[_key(question, history)] for question in questions]
    alone = [done[_key(question, False)] for question in questions if history and question.history]
    rows = score(
        dataset,
        _predictions(records),
        without_history=_predictions(alone),
        ineligible=reasons,
        text_of=system.text_of,
        passages_of=system.passages_of,
    )
    settings = {**system.settings, "history": history, "version": _version()}
    report = build_report(dataset, rows, mode=system.mode, threshold=system.threshold, settings=settings, costs=costs)
    if journal is not None:
        journal.remove()
    return Run(report, tuple(records))


class Journal:
    """The answers of an unfinished run: JSON lines in a file named after everything they depend on."""

    def __init__(self, folder: Path, dataset: Dataset, system: System) -> None:
        key = digest([dataset.fingerprint, system.mode, system.threshold, dict(system.settings), _version()])
        self.path = folder / f"{key}.jsonl"

    def read(self) -> dict[str, Record]:
        """Return the records by key; a last line that was cut off is left out."""
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return {}
        records: dict[str, Record] = {}
        for line in lines:
            try:
                entry = json.loads(line)
                records[entry["key"]] = entry["record"]
            except (ValueError, TypeError, KeyError):
                continue
        return records

    def append(self, answered: Iterator[tuple[tuple[Question, bool], Record]]) -> None:
        """Write a batch; the new line before it ends one that was cut off."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            for item, record in answered:
                file.write("\n" + json.dumps({"key": _key(*item), "record": record}))

    def remove(self) -> None:
        """Forget the run: it is complete."""
        self.path.unlink(missing_ok=True)


def journal_folder(settings: Settings) -> Path:
    """Return where unfinished runs and SQuAD corpora are kept: the settings' cache or the user's cache folder."""
    if settings.cache is not None:
        return settings.cache / "eval"
    from platformdirs import user_cache_path

    return user_cache_path("pincite", appauthor=False) / "eval"


def _ask(system: System, items: Sequence[tuple[Question, bool]]) -> tuple[list[Record], float]:
    """Return the records of a batch in order, and the seconds that answering (not measuring retrieval) took."""
    found: dict[str, Record] = {}
    started = time.perf_counter()
    for history in (True, False):
        asked = [question for question, with_history in items if with_history is history]
        if asked:
            records = system.ask(asked, history=history)
            found |= {_key(question, history): record for question, record in zip(asked, records, strict=True)}
    seconds = time.perf_counter() - started
    records = [found[_key(*item)] for item in items]
    system.retrieve(records)
    return records, seconds


def _latencies(
    system: System, questions: Sequence[Question], sample: int, history: bool
) -> tuple[Mapping[str, float], ...]:
    step = max(1, len(questions) // sample) if sample else len(questions) + 1
    chosen = questions[::step][:sample]
    return tuple(system.ask([question], history=history)[0]["timings_ms"] for question in chosen)


def _index_corpus(
    dataset: Dataset, mode: Mode, settings: Settings, reader: AnswerReader | None
) -> tuple[Assistant, int, float]:
    """Return an assistant over the file's own paragraphs, and what indexing took if it was not cached."""
    from qa.assistant import Assistant

    kept = journal_folder(settings)
    folder = write_corpus(dataset, kept / f"{dataset.fingerprint[:16]}-{mode}")
    # one index a corpus, encoder and way of cutting passages
    index = kept / f"{folder.name}-{digest([settings.encoder, settings.passages.model_dump()])}.pincite"
    fresh = not index.exists()
    started = time.perf_counter()
    assistant = Assistant.from_documents(folder, index=index, settings=settings, reader=reader)
    seconds = time.perf_counter() - started
    passages = sum(record.passages for record in assistant.store.documents())
    return (assistant, passages, seconds) if fresh else (assistant, 0, 0.0)


def _predictions(records: Sequence[Record]) -> dict[str, Prediction]:
    return {record["id"]: Prediction.from_json(record, record["id"]) for record in records}


def _key(question: Question, history: bool) -> str:
    return json.dumps([question.id, bool(history and question.history)])


def _peak_memory_mib() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def _version() -> str:
    try:
        return version("pincite")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "unknown"
