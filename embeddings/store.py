"""Store: the one truth of an index. SQLite holds documents, passages, vectors and the full text in one transaction.

An index is a directory with ``index.sqlite``; ``vectors.faiss`` beside it is derived (see ``vector_index.py``).
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from embeddings.connections import Connections
from embeddings.documents import INDEX_FILE, Document, Skipped
from embeddings.encoder import Encoder
from embeddings.errors import PinciteError
from embeddings.indexing import IndexReport, add_documents, index_documents, remove_documents
from embeddings.lexical import match_expression, stem
from embeddings.passages import PassageSettings
from embeddings.records import DocumentRecord, Manifest, StoredPassage
from embeddings.schema import SCHEMA_VERSION, migrate, schema_version

__all__ = [
    "DocumentRecord",
    "IndexReport",
    "Manifest",
    "Store",
    "StoredPassage",
    "add_documents",
    "index_documents",
    "remove_documents",
]

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


class Store:
    """An open index. Safe to share between threads; who reads is never blocked by who writes."""

    def __init__(self, path: Path, connections: Connections, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.connections = connections

    # Opening ------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: str | Path, encoder: Encoder, passage_settings: PassageSettings) -> Store:
        """Make an empty index in the directory ``path``.

        Raises:
            PinciteError: there is an index already, or something that is none.
        """
        path = Path(path)
        file = path / INDEX_FILE
        if file.exists():
            raise PinciteError(f"There is an index at {path} already.", "Open it, or choose another folder.")
        if path.is_dir() and any(not entry.name.startswith(INDEX_FILE) for entry in path.iterdir()):
            raise PinciteError(f"The folder {path} is not empty and holds no index.", "Choose a new folder for it.")
        values = {
            "encoder": encoder.name,
            "fingerprint": encoder.fingerprint,
            "dimension": str(encoder.dimension),
            "passage_size": str(passage_settings.size),
            "passage_overlap": str(passage_settings.overlap),
        }
        # The file gets its name when it is whole, so that a process killed here leaves no half-made index.
        draft = file.with_name(f"{INDEX_FILE}.{os.getpid()}.new")
        try:
            path.mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                migrate(connection, 0)
                connection.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode = WAL")
            _name_once(draft, file)
        except FileExistsError:
            raise PinciteError(f"There is an index at {path} already.", "Open it, or choose another folder.") from None
        except (OSError, sqlite3.Error) as error:
            raise PinciteError(
                f"No index can be made at {path} ({error}).", "Choose a folder that may be written to, with room."
            ) from error
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path, *, encoder: Encoder | None = None, readonly: bool = False) -> Store:
        """Open the index in the directory ``path``; an older format is migrated.

        Where nothing can be written, the index is opened for reading only.

        Raises:
            PinciteError: there is no index, its format is newer, it is damaged, or it was made with another
                encoder than ``encoder``.
        """
        path = Path(path)
        file = path / INDEX_FILE
        if not file.is_file():
            what = "is not an index" if path.exists() else "does not exist"
            raise PinciteError(f"{path} {what}.", f"Make one: pincite index PATH... --index {path}")
        connections = Connections(file, readonly=readonly or not _writable(file))
        try:
            manifest = _prepare(connections)
        except PinciteError as error:
            connections.close()
            hint = error.hint or f"Make a new one: pincite index PATH... --index {path}.new"
            message = error.message.replace("It ", f"The file {file} ", 1) if error.message.startswith("It ") else None
            raise PinciteError(message if message is not None else error.message, hint) from error
        store = cls(path, connections, manifest)
        if encoder is not None:
            try:
                store.check_encoder(encoder)
            except PinciteError:
                store.close()
                raise
        return store

    def check_encoder(self, encoder: Encoder) -> None:
        """Raise PinciteError unless ``encoder`` is the one that made this index's vectors."""
        made_with = self.manifest
        if encoder.fingerprint != made_with.fingerprint:
            raise PinciteError(
                f"The index {self.path} was made with the encoder {made_with.encoder!r} ({made_with.fingerprint}), "
                f"not with {encoder.name!r} ({encoder.fingerprint}).",
                f"Use that encoder, or index again: pincite index PATH... --index {self.path}.new",
            )

    def close(self) -> None:
        """Close the index."""
        self.connections.close()

    # Documents and passages ---------------------------------------------------------------------------

    def revision(self) -> int:
        """Return a number that changes whenever documents change, whoever changes them."""
        with self.connections.reading() as connection:
            return read_revision(connection)

    def documents(self) -> list[DocumentRecord]:
        """Return the documents, sorted by name, without their texts."""
        with self.connections.reading() as connection:
            rows = connection.execute(
                """SELECT name, title, format, hash, characters,
                    (SELECT count(*) FROM passages WHERE document_id = documents.id), added, page_starts
                FROM documents ORDER BY name"""
            ).fetchall()
        return [DocumentRecord(*(*row[:7], tuple(json.loads(row[7])))) for row in rows]

    def document(self, name: str) -> Document:
        """Return a document with its text, as it was when it was indexed; PinciteError when there is none."""
        with self.connections.reading() as connection:
            row = connection.execute(
                "SELECT name, title, text, format, hash, page_starts FROM documents WHERE name = ?", (name,)
            ).fetchone()
        if row is None:
            raise PinciteError(f"There is no document {name!r} in the index {self.path}.")
        return Document(*(*row[:5], tuple(json.loads(row[5]))))

    def passages(self, ids: Sequence[int]) -> list[StoredPassage]:
        """Return passages in the order of ``ids``; those that have been removed meanwhile are left out."""
        with self.connections.reading() as connection:
            rows = connection.execute(
                """SELECT p.id, d.name, d.title, p.start, p.end, p.text
                FROM passages p JOIN documents d ON d.id = p.document_id
                WHERE p.id IN (SELECT value FROM json_each(?))""",
                (json.dumps([int(i) for i in ids]),),
            ).fetchall()
        found = {row[0]: StoredPassage(*row) for row in rows}
        return [found[i] for i in ids if i in found]

    def passage_ids(self, documents: Sequence[str] | None = None) -> list[int]:
        """Return the ids of all passages, or of those of the named documents, ascending."""
        chosen, values = _of_documents(documents)
        with self.connections.reading() as connection:
            rows = connection.execute(f"SELECT p.id FROM passages p WHERE 1 {chosen} ORDER BY p.id", values)
            return [row[0] for row in rows]

    def vectors(self, ids: Sequence[int] | None = None) -> tuple[int, Ids, Vectors]:
        """Return the revision, and all passage ids (or those of ``ids`` that exist) with their unit vectors, (n, d)."""
        where = "" if ids is None else "WHERE passage_id IN (SELECT value FROM json_each(?))"
        values = () if ids is None else (json.dumps([int(i) for i in ids]),)
        numbers: list[int] = []
        blobs = bytearray()
        with self.connections.reading() as connection:
            revision = read_revision(connection)
            rows = connection.execute(f"SELECT passage_id, vector FROM vectors {where} ORDER BY passage_id", values)
            for number, vector in rows:
                numbers.append(number)
                blobs += vector
        matrix = np.frombuffer(blobs, dtype="<f4").astype(np.float32, copy=False)
        return revision, np.array(numbers, dtype=np.int64), matrix.reshape(len(numbers), self.manifest.dimension)

    def skipped(self) -> list[Skipped]:
        """Return what the last indexing could not read, and why."""
        with self.connections.reading() as connection:
            rows = connection.execute("SELECT name, reason FROM skipped ORDER BY name").fetchall()
        return [Skipped(*row) for row in rows]

    # Full text ----------------------------------------------------------------------------------------

    def search_lexical(
        self, terms: Sequence[str], k: int, documents: Sequence[str] | None = None
    ) -> list[tuple[int, float]]:
        """Return at most ``k`` (passage id, BM25 score) of passages that hold any of ``terms``, best first.

        Higher is better. Terms are plain words, stemmed by the index; any text is safe. Stop words are not
        dropped here. Equal scores are ordered by id.
        """
        expression = match_expression(terms)
        if not expression or k < 1:
            return []
        chosen, values = _of_documents(documents)
        with self.connections.reading() as connection:
            rows = connection.execute(
                f"""SELECT p.id, -bm25(passages_fts) AS score
                FROM passages_fts JOIN passages p ON p.id = passages_fts.rowid
                WHERE passages_fts MATCH ? {chosen} ORDER BY score DESC, p.id LIMIT ?""",
                (expression, *values, k),
            ).fetchall()
        return [(row[0], row[1]) for row in rows]

    def document_frequency(self, term: str) -> int:
        """Return how many passages hold ``term``, stemmed."""
        expression = match_expression([term])
        if not expression:
            return 0
        with self.connections.reading() as connection:
            query = "SELECT count(*) FROM passages_fts WHERE passages_fts MATCH ?"
            return int(connection.execute(query, (expression,)).fetchone()[0])

    def vocabulary(self) -> list[str]:
        """Return the stems of all words of the passages, sorted."""
        with self.connections.reading() as connection:
            connection.execute(
                "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5vocab('main', 'passages_fts', 'row')"
            )
            return [row[0] for row in connection.execute("SELECT term FROM temp.words ORDER BY term")]

    @staticmethod
    def stem(term: str) -> str:
        """Return the stem under which the index holds ``term``."""
        return stem(term)

    # The user's own words -----------------------------------------------------------------------------

    def add_feedback(self, question: str, answer: Mapping[str, Any], verdict: Any, remark: str = "") -> None:
        """Keep what the user thought of an answer; ``answer`` is its JSON object, ``verdict`` any JSON value."""
        data = {"question": question, "answer": dict(answer), "verdict": verdict, "remark": remark}
        with self.connections.writing() as connection:
            values = (now(), json.dumps(data, ensure_ascii=False))
            connection.execute("INSERT INTO feedback (added, data) VALUES (?, ?)", values)

    def feedback(self) -> list[dict[str, Any]]:
        """Return the feedback, oldest first: question, answer, verdict, remark, added."""
        with self.connections.reading() as connection:
            rows = connection.execute("SELECT added, data FROM feedback ORDER BY id").fetchall()
        return [{**json.loads(data), "added": added} for added, data in rows]

    def add_eval_question(self, line: Mapping[str, Any]) -> None:
        """Keep one line of the user's own evaluation set."""
        with self.connections.writing() as connection:
            text = json.dumps(dict(line), ensure_ascii=False)
            connection.execute("INSERT INTO eval_questions (line) VALUES (?)", (text,))

    def eval_questions(self) -> list[dict[str, Any]]:
        """Return the lines of the user's own evaluation set, oldest first."""
        with self.connections.reading() as connection:
            rows = connection.execute("SELECT line FROM eval_questions ORDER BY id").fetchall()
        return [json.loads(line) for (line,) in rows]

    def check(self) -> Iterator[str]:
        """Yield what is wrong with the index, one sentence a fault: for the doctor. Reads everything once."""
        with self.connections.reading() as connection:
            for (fault,) in connection.execute("PRAGMA quick_check"):
                if fault != "ok":
                    yield f"SQLite reports: {fault}."
            (missing,) = connection.execute(
                "SELECT count(*) FROM passages WHERE id NOT IN (SELECT passage_id FROM vectors)"
            ).fetchone()
            if missing:
                yield f"{missing} passages have no vector."
            quoted = connection.execute(
                "SELECT p.id, d.text, p.start, p.end, p.text FROM passages p JOIN documents d ON d.id = p.document_id"
            )
            for number, whole, start, end, text in quoted:
                if whole[start:end] != text:
                    yield f"Passage {number} is not what its document says."


