"""VectorIndex: FAISS over the stored vectors. A derived file: rebuilt whenever it is missing, damaged or behind."""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from embeddings.errors import PinciteError

if TYPE_CHECKING:
    from embeddings.store import Store

VECTORS_FILE = "vectors.faiss"
EXACT_LIMIT = 100_000  # passages up to which every vector is compared: 15 ms a question at 384 dimensions
_MAGIC = b"PINCITE1"
_HEADER = struct.Struct("<8sqqq32s")  # magic, revision, exact limit, probes, SHA-256 of what follows

Neighbours = list[tuple[int, float]]


class VectorIndex:
    """Nearest passages by cosine. Exact up to ``exact_limit`` passages, inverted lists (IVF) beyond.

    ``revision`` is the store's at the time of building: when the store's differs, open the index again. Safe to
    share between threads.
    """

    def __init__(self, store: Store, index: Any, revision: int, probes: int) -> None:
        self.revision = revision
        self._store = store
        self._index = index
        self._probes = probes  # 0 for an exact index

    @classmethod
    def open(cls, store: Store, *, exact_limit: int = EXACT_LIMIT) -> VectorIndex:
        """Load ``vectors.faiss``, or build it from the stored vectors and save it; no model is run."""
        file = store.path / VECTORS_FILE
        revision = store.revision()
        loaded = _load(file, revision, exact_limit)
        if loaded is not None and loaded[0].d == store.manifest.dimension:
            return cls(store, loaded[0], revision, loaded[1])
        revision, ids, vectors = store.vectors()
        index, probes = build(ids, vectors, exact_limit=exact_limit)
        if not store.connections.readonly:
            _save(file, index, revision, exact_limit, probes)
        return cls(store, index, revision, probes)

    @property
    def exact(self) -> bool:
        """Whether every vector is compared."""
        return self._probes == 0

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, queries: npt.NDArray[np.float32], k: int, ids: Sequence[int] | None = None) -> list[Neighbours]:
        """Return for every row of ``queries``, (n, d) unit vectors, at most ``k`` (passage id, cosine), best first.

        ``ids`` limits the search to these passages. Equal cosines are ordered by id.
        """
        dimension = self._store.manifest.dimension
        if queries.ndim != 2 or queries.shape[1] != dimension:
            raise PinciteError(f"Vectors of shape {queries.shape} do not fit an index of {dimension} dimensions.")
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if ids is not None:
            return self._among(queries, k, ids)
        k = min(k, len(self))
        if k < 1:
            return [[] for _ in queries]
        import faiss

        parameters = faiss.SearchParametersIVF(nprobe=self._probes) if self._probes else None
        scores, found = self._index.search(queries, k, params=parameters)
        return [_sorted(*row) for row in zip(found, scores, strict=True)]

    def _among(self, queries: npt.NDArray[np.float32], k: int, ids: Sequence[int]) -> list[Neighbours]:
        """Compare with the vectors of some passages, which is exact and needs no index."""
        _, numbers, vectors = self._store.vectors(ids)
        scores = queries @ vectors.T
        best = np.argsort(-scores, axis=1, kind="stable")[:, : max(k, 0)]
        return [_sorted(numbers[row], scores[i, row]) for i, row in enumerate(best)]


def build(
    ids: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32], *, exact_limit: int = EXACT_LIMIT
) -> tuple[Any, int]:
    """Return a FAISS index of unit ``vectors``, (n, d), under ``ids``, and the lists to probe (0: exact).

    Beyond ``exact_limit`` about 4 * sqrt(n) inverted lists are trained (https://github.com/facebookresearch/faiss/wiki,
    "Guidelines to choose an index"), and as many are probed as a sample of the vectors, blurred so that they lie as far
    from their neighbours as questions do, needs for a recall@10 of 0.99 against exact search.
    """
    import faiss

    dimension = int(vectors.shape[1])
    if len(ids) <= exact_limit:
        index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        if len(ids):
            index.add_with_ids(vectors, ids)
        return index, 0
    lists = int(4 * math.sqrt(len(ids)))
    generator = np.random.default_rng(0)
    sample = vectors[generator.choice(len(ids), size=min(len(ids), 40 * lists), replace=False)]
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 8
    index.cp.seed = 1
    index.cp.min_points_per_centroid = 1
    index.train(sample)
    index.add_with_ids(vectors, ids)
    return index, _probes_needed(index, ids, vectors, generator)


def _probes_needed(
    index: Any, ids: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32], generator: np.random.Generator
) -> int:
    import faiss

    chosen = vectors[generator.choice(len(ids), size=min(len(ids), 400), replace=False)]
    noise = generator.standard_normal(chosen.shape).astype(np.float32)
    blurred = chosen + noise / np.linalg.norm(noise, axis=1, keepdims=True)
    blurred /= np.linalg.norm(blurred, axis=1, keepdims=True)
    _, positions = faiss.knn(blurred, vectors, 10, metric=faiss.METRIC_INNER_PRODUCT)
    wanted = ids[positions]
    probes = 4
    while probes < index.nlist:
        _, found = index.search(blurred, 10, params=faiss.SearchParametersIVF(nprobe=probes))
        hits = sum(len(np.intersect1d(*pair)) for pair in zip(found, wanted, strict=True))
        if hits >= 0.99 * wanted.size:
            return probes
        probes = math.ceil(probes * 1.3)
    return int(index.nlist)


def _sorted(ids: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> Neighbours:
    pairs = [(int(i), float(score)) for i, score in zip(ids, scores, strict=True) if i >= 0]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _load(file: Path, revision: int, exact_limit: int) -> tuple[Any, int] | None:
    """Return the index and its probes if the file is whole and of this revision."""
    import faiss

    try:
        data = file.read_bytes()
        magic, of_revision, limit, probes, checksum = _HEADER.unpack_from(data)
    except (OSError, struct.error):
        return None
    payload = memoryview(data)[_HEADER.size :]
    # FAISS notices a file that is cut short, not one that is damaged inside.
    if (magic, of_revision, limit) != (_MAGIC, revision, exact_limit) or hashlib.sha256(payload).digest() != checksum:
        return None
    return faiss.deserialize_index(np.frombuffer(payload, dtype=np.uint8)), int(probes)


def _save(file: Path, index: Any, revision: int, exact_limit: int, probes: int) -> None:
    """Write the file whole or not at all; without room or permission the next start builds it again."""
    import faiss

    payload = faiss.serialize_index(index).tobytes()
    header = _HEADER.pack(_MAGIC, revision, exact_limit, probes, hashlib.sha256(payload).digest())
    draft = file.with_name(f"{VECTORS_FILE}.{os.getpid()}")
    try:
        with open(draft, "wb") as handle:
            handle.write(header)
            handle.write(payload)
        draft.replace(file)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
