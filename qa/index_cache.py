"""Where the index of a folder is kept, and whether the folder changed since it was indexed.

There is one index per folder, encoder and passage settings, named after the hash of the three, so that an index
never reads stale after a setting changed. Whether files changed is asked of the file system alone (names, sizes,
times): an unchanged folder costs one walk over it, without opening a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from qa.errors import PinciteError
from qa.settings import Settings

_STATE = "sources.json"


def existing_paths(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the files and folders named; raises PinciteError for one that is not there."""
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise PinciteError("No documents were named.", "Name a file or a folder, for example `--docs seeds`.")
    for path in map(Path, listed):
        if not _exists(path):
            raise PinciteError(
                f"There is no file or folder {str(path)!r}.",
                "Name documents that exist with `--docs PATH`, or ask an existing index with `--index DIR`.",
            )
    return [Path(path) for path in listed]


def cached_index(paths: Sequence[Path], settings: Settings) -> Path:
    """Return the directory in the user's cache folder that holds the index of these documents."""
    root = settings.cache
    if root is None:
        from platformdirs import user_cache_path

        root = user_cache_path("pincite", appauthor=False)
    named = [str(path.resolve()) for path in paths]
    key = json.dumps([named, settings.encoder, settings.passages.size, settings.passages.overlap])
    label = re.sub(r"[^\w.-]+", "-", Path(named[0]).name)[:40]
    return root / "indexes" / f"{label}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def listing(paths: Sequence[Path]) -> str:
    """Return a hash of the names, sizes and times of all files that could be documents."""
    digest = hashlib.sha256()
    for path in paths:
        root = str(path.resolve())
        for name, status in _files(path):
            entry = (root, name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)
            digest.update(json.dumps(entry).encode())
    return digest.hexdigest()


def is_fresh(index: Path, listed: str, revision: int) -> bool:
    """Return whether ``index`` was made of these files and nobody changed it since."""
    try:
        state = json.loads((index / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(state == {"listing": listed, "revision": revision})


def remember(index: Path, listed: str, revision: int) -> None:
    """Note what ``index`` was made of; without permission to write the next start compares contents again."""
    temporary = index / f"{_STATE}.{os.getpid()}"
    with suppress(OSError):
        temporary.write_text(json.dumps({"listing": listed, "revision": revision}), encoding="utf-8")
        temporary.replace(index / _STATE)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or one with a null character
        return False


def _files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    if path.is_file():
        yield path.name, path.stat()
        return
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                whole = os.path.join(folder, name)
                with suppress(OSError):  # gone since it was listed, or a broken link
                    yield os.path.relpath(whole, path), os.stat(whole)