def read_revision(connection: sqlite3.Connection) -> int:
    """Return the revision that a connection sees."""
    return int(connection.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()[0])


def now() -> str:
    """Return the date and time in ISO form, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _of_documents(documents: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """Return an SQL condition on ``p`` that keeps the passages of the named documents, and its values."""
    if documents is None:
        return "", ()
    condition = "AND p.document_id IN (SELECT id FROM documents WHERE name IN (SELECT value FROM json_each(?)))"
    return condition, (json.dumps(list(documents)),)


def _name_once(draft: Path, file: Path) -> None:
    """Give a finished file its name, unless another process has made one meanwhile: then FileExistsError."""
    try:
        os.link(draft, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _writable(file: Path) -> bool:
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _prepare(connections: Connections) -> Manifest:
    """Migrate an index if need be and return its manifest."""
    with connections.reading() as connection:
        version = schema_version(connection)
    if version < SCHEMA_VERSION:
        with connections.writing() as connection:
            migrate(connection, schema_version(connection))
    with connections.reading() as connection:
        values = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    return Manifest(
        format=SCHEMA_VERSION,
        encoder=values["encoder"],
        fingerprint=values["fingerprint"],
        dimension=int(values["dimension"]),
        passages=PassageSettings(int(values["passage_size"]), int(values["passage_overlap"])),
    )
