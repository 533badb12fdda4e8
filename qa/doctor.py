"""Checks of an installation and of an index; every failed check names the command that fixes it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.errors import PinciteError

if TYPE_CHECKING:
    from qa.reader import Reader
    from qa.settings import Settings

# What a question needs; the page, the evaluation and the file formats need more, and say so themselves.
_PACKAGES = ("torch", "transformers", "tokenizers", "faiss-cpu", "numpy", "pydantic-settings", "rapidfuzz", "gradio")
_INSTALL = "pip install -c constraints.txt -e ."


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; ``remedy`` is empty where it passed."""

    name: str
    passed: bool
    message: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the check's fields."""
        return asdict(self)


def examine(index: Path | None, settings: Callable[[], Settings]) -> list[Check]:
    """Check the installation, and the index if one is named.

    ``settings`` reads the settings, so that what is wrong with them is a check too.
    """
    checks = [_attempt("settings", lambda: _settings(settings), "Correct pincite.toml or the environment.")]
    checks += _packages()
    if not all(check.passed for check in checks):
        return checks
    chosen = settings()
    checks.append(_attempt("encoder", lambda: _encoder(chosen), _INSTALL))
    readers: list[Reader] = []
    checks.append(_attempt("reader", lambda: _reader(chosen, readers), _INSTALL))
    for reader in readers:
        checks.append(_attempt("calibration", partial(_calibration, reader), "python -m qa.reader.calibrate"))
    if index is not None:
        checks += _index(index, chosen)
    return checks


class _Failed(Exception):
    """A check that did not pass; its text says why."""


def _attempt(name: str, check: Callable[[], str], remedy: str) -> Check:
    """Run a check: its sentence when it passes, else the error's, with the error's own hint or ``remedy``."""
    try:
        return Check(name, True, check())
    except PinciteError as error:
        return Check(name, False, error.message, error.hint or remedy)
    except Exception as error:  # a damaged installation fails in ways that no list foresees
        text = " ".join(str(error).split())
        return Check(name, False, text if isinstance(error, _Failed) else f"{type(error).__name__}: {text}", remedy)


def _settings(settings: Callable[[], Settings]) -> str:
    chosen = settings()
    models = f"encoder {chosen.encoder}, reader {chosen.reader}"
    return f"{models}, {chosen.retrieval} retrieval, {chosen.top_k} passages read"


def _packages() -> Iterator[Check]:
    for name in _PACKAGES:
        try:
            yield Check(f"package {name}", True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(f"package {name}", False, "is not installed", _INSTALL)


def _encoder(settings: Settings) -> str:
    import numpy as np

    from qa import index_cache

    encoder = index_cache.load_encoder(settings.encoder)
    same, other = encoder.encode(["A treaty was signed.", "A treaty was signed."]), encoder.encode(["Bread is baked."])
    if not np.allclose(np.linalg.norm(same, axis=1), 1, atol=1e-3) or same[0] @ same[1] <= same[0] @ other[0]:
        raise _Failed(f"{settings.encoder} does not tell sentences apart: its weights are damaged")
    return f"{settings.encoder} ({encoder.fingerprint}), {encoder.dimension} dimensions"


def _reader(settings: Settings, loaded: list[Reader]) -> str:
    from qa.reader import load_reader

    reader = load_reader(settings.reader)
    loaded.append(reader)
    passage = "The treaty was signed in Vienna in 1815 by eight powers."
    spans = reader.read([("Where was the treaty signed?", passage)])[0].spans
    if not spans:
        raise _Failed(f"{settings.reader} finds nothing in a plain sentence: its weights are damaged")
    said = passage[spans[0].start : spans[0].end]
    return f"{settings.reader} ({reader.fingerprint[:16]}) reads; to a test question it says {said!r}"


def _calibration(reader: Reader) -> str:
    from qa.reader.calibration import Calibration

    calibration = reader.calibration
    if calibration == Calibration.default():
        raise _Failed("the reader has none, so its confidence is a rule of thumb")
    if not 0 <= calibration.threshold <= 1:
        raise _Failed(f"its threshold {calibration.threshold} is no probability")
    return f"answers from a confidence of {calibration.threshold:.2f} on; fitted on {calibration.fitted_on}"


def _index(path: Path, settings: Settings) -> list[Check]:
    from embeddings.store import Store
    from embeddings.vector_index import VECTORS_FILE, VectorIndex
    from qa import index_cache

    again = f"pincite index PATH... --index {path}.new"

    def opens() -> str:
        with closing(Store.open(path)) as store:
            records = store.documents()
            passages = sum(record.passages for record in records)
            return f"format {store.manifest.format}, {len(records)} documents, {passages:,} passages"

    def fits() -> str:
        store, encoder = index_cache.open_checked(path, None, settings)
        store.close()
        return f"made with {encoder.name} ({encoder.fingerprint}), as chosen"

    def holds() -> str:
        with closing(Store.open(path)) as store:
            faults = list(store.check())
        if faults:
            raise _Failed(f"{len(faults)} faults, the first: {faults[0]}")
        return "every passage quotes its document and has its vector"

    def vectors() -> str:
        with closing(Store.open(path)) as store:
            before = _stamp(path / VECTORS_FILE)
            found, passages = len(VectorIndex.open(store)), len(store.passage_ids())
            if found != passages:
                raise _Failed(f"it finds {found:,} of {passages:,} passages")
            if _stamp(path / VECTORS_FILE) != before:
                return "was missing, damaged or behind, and has been built again"
            return f"whole, {found:,} vectors"

    def full_text() -> str:
        with closing(Store.open(path)) as store:
            if store.connections.readonly:
                return "not checked: the index is read-only"
            with store.connections.writing() as connection:  # compares the full text with the passages; writes nothing
                connection.execute("INSERT INTO passages_fts (passages_fts, rank) VALUES ('integrity-check', 1)")
        return "every word of every passage can be found"

    checks = [_attempt("index", opens, again)]
    if checks[0].passed:
        checks.append(_attempt("index encoder", fits, again))
        checks.append(_attempt("index content", holds, again))
        checks.append(_attempt("index full text", full_text, again))
        checks.append(_attempt("index vectors", vectors, again))
    return checks


def _stamp(file: Path) -> int | None:
    return file.stat().st_mtime_ns if file.exists() else None
