"""Uploaded files: untrusted names and bytes. The index keeps their text; the files themselves are not kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from embeddings.documents import Document, Skipped, load_bytes
from embeddings.errors import PinciteError
from embeddings.formats import MAX_BYTES
from embeddings.indexing import IndexReport, add_documents, remove_documents

if TYPE_CHECKING:
    from embeddings.encoder import Encoder
    from embeddings.store import Store

MAX_FILES = 500
MAX_NAME = 120
FOLDER = "uploads"
"""First part of an uploaded document's name, so that it never meets a document of the indexed folders."""

Progress = Callable[[str, int, int], None]
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


def safe_name(name: str) -> str:
    """Return the last part of a file name, without anything that could lead elsewhere or hide a file."""
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    base = _UNSAFE.sub("_", base).strip(" .")
    stem, dot, suffix = base.rpartition(".")
    if not dot:
        stem, suffix = base, ""
    suffix = suffix[:12]
    stem = stem.encode("utf-8", "replace")[: MAX_NAME - len(suffix) - 1].decode("utf-8", "ignore").rstrip(" .")
    return f"{stem or 'document'}.{suffix}" if suffix else stem or "document"


def shown_name(name: str) -> str:
    """Return an uploaded document's name as its owner knows it."""
    return name.removeprefix(f"{FOLDER}/")


def check_upload(paths: Sequence[Path]) -> None:
    """Raise PinciteError when there are too many files or one is too large."""
    if len(paths) > MAX_FILES:
        raise PinciteError(f"{len(paths):,} files were chosen; at most {MAX_FILES} are taken at a time.")
    for path in paths:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise PinciteError(
                f"{safe_name(path.name)} is too large ({size / 2**20:.0f} MiB; {MAX_BYTES // 2**20} MiB is the limit)."
            )


def read_upload(
    paths: Sequence[Path], progress: Progress, cancelled: Callable[[], bool]
) -> tuple[list[Document], list[Skipped]]:
    """Read uploaded files into documents named ``uploads/...``; what cannot be read comes back with its reason."""
    documents: list[Document] = []
    skipped: list[Skipped] = []
    taken: set[str] = set()
    for done, path in enumerate(paths):
        if cancelled():
            break
        name = _free_name(safe_name(path.name), taken)
        taken.add(name)
        progress(f"Reading {name}", done, len(paths))
        try:
            documents.append(load_bytes(f"{FOLDER}/{name}", path.read_bytes()))
        except PinciteError as error:
            skipped.append(Skipped(name, error.message.removeprefix(f"{FOLDER}/{name} was skipped: ")))
    return documents, skipped


def _free_name(name: str, taken: set[str]) -> str:
    """Tell files of one upload apart that have the same name, as in the folders of a chosen folder."""
    path, number, free = PurePosixPath(name), 2, name
    while free in taken:
        free = f"{path.stem} ({number}){path.suffix}"
        number += 1
    return free


def add_upload(
    store: Store,
    encoder: Encoder,
    documents: Sequence[Document],
    progress: Progress,
    cancelled: Callable[[], bool],
) -> IndexReport:
    """Index documents that were read; a name uploaded again replaces the earlier document.

    Cancelling, or an error, leaves the index with the documents that it had before.
    """
    known = {record.name: record.hash for record in store.documents()}
    replaced = [store.document(new.name) for new in documents if known.get(new.name, new.hash) != new.hash]
    report = None
    try:
        report = add_documents(store, documents, encoder, progress=progress, cancelled=cancelled)
    finally:
        if report is None or report.cancelled:
            remove_documents(store, [new.name for new in documents if new.name not in known])
            add_documents(store, replaced, encoder)
    return report
