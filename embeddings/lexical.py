"""Words as the full-text index sees them: safe match expressions, and stems."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from functools import lru_cache

MAX_TERMS = 128  # a question of 100,000 characters is searched by its first words
_MAX_TERM = 100

_lock = threading.Lock()


def match_expression(terms: Sequence[str]) -> str:
    """Return an FTS5 expression that holds where any of ``terms`` does, "" where there is nothing to look for.

    Every term becomes a quoted string, in which FTS5 knows no operators (https://sqlite.org/fts5.html, section 3.1).
    """
    quoted = []
    for term in dict.fromkeys(terms):
        plain = "".join(c if c.isprintable() and not "\ud800" <= c <= "\udfff" else " " for c in term[:_MAX_TERM])
        if any(c.isalnum() for c in plain):
            quoted.append('"' + plain.replace('"', '""') + '"')
        if len(quoted) == MAX_TERMS:
            break
    return " OR ".join(quoted)


@lru_cache(maxsize=4096)
def stem(term: str) -> str:
    """Return the stem under which the full-text index holds a word: "negotiations" -> "negoti"."""
    with _lock:
        connection = _tokenizer()
        connection.execute("DELETE FROM words")
        connection.execute("INSERT INTO words VALUES (?)", (term[:_MAX_TERM],))
        found = connection.execute("SELECT term FROM vocabulary ORDER BY offset LIMIT 1").fetchone()
    return str(found[0]) if found else ""


@lru_cache(maxsize=1)
def _tokenizer() -> sqlite3.Connection:
    # SQLite has no function that shows a token, but an index of one word does.
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute(
        """CREATE VIRTUAL TABLE words USING fts5 (text, tokenize="porter unicode61 remove_diacritics 2")"""
    )
    connection.execute("CREATE VIRTUAL TABLE vocabulary USING fts5vocab('words', 'instance')")
    return connection
