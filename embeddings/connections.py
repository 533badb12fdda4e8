"""SQLite connections of one index: pooled readers, one writer at a time, and errors a person can act on."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from embeddings.errors import PinciteError

BUSY_SECONDS = 30.0


class Connections:
    """Connections to one database file, safe to use from many threads.

    Each operation borrows a connection and gives it back, so there are as many as ever ran at once. The file is in
    WAL mode: who reads sees the last committed state and is never blocked by who writes.
    """

    def __init__(self, file: Path, *, readonly: bool) -> None:
        self.file = file
        self.readonly = readonly
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._writing = threading.RLock()
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection whose statements all see one state of the database."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _roll_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection within a write transaction: committed at the end, rolled back on any error.

        Another process that writes is waited for, up to ``BUSY_SECONDS``.
        """
        if self.readonly:
            raise PinciteError(
                f"The index {self.file.parent} is read-only.", "Allow writing to it, or index into another folder."
            )
        with self._writing, self._borrowed() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                _roll_back(connection)

    def close(self) -> None:
        """Close every connection; those in use are closed when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise PinciteError(f"The index {self.file.parent} has been closed.", "Open it again.")
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                connection = self._connect()
            yield connection
        except sqlite3.Error as error:
            raise self._explain(error) from error
        finally:
            if connection is not None:
                with self._lock:
                    keep = not self._closed
                    if keep:
                        self._idle.append(connection)
                if not keep:
                    connection.close()

    def _connect(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self.file.resolve()))}"
        log = self.file.with_name(self.file.name + "-wal")
        if self.readonly and not os.access(self.file.parent, os.W_OK) and not log.exists():
            # Without a place for its shared memory SQLite cannot watch for writers, and there can be none here.
            uri += "?mode=ro&immutable=1"
        else:
            uri += "?mode=ro" if self.readonly else "?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")  # a database from elsewhere runs no functions of its own
            if not self.readonly:
                connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: a crash may lose the last batch, no more
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _explain(self, error: sqlite3.Error) -> PinciteError:
        index = self.file.parent
        text = str(error).lower()
        if "locked" in text or "busy" in text:
            return PinciteError(
                f"Another process has been writing to the index {index} for more than {BUSY_SECONDS:.0f} seconds.",
                "Wait until it is done, then run the same command again.",
            )
        if "full" in text:
            return PinciteError(
                f"The disk is full; the index {index} is as it was before the last batch.",
                "Make room, then run the same command again: it goes on where it stopped.",
            )
        if "readonly" in text or "read-only" in text:
            return PinciteError(f"The index {index} is read-only.", "Allow writing to it, or use another folder.")
        if "unable to open" in text or "disk i/o" in text:
            return PinciteError(f"The index {index} cannot be opened ({error}).", "Check the folder's permissions.")
        if isinstance(error, sqlite3.DatabaseError) and ("malformed" in text or "not a database" in text):
            return PinciteError(
                f"{self.file} is damaged or no index ({error}).",
                f"Make a new one: pincite index PATH... --index {index}.new",
            )
        return PinciteError(f"The index {index} cannot be used ({error}).", f"Run: pincite doctor --index {index}")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
