"""Where a document came from: which file it is, what it is called in the index, and whether it changed or is gone."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from embeddings.documents import SourceFile
from embeddings.errors import PinciteError

_RACY_NS = 2_000_000_000  # a file changed this shortly before it was read may change again without a new time stamp


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document came from: the folder or file named, the file's real path, its stamp; "" if from memory."""

    source: str = ""
    path: str = ""
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a document."""

    hash: str
    origin: Origin


def source_of(path: Path) -> str:
    return str(path.expanduser().resolve())


def wider_source(source: str, before: Known | None, path: str) -> str:
    """Return the folder that a file is kept for: the one it is kept for already where that holds the new one too."""
    if before is None or before.origin.path != path or not Path(source).is_relative_to(before.origin.source):
        return source
    return before.origin.source


def free_name(file: SourceFile, source: str, known: Mapping[str, Known], taken: set[str]) -> str:
    """Return the name under which a new file is kept: its own, unless a document from elsewhere has it.

    A document whose file is gone is taken to have moved, so that an index follows a folder that was renamed.
    """
    root = Path(source)
    candidates = [file.name, f"{root.name if root.is_dir() else root.parent.name}/{file.name}"]
    candidates += [f"{number}/{file.name}" for number in range(2, 1000)]
    for name in candidates:
        entry = known.get(name)
        if name not in taken and (entry is None or (entry.origin.path and is_gone(entry.origin.path))):
            return name
    raise PinciteError(f"Too many documents are called {file.name}.", "Rename some of them.")


def is_gone(path: str) -> bool:
    """Return whether there is certainly no such file; one that the system hides may be there."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def settled(origin: Origin) -> Origin:
    """Return the origin without its stamp where the file is so new that a later change might not alter that."""
    modified = int(origin.stamp.split(":")[1])
    return origin if time.time_ns() - modified > _RACY_NS else replace(origin, stamp="")
