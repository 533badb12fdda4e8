"""The SQLite schema of an index, as numbered migrations that are applied on open."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from embeddings.errors import PinciteError

APPLICATION_ID = 0x50434954  # "PCIT", so that another program's database is not taken for an index


def _m001_documents_and_passages(connection: sqlite3.Connection) -> None:
    for statement in (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "INSERT INTO meta VALUES ('revision', '0')",
        """CREATE TABLE documents (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, format TEXT NOT NULL,
            hash TEXT NOT NULL, text TEXT NOT NULL, page_starts TEXT NOT NULL, characters INTEGER NOT NULL,
            added TEXT NOT NULL, source TEXT NOT NULL, stamp TEXT NOT NULL)""",
        # AUTOINCREMENT: an id is never used again, so a search index that is behind cannot name another passage.
        """CREATE TABLE passages (
            id INTEGER PRIMARY KEY AUTOINCREMENT, document_id INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
            start INTEGER NOT NULL, end INTEGER NOT NULL, text TEXT NOT NULL)""",
        "CREATE INDEX passages_of_document ON passages (document_id)",
        """CREATE TABLE vectors (
            passage_id INTEGER PRIMARY KEY REFERENCES passages ON DELETE CASCADE, vector BLOB NOT NULL)""",
        """CREATE VIRTUAL TABLE passages_fts USING fts5 (
            text, content='passages', content_rowid='id', tokenize="porter unicode61 remove_diacritics 2")""",
        "CREATE TABLE skipped (name TEXT PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, stamp TEXT NOT NULL)",
    ):
        connection.execute(statement)


def _m002_feedback_and_questions(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE feedback (id INTEGER PRIMARY KEY, added TEXT NOT NULL, data TEXT NOT NULL)")
    connection.execute("CREATE TABLE eval_questions (id INTEGER PRIMARY KEY, line TEXT NOT NULL)")


def _m003_paths_of_documents(connection: sqlite3.Connection) -> None:
    # The same file may be named by itself, by its folder or by a folder above: its path tells that it is the same.
    connection.execute("ALTER TABLE documents ADD COLUMN path TEXT NOT NULL DEFAULT ''")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _m001_documents_and_passages,
    _m002_feedback_and_questions,
    _m003_paths_of_documents,
)
SCHEMA_VERSION = len(MIGRATIONS)


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the number of migrations that an index has had.

    Raises:
        PinciteError: the database is another program's, or of a newer Pincite.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise PinciteError("It is a database, but no Pincite index.")
    if version > SCHEMA_VERSION:
        raise PinciteError(f"It has format {version}; this Pincite reads formats up to {SCHEMA_VERSION}.")
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Apply the migrations after ``version``, within the caller's transaction."""
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        migration(connection)
        connection.execute(f"PRAGMA user_version = {number:d}")
    if version == 0:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
