"""Adding, refreshing and removing documents: incremental by content hash, one transaction a batch.

A process killed at any moment leaves an index that opens and answers; indexing again completes it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from embeddings.documents import Document, Skipped, find_files, load_bytes, read_bytes
from embeddings.encoder import Encoder
from embeddings.errors import PinciteError
from embeddings.origins import Known, Origin, free_name, is_gone, settled, source_of, wider_source
from embeddings.passages import Passage, split_passages

if TYPE_CHECKING:
    from embeddings.store import Store

BATCH_PASSAGES = 512

Progress = Callable[[str, int, int], None]


@dataclass
class IndexReport:
    """What an indexing did: names by what happened to them, passages now stored for them, seconds taken."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    passages: int = 0
    seconds: float = 0.0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class _New:
    """A document that is to be written, with its passages."""

    document: Document
    origin: Origin
    passages: list[Passage]


class _Cancelled(Exception):
    pass


def index_documents(
    store: Store,
    paths: Sequence[str | Path],
    encoder: Encoder,
    *,
    prune: bool = True,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> IndexReport:
    """Bring the index up to date with files and folders, and return what changed.

    Unchanged files (size and times, else content hash) cost no model run. With ``prune``, documents that came
    from one of these folders and are gone, or no longer readable, are removed. ``progress`` is called with (what is
    being done, files done, files in all); ``cancelled`` is asked between batches, and what was written before
    stays. A document called like one from elsewhere gets its folder's name in front.

    Raises:
        PinciteError: a path does not exist, the encoder is not the index's, or the index cannot be written.
    """
    store.check_encoder(encoder)
    started = time.perf_counter()
    report = IndexReport()
    run = _Run(store, encoder, report, progress, cancelled)
    known, remembered = _load_known(store)
    by_path = {entry.origin.path: name for name, entry in known.items() if entry.origin.path}
    found = [(source_of(root), item) for root in map(Path, paths) for item in find_files([root])]
    sources = {source_of(Path(path)) for path in paths}
    run.total = len(found)
    met: set[str] = set()
    kept: set[str] = set()  # stored names of files that are there, and were not found to be unreadable
    unreadable: set[str] = set()
    try:
        for source, item in found:
            run.step(item.name)
            if isinstance(item, Skipped):
                (kept if item.refused else unreadable).add(item.name)
                run.skip(item, source, "")
                continue
            path = str(item.path.resolve())
            if path in met:
                continue
            met.add(path)
            name = by_path.get(path) or free_name(item, source, known, kept)
            before = known.get(name)
            origin = Origin(wider_source(source, before, path), path, item.stamp)
            if before and before.origin == origin:
                kept.add(name)
                report.unchanged.append(name)
                continue
            if before is None and (reason := remembered.get((name, item.stamp))):
                run.skip(Skipped(name, reason), source, item.stamp)
                continue
            try:
                data = read_bytes(item)
            except PinciteError as error:
                kept.add(name)
                run.skip(Skipped(name, _reason(error, item.name), refused=True), source, "")
                continue
            try:
                document = load_bytes(name, data)
            except PinciteError as error:
                unreadable.add(name)
                run.skip(Skipped(name, _reason(error, name)), source, item.stamp)
                continue
            kept.add(name)
            run.take(document, settled(origin), before)
        run.flush()
        if prune:
            stored = {name: entry.origin for name, entry in known.items() if entry.origin.source in sources}
            gone = [name for name, o in stored.items() if name not in kept and (name in unreadable or is_gone(o.path))]
            remove_documents(store, gone)
            report.removed.extend(sorted(gone))
    except _Cancelled:
        report.cancelled = True
    else:
        run.remember_skipped(sources)
    report.seconds = time.perf_counter() - started
    return report


def add_documents(
    store: Store,
    documents: Iterable[Document],
    encoder: Encoder,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> IndexReport:
    """Add or replace documents that are in memory: uploads, a data set's paragraphs.

    They belong to no folder, so refreshing a folder never removes them.
    """
    store.check_encoder(encoder)
    started = time.perf_counter()
    report = IndexReport()
    run = _Run(store, encoder, report, progress, cancelled)
    known, _ = _load_known(store)
    documents = list(documents)
    run.total = len(documents)
    try:
        for document in documents:
            run.step(document.name)
            run.take(document, Origin(), known.get(document.name))
        run.flush()
    except _Cancelled:
        report.cancelled = True
    report.seconds = time.perf_counter() - started
    return report


def remove_documents(store: Store, names: Sequence[str]) -> int:
    """Remove documents by name, with their passages and vectors, and return how many there were."""
    if not names:
        return 0
    with store.connections.writing() as connection:
        removed = sum([_delete(connection, name) for name in dict.fromkeys(names)])
        if removed:
            _bump(connection)
    return removed


class _Run:
    """One indexing run: collects documents into batches, encodes them, and writes each batch in one transaction."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        report: IndexReport,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.store = store
        self.encoder = encoder
        self.report = report
        self.total = 0
        self._progress = progress
        self._cancelled = cancelled
        self._done = 0
        self._batch: list[_New] = []
        self._waiting = 0
        self._skipped: list[tuple[str, str, str, str]] = []

    def step(self, name: str) -> None:
        """Note that the next file is begun."""
        self._tell(name)
        self._done += 1

    def skip(self, skipped: Skipped, source: str, stamp: str) -> None:
        """Report a file that was passed over; its stamp, where given, saves reading it again."""
        self.report.skipped.append(skipped)
        self._skipped.append((skipped.name, source, skipped.reason, stamp))

    def take(self, document: Document, origin: Origin, before: Known | None) -> None:
        """Queue a document that is new or changed; note the new origin of one that is not."""
        if before is not None and before.hash == document.hash:
            self.report.unchanged.append(document.name)
            if before.origin != origin:
                with self.store.connections.writing() as connection:
                    values = (origin.source, origin.path, origin.stamp, document.name)
                    connection.execute("UPDATE documents SET source = ?, path = ?, stamp = ? WHERE name = ?", values)
            return
        passages = split_passages(document, self.encoder, self.store.manifest.passages)
        self._batch.append(_New(document, origin, passages))
        (self.report.added if before is None else self.report.changed).append(document.name)
        self._waiting += len(passages)
        if self._waiting >= BATCH_PASSAGES:
            self.flush()

    def flush(self) -> None:
        """Encode and write what is queued."""
        if not self._batch:
            return
        passages = [passage for new in self._batch for passage in new.passages]
        what = f"embedding {len(passages):,} passages"
        self._tell(what)
        vectors = self.encoder.encode(
            [passage.embedded for passage in passages], progress=lambda done, count: self._tell(what)
        )
        rows: Iterator[bytes] = (row.astype("<f4").tobytes() for row in vectors)
        with self.store.connections.writing() as connection:
            for new in self._batch:
                _write(connection, new, rows)
            _bump(connection)
        self.report.passages += len(passages)
        self._batch, self._waiting = [], 0

    def remember_skipped(self, sources: set[str]) -> None:
        """Replace what the store knows to be unreadable in these sources."""
        with self.store.connections.writing() as connection:
            connection.execute(
                "DELETE FROM skipped WHERE source IN (SELECT value FROM json_each(?))", (json.dumps(sorted(sources)),)
            )
            connection.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?)", self._skipped)

    def _tell(self, what: str) -> None:
        if self._cancelled is not None and self._cancelled():
            self._forget_batch()
            raise _Cancelled
        if self._progress is not None:
            self._progress(what, min(self._done, self.total), self.total)

    def _forget_batch(self) -> None:
        queued = {new.document.name for new in self._batch}
        self.report.added = [name for name in self.report.added if name not in queued]
        self.report.changed = [name for name in self.report.changed if name not in queued]


def _write(connection: sqlite3.Connection, new: _New, vectors: Iterator[bytes]) -> None:
    from embeddings.store import now

    document = new.document
    _delete(connection, document.name)
    cursor = connection.execute(
        "INSERT INTO documents (name, title, format, hash, text, page_starts, characters, added, source, path, stamp)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(document.name, document.title, document.format, document.hash, document.text),
            *(json.dumps(document.page_starts), len(document.text), now()),
            *(new.origin.source, new.origin.path, new.origin.stamp),
        ),
    )
    identity = cursor.lastrowid
    for passage in new.passages:
        cursor = connection.execute(
            "INSERT INTO passages (document_id, start, end, text) VALUES (?, ?, ?, ?)",
            (identity, passage.start, passage.end, passage.text),
        )
        connection.execute("INSERT INTO vectors VALUES (?, ?)", (cursor.lastrowid, next(vectors)))
        connection.execute("INSERT INTO passages_fts (rowid, text) VALUES (?, ?)", (cursor.lastrowid, passage.text))


def _delete(connection: sqlite3.Connection, name: str) -> bool:
    """Delete a document with all that belongs to it; return whether there was one."""
    row = connection.execute("SELECT id FROM documents WHERE name = ?", (name,)).fetchone()
    if row is None:
        return False
    # The full text has no copy of the words, so it has to be told which ones to forget.
    connection.execute(
        "INSERT INTO passages_fts (passages_fts, rowid, text) SELECT 'delete', id, text FROM passages"
        " WHERE document_id = ?",
        row,
    )
    connection.execute("DELETE FROM documents WHERE id = ?", row)
    return True


def _bump(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'revision'")


def _load_known(store: Store) -> tuple[dict[str, Known], dict[tuple[str, str], str]]:
    """Return the documents by name, and the reasons of unreadable files by (name, stamp)."""
    with store.connections.reading() as connection:
        documents = connection.execute("SELECT name, hash, source, path, stamp FROM documents").fetchall()
        skipped = connection.execute("SELECT name, stamp, reason FROM skipped WHERE stamp != ''").fetchall()
    known = {name: Known(hash_, Origin(*origin)) for name, hash_, *origin in documents}
    return known, {(name, stamp): reason for name, stamp, reason in skipped}


def _reason(error: PinciteError, name: str) -> str:
    return error.message.removeprefix(f"{name} was skipped: ")
