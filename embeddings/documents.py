"""Document, and loading files and folders: .txt .md .html .pdf .docx.

What cannot be read is yielded as :class:`Skipped` with its reason, and the rest goes on. Links that lead
out of a folder are not followed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from embeddings.errors import PinciteError
from embeddings.formats import MAX_BYTES, Unreadable, extract

FORMATS = {
    ".txt": "txt",
    ".text": "txt",
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
_SUPPORTED = ".docx, .html, .md, .pdf and .txt"
INDEX_FILE = "index.sqlite"  # a folder that holds one is an index, never a folder of documents


@dataclass(frozen=True, slots=True)
class Document:
    """A document's text and where it is from.

    ``name`` is the posix path relative to the folder; ``format`` one of txt, md, html, pdf, docx; ``hash``
    the SHA-256 (hex) of the file's bytes. Offsets count code points in ``text``: for txt and md the file
    decoded as UTF-8 (a BOM dropped, newlines untouched), else the extracted text. ``page_starts`` holds the
    offset of each page's first character (PDF only).
    """

    name: str
    title: str
    text: str
    format: str
    hash: str
    page_starts: tuple[int, ...] = ()

    def page_of(self, offset: int) -> int | None:
        """Return the 1-based page that holds ``offset``, or None for a format without pages."""
        return max(1, bisect_right(self.page_starts, offset)) if self.page_starts else None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that could not be read; ``reason`` completes the sentence "NAME was skipped: ...".

    ``refused`` says that the system would not let it be read, which tells nothing of its content.
    """

    name: str
    reason: str
    refused: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file found on disk; ``stamp`` changes when its size, content time or inode data change."""

    name: str
    path: Path
    stamp: str


def load_documents(paths: Sequence[str | Path]) -> Iterator[Document | Skipped]:
    """Yield the documents of files and folders, in sorted order; hidden files are left out.

    Raises:
        PinciteError: a path does not exist.
    """
    for found in find_files(paths):
        if isinstance(found, Skipped):
            yield found
            continue
        try:
            yield load_bytes(found.name, read_bytes(found))
        except PinciteError as error:
            yield Skipped(found.name, error.message.removeprefix(f"{found.name} was skipped: "))


def load_bytes(name: str, data: bytes) -> Document:
    """Return the document that ``data``, the content of a file called ``name``, holds.

    Raises:
        PinciteError: the format is not supported, or nothing can be read from the data.
    """
    kind = FORMATS.get(PurePath(name).suffix.lower())
    try:
        if kind is None:
            raise Unreadable(_unsupported(name))
        found = extract(data, kind)
    except Unreadable as error:
        raise PinciteError(f"{name} was skipped: {error}") from error
    title = found.title or PurePath(name).stem
    return Document(name, title, found.text, kind, hashlib.sha256(data).hexdigest(), found.page_starts)


def find_files(paths: Sequence[str | Path]) -> Iterator[SourceFile | Skipped]:
    """Yield the supported files below ``paths``, sorted within each, every file once; and what was passed over.

    Raises:
        PinciteError: a path does not exist.
    """
    roots = [Path(path).expanduser() for path in paths]
    for root in roots:
        if not root.exists():
            raise PinciteError(f"There is no file or folder at {root}.", "Check the path given as the documents.")
    seen: set[Path] = set()
    for root in roots:
        candidates: list[tuple[str, Path | Skipped]] = _walk(root) if root.is_dir() else [(root.name, root)]
        for name, item in candidates:
            found = item if isinstance(item, Skipped) else _inspect(name, item, root)
            if isinstance(found, SourceFile):
                real = found.path.resolve()
                if real in seen:
                    continue
                seen.add(real)
            yield found


def read_bytes(file: SourceFile) -> bytes:
    """Return a found file's content, at most ``MAX_BYTES`` of it plus one byte.

    Raises:
        PinciteError: the system refuses to read it.
    """
    try:
        with open(file.path, "rb") as handle:
            return handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise PinciteError(f"{file.name} was skipped: {_refusal(error)}") from error


def _walk(root: Path) -> list[tuple[str, Path | Skipped]]:
    """Return (name, path) of the files below ``root``, sorted by name, and Skipped for folders left out."""
    found: list[tuple[str, Path | Skipped]] = []

    def name_of(path: Path) -> str:
        return path.relative_to(root).as_posix() if path != root else root.name

    def refuse(error: OSError) -> None:
        name = name_of(Path(error.filename))
        found.append((name, Skipped(name, _refusal(error), refused=True)))

    for folder, folders, files in os.walk(root, onerror=refuse):
        here = Path(folder)
        for name in folders:
            if (here / name).is_symlink() and not name.startswith("."):
                link = name_of(here / name)
                found.append((link, Skipped(link, "links to folders are not followed.")))
        folders[:] = [name for name in folders if not (name.startswith(".") or (here / name / INDEX_FILE).exists())]
        found.extend((name_of(here / name), here / name) for name in files if not name.startswith("."))
    return sorted(found, key=lambda item: item[0])


def _inspect(name: str, path: Path, root: Path) -> SourceFile | Skipped:
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # file names need not be UTF-8
    try:
        status = path.stat()
        if path.is_symlink() and root.is_dir() and not path.resolve().is_relative_to(root.resolve()):
            return Skipped(name, "it is a link that leads out of the folder.")
    except (OSError, RuntimeError) as error:
        if path.is_symlink() and not isinstance(error, PermissionError):
            return Skipped(name, "it is a broken link.")
        return Skipped(name, _refusal(error), refused=True)
    if not stat.S_ISREG(status.st_mode):
        return Skipped(name, "it is not a regular file.")
    if path.suffix.lower() not in FORMATS:
        return Skipped(name, _unsupported(name))
    if status.st_size > MAX_BYTES:
        size = f"{status.st_size / 2**20:.0f} MiB; {MAX_BYTES // 2**20} MiB is the limit"
        return Skipped(name, f"it is too large ({size}).")
    return SourceFile(name, path, f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}")


def _unsupported(name: str) -> str:
    suffix = PurePath(name).suffix
    what = f"its format ({suffix}) is not supported" if suffix else "it has no file extension"
    return f"{what}; {_SUPPORTED} are."


def _refusal(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "there is no permission to read it."
    return f"the system could not read it ({getattr(error, 'strerror', None) or error})."
