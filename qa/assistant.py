"""The Python API: an index, a retriever and a reader that answer questions with exact citations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embeddings.store import IndexReport, Store, index_documents, remove_documents
from qa import index_cache
from qa.asking import AnswerReader, compose_answers, read_candidates, still_standing, understand
from qa.conversation import Conversation, history_from_json
from qa.errors import PinciteError
from qa.questions import clean_question
from qa.settings import Settings
from qa.types import Answer, Candidate, Turn

if TYPE_CHECKING:
    from embeddings.documents import Document
    from embeddings.encoder import Encoder
    from qa.followups import Resolution
    from qa.reader.calibration import Calibration
    from qa.retriever import Retriever

History = Sequence[Turn | Mapping[str, Any]]
IndexProgress = Callable[[str, int, int], None]

# Texts of documents kept in memory, in characters: whole for a folder of papers, bounded for a library.
_CACHED_CHARACTERS = 50_000_000


class Assistant:
    """Answers questions over one index. Safe to share between threads."""

    def __init__(
        self,
        store: Store,
        *,
        encoder: Encoder,
        settings: Settings | None = None,
        reader: AnswerReader | None = None,
        paths: Sequence[Path] = (),
    ) -> None:
        """Take an open store and the encoder that made it; a reader that is not given is loaded when first needed.

        ``paths`` are the documents that :meth:`refresh` looks at again.
        """
        self.store = store
        self.settings = settings if settings is not None else Settings()
        self.encoder = encoder
        self._reader = reader
        self._paths = list(paths)
        self._lock = threading.RLock()
        self._retriever: Retriever | None = None
        self._documents: dict[str, Document] = {}
        self._revision: int | None = None

    @classmethod
    def from_documents(
        cls,
        path: str | Path | Sequence[str | Path],
        *,
        index: str | Path | None = None,
        settings: Settings | None = None,
        progress: IndexProgress | None = None,
        encoder: Encoder | None = None,
        reader: AnswerReader | None = None,
    ) -> Assistant:
        """Index a file, files or a folder, or refresh its index, and return an assistant over it.

        The index lies in ``index`` or else in the user's cache folder, one per folder and settings. Raises
        PinciteError when a path is not there, or when ``index`` was made with other settings.
        """
        settings = settings if settings is not None else Settings()
        paths = index_cache.existing_paths(path)
        if index is None:
            encoder = encoder if encoder is not None else index_cache.load_encoder(settings.encoder)
            store = index_cache.open_cached(paths, encoder, settings)
        else:
            store, encoder = index_cache.open_or_create(Path(index), encoder, settings)
        assistant = cls(store, settings=settings, encoder=encoder, reader=reader, paths=paths)
        try:
            assistant.refresh(progress=progress)
        except BaseException:
            assistant.close()
            raise
        return assistant

    @classmethod
    def open(
        cls,
        index: str | Path,
        *,
        settings: Settings | None = None,
        encoder: Encoder | None = None,
        reader: AnswerReader | None = None,
    ) -> Assistant:
        """Open an index; its documents are not needed, the index holds their text.

        Encoder and passage settings are the index's own, unless given: then they have to be the same.
        """
        settings = settings if settings is not None else Settings()
        store, encoder = index_cache.open_checked(Path(index), encoder, settings)
        return cls(store, settings=settings, encoder=encoder, reader=reader)

    # Asking -------------------------------------------------------------------------------------------

    def ask(
        self,
        question: str,
        *,
        history: History | None = None,
        documents: Sequence[str] | None = None,
        top_k: int | None = None,
        retrieval: str | None = None,
        threshold: float | None = None,
        rewrite: bool | None = None,
        on_stage: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answer a question with quotations, or say that the documents do not hold the answer.

        ``history`` are the earlier turns of a conversation; ``documents`` limits the search to these names. The
        other arguments override the settings of the same name for this question; None is "not given".
        ``on_stage`` is called with "retrieve", "read" and "answer" as these begin.
        """
        histories = [history] if history is not None else None
        return self.ask_many(
            [question],
            histories=histories,
            documents=documents,
            top_k=top_k,
            retrieval=retrieval,
            threshold=threshold,
            rewrite=rewrite,
            on_stage=on_stage,
        )[0]

    def ask_many(
        self,
        questions: Sequence[str],
        *,
        histories: Sequence[History] | None = None,
        documents: Sequence[str] | None = None,
        top_k: int | None = None,
        retrieval: str | None = None,
        threshold: float | None = None,
        rewrite: bool | None = None,
        on_stage: Callable[[str], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        """Answer questions as :meth:`ask` does, retrieving and reading for all of them together.

        ``progress`` is called with the (question, passage) pairs read so far and all of them. The times in an
        answer are its share of the batch's.
        """
        started = time.perf_counter()
        given = {"top_k": top_k, "retrieval": retrieval, "threshold": threshold, "rewrite": rewrite}
        settings = self.settings.replace(**{key: value for key, value in given.items() if value is not None})
        stage = on_stage if on_stage is not None else _no_stage
        if histories is not None and len(histories) != len(questions):
            counts = f"{len(questions)} questions and {len(histories)} histories"
            raise PinciteError(f"There are {counts}.", "Give one history a question.")
        turns = list(map(history_from_json, histories)) if histories is not None else [()] * len(questions)
        asked = [understand(*pair, settings) for pair in zip(questions, turns, strict=True)]
        if not asked:
            return []
        readings = [reading for entry in asked for reading in entry.readings]

        stage("retrieve")
        retriever = self._current_retriever()
        found = retriever.retrieve(readings, k=settings.top_k, kind=settings.retrieval, documents=documents)
        found, sources = still_standing(found, self.document)
        readings = [retriever.respell(*pair) for pair in zip(readings, found, strict=True)]
        retrieved = time.perf_counter()
        stage("read")
        read = read_candidates(self.reader, readings, found, progress)
        read_at = time.perf_counter()
        stage("answer")
        answers = compose_answers(asked, readings, found, read, sources, self.calibration, settings.threshold)
        times = {"retrieve": retrieved - started, "read": read_at - retrieved, "total": time.perf_counter() - started}
        shares = {name: seconds * 1000 / len(asked) for name, seconds in times.items()}
        return [replace(answer, timings_ms=shares) for answer in answers]

    def retrieve(
        self,
        questions: Sequence[str],
        *,
        k: int | None = None,
        retrieval: str | None = None,
        documents: Sequence[str] | None = None,
    ) -> list[list[Candidate]]:
        """Return for every question its ``k`` (setting: top_k) best passages, without reading them."""
        given = {"top_k": k, "retrieval": retrieval}
        settings = self.settings.replace(**{key: value for key, value in given.items() if value is not None})
        cleaned = [clean_question(question, settings.max_question_characters) for question in questions]
        retriever = self._current_retriever()
        return retriever.retrieve(cleaned, k=settings.top_k, kind=settings.retrieval, documents=documents)

    def resolve(self, question: str, history: History) -> Resolution:
        """Return how a follow-up is understood: its stand-alone form and the other readings it could have."""
        from qa.followups import resolve

        return resolve(clean_question(question, self.settings.max_question_characters), history_from_json(history))

    def conversation(self, history: History | None = None) -> Conversation:
        """Return a conversation that remembers its turns, so that follow-up questions are understood."""
        return Conversation(self, history)

    # The index ----------------------------------------------------------------------------------------

    def index(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        prune: bool = True,
        progress: IndexProgress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> IndexReport:
        """Add or refresh documents; with ``prune`` those that vanished from the given folders are removed."""
        sources = index_cache.existing_paths(paths)
        return index_documents(self.store, sources, self.encoder, prune=prune, progress=progress, cancelled=cancelled)

    def remove(self, names: Sequence[str]) -> int:
        """Remove documents by name and return how many there were."""
        return remove_documents(self.store, names)

    def refresh(self, *, progress: IndexProgress | None = None) -> IndexReport | None:
        """Look again at the documents this assistant was made from; None when it was opened without any.

        Files whose size and times are the same are not read, so an unchanged folder costs a few milliseconds.
        """
        return self.index(self._paths, progress=progress) if self._paths else None

    def close(self) -> None:
        """Close the index; the assistant cannot be asked afterwards."""
        self.store.close()

    def __enter__(self) -> Assistant:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The models ---------------------------------------------------------------------------------------

    @property
    def reader(self) -> AnswerReader:
        """The reader, loaded when first needed."""
        with self._lock:
            if self._reader is None:
                from qa.reader import load_reader

                self._reader = load_reader(self.settings.reader)
            return self._reader

    @property
    def calibration(self) -> Calibration:
        """The calibration that turns the reader's scores into a confidence; it holds the fitted threshold."""
        return self.reader.calibration

    def warm_up(self) -> None:
        """Load both models now, so that the first question does not wait for them."""
        self.encoder.encode(["warm up"])
        self.reader.read([("warm up", "warm up")])

    def document(self, name: str) -> Document:
        """Return a document with its text from the index. Raises PinciteError when there is none of this name."""
        with self._lock:
            self._notice_changes()
            if name not in self._documents:
                document = self.store.document(name)
                held = sum(len(other.text) for other in self._documents.values())
                if held + len(document.text) > _CACHED_CHARACTERS:
                    self._documents.clear()
                self._documents[name] = document
            return self._documents[name]

    # ---------------------------------------------------------------------------------------------------

    def _current_retriever(self) -> Retriever:
        """Return a retriever over what the index holds now."""
        with self._lock:
            self._notice_changes()
            if self._retriever is None:
                from embeddings.vector_index import VectorIndex
                from qa.retriever import Retriever

                self._retriever = Retriever(self.store, VectorIndex.open(self.store), self.encoder, self.settings)
            return self._retriever

    def _notice_changes(self) -> None:
        """Forget what was loaded of the index when anybody changed it, another process too."""
        revision = self.store.revision()
        if revision != self._revision:
            self._retriever = None
            self._documents.clear()
            self._revision = revision


def _no_stage(_: str) -> None:
    return None
