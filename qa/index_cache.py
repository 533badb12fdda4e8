"""Finding, opening and making the index that is asked.

The cached index of a folder is one per folder, encoder and passage settings, named after the hash of the three, so
that it never reads stale after a setting changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from embeddings.documents import INDEX_FILE
from embeddings.schema import SCHEMA_VERSION
from embeddings.store import IndexReport, Store, index_documents
from qa.errors import PinciteError
from qa.settings import Settings

if TYPE_CHECKING:
    from embeddings.encoder import Encoder


def existing_paths(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the files and folders named; raises PinciteError for one that is not there."""
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise PinciteError("No documents were named.", "Name a file or a folder, for example `--docs seeds`.")
    found = [Path(path).expanduser() for path in listed]
    for path in found:
        if not _exists(path):
            raise PinciteError(
                f"There is no file or folder {str(path)!r}.",
                "Name documents that exist with `--docs PATH`, or ask an existing index with `--index DIR`.",
            )
        if _exists(path / INDEX_FILE):
            raise PinciteError(f"{str(path)!r} is an index, not documents.", f"Ask it with `--index {path}`.")
    return found


def open_checked(path: Path, encoder: Encoder | None, settings: Settings) -> tuple[Store, Encoder]:
    """Open an index with the encoder that made it.

    Raises PinciteError when there is none, or when the encoder given, or a setting given, is not the index's own.
    """
    store = Store.open(path, encoder=encoder)
    try:
        if encoder is None:
            chosen = "encoder" in settings.model_fields_set
            encoder = load_encoder(settings.encoder if chosen else store.manifest.encoder)
            store.check_encoder(encoder)
        made, asked = store.manifest.passages, settings.passages.passage_settings()
        if "passages" in settings.model_fields_set and made != asked:
            raise PinciteError(
                f"The index {path} holds passages of {made.size} tokens that share {made.overlap}, "
                f"not of {asked.size} that share {asked.overlap}.",
                f"Leave the passage settings out, or index again: pincite index PATH... --index {path}.new",
            )
    except BaseException:
        store.close()
        raise
    return store, encoder


def open_or_create(path: Path, encoder: Encoder | None, settings: Settings) -> tuple[Store, Encoder]:
    """Open an index as :func:`open_checked` does, or make an empty one where there is none."""
    if not (path / INDEX_FILE).exists():
        encoder = encoder if encoder is not None else load_encoder(settings.encoder)
        try:
            return Store.create(path, encoder, settings.passages.passage_settings()), encoder
        except PinciteError:
            if not (path / INDEX_FILE).exists():  # else another process was faster
                raise
    return open_checked(path, encoder, settings)


def open_cached(paths: Sequence[Path], encoder: Encoder, settings: Settings) -> Store:
    """Open the cached index of documents, made anew where there is none or where it is damaged."""
    path = cached_index(paths, encoder, settings)
    try:
        return open_or_create(path, encoder, settings)[0]
    except PinciteError as error:
        if not _is_damage(error):
            raise
        shutil.rmtree(path, ignore_errors=True)
        return open_or_create(path, encoder, settings)[0]


def cached_index(paths: Sequence[Path], encoder: Encoder, settings: Settings) -> Path:
    """Return the directory in the user's cache folder that holds the index of these documents."""
    root = settings.cache
    if root is None:
        from platformdirs import user_cache_path

        root = user_cache_path("pincite", appauthor=False)
    named = [str(path.resolve()) for path in paths]
    made_with = [SCHEMA_VERSION, encoder.fingerprint, settings.passages.size, settings.passages.overlap]
    label = re.sub(r"[^\w.-]+", "-", Path(named[0]).name)[:40]
    return root / "indexes" / f"{label}-{hashlib.sha256(json.dumps([named, made_with]).encode()).hexdigest()[:16]}"


def index_paths(
    paths: str | Path | Sequence[str | Path],
    index: str | Path,
    *,
    settings: Settings,
    prune: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
) -> IndexReport:
    """Add or refresh documents in an index that is made when it is missing, and close it again."""
    sources = existing_paths(paths)
    store, encoder = open_or_create(Path(index), None, settings)
    with closing(store):
        return index_documents(store, sources, encoder, prune=prune, progress=progress)


def load_encoder(name: str) -> Encoder:
    """Return an encoder by bundled name, directory or hub id; its weights are loaded when first needed."""
    from embeddings.encoder import SentenceEncoder

    return SentenceEncoder(name)


def _is_damage(error: PinciteError) -> bool:
    """Return whether the database itself is broken, not merely locked, full or out of reach."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, sqlite3.DatabaseError):
            return not isinstance(cause, sqlite3.OperationalError)
        cause = cause.__cause__
    return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or one with a null character
        return False
