"""VectorIndex: exact and approximate search, and a derived file that is never trusted more than the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from embeddings import vector_index
from embeddings.documents import Document
from embeddings.errors import PinciteError
from embeddings.passages import PassageSettings
from embeddings.store import Store, add_documents, remove_documents
from embeddings.vector_index import VECTORS_FILE, VectorIndex, build
from tests.fakes import FakeEncoder

Vectors = npt.NDArray[np.float32]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "x.pincite", FakeEncoder(), PassageSettings(32, 8))
    texts = {f"d{i}": f"The {word} stands here. It is old." for i, word in enumerate("ash elm fir oak yew".split())}
    add_documents(store, [Document(n, n, text, "txt", text) for n, text in texts.items()], FakeEncoder())
    return store


def unit(vectors: Vectors) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(count: int, dimension: int = 32, seed: int = 0) -> Vectors:
    """Return vectors that lie in groups, as those of texts do."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((count // 50, dimension))
    return unit(
        centres[generator.integers(len(centres), size=count)] + 0.6 * generator.standard_normal((count, dimension))
    )


def test_search_is_exact_and_ordered(store: Store) -> None:
    index = VectorIndex.open(store)
    assert (len(index), index.exact, index.revision) == (5, True, store.revision())
    queries = FakeEncoder().encode(["Where is the fir?", "old oak"])
    _, ids, vectors = store.vectors()
    for row, found in zip(queries @ vectors.T, index.search(queries, 3), strict=True):
        expected = sorted(zip(ids.tolist(), row.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))[:3]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-6)
        assert [(score, -number) for number, score in found] == sorted([(s, -n) for n, s in found], reverse=True)
        assert found[0][0] == expected[0][0]
    assert store.passages([index.search(queries, 1)[1][0][0]])[0].document == "d3"


def test_more_than_there_is_and_nothing_at_all(store: Store, tmp_path: Path) -> None:
    index = VectorIndex.open(store)
    query = FakeEncoder().encode(["yew"])
    assert len(index.search(query, 100)[0]) == 5
    assert index.search(query, 0) == [[]]
    assert index.search(query[:0], 5) == []
    assert index.search(query, 5, ids=[]) == [[]]
    with pytest.raises(PinciteError, match=r"shape \(1, 7\) do not fit an index of 128 dimensions"):
        index.search(np.zeros((1, 7), dtype=np.float32), 5)
    empty = VectorIndex.open(Store.create(tmp_path / "empty", FakeEncoder(), PassageSettings()))
    assert empty.search(query, 5) == [[]]
    assert len(empty) == 0


def test_search_among_some_passages(store: Store) -> None:
    index = VectorIndex.open(store)
    query = FakeEncoder().encode(["yew and elm"])
    whole = index.search(query, 5)[0]
    some = store.passage_ids(["d0", "d2", "d4"])
    (found,) = index.search(query, 2, ids=[*some, 12_345])
    expected = [pair for pair in whole if pair[0] in some][:2]
    assert [number for number, _ in found] == [number for number, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-6)


def test_the_file_is_loaded_when_it_is_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    VectorIndex.open(store)
    monkeypatch.setattr(vector_index, "build", lambda *_, **__: pytest.fail("built again"))
    assert len(VectorIndex.open(store)) == 5


@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "flipped", "header", "garbage"])
def test_a_missing_or_damaged_file_is_rebuilt(store: Store, harm: str) -> None:
    query = FakeEncoder().encode(["yew"])
    expected = VectorIndex.open(store).search(query, 5)
    file = store.path / VECTORS_FILE
    good = file.read_bytes()
    if harm == "missing":
        file.unlink()
    else:
        flipped = bytearray(good)
        flipped[-100] ^= 1
        header = bytearray(good)
        header[10] ^= 1
        damaged = {"empty": b"", "cut": good[:-40], "flipped": flipped, "header": header, "garbage": b"x" * 5_000}
        file.write_bytes(damaged[harm])
    assert VectorIndex.open(store).search(query, 5) == expected
    assert file.read_bytes() == good
    assert [path.name for path in store.path.glob("*faiss*")] == [VECTORS_FILE]


def test_a_file_that_is_behind_is_rebuilt(store: Store) -> None:
    query = FakeEncoder().encode(["willow"])
    VectorIndex.open(store)
    remove_documents(store, ["d1"])
    add_documents(store, [Document("new", "n", "A willow.", "txt", "h")], FakeEncoder())
    index = VectorIndex.open(store)
    best, _ = index.search(query, 1)[0][0]
    assert store.passages([best])[0].document == "new"
    assert sorted(number for number, _ in index.search(query, 9)[0]) == store.passage_ids()


def test_a_file_that_cannot_be_written_is_done_without(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vector_index, "open", refuse, raising=False)
    assert len(VectorIndex.open(store)) == 5
    assert list(store.path.glob("*faiss*")) == []
    readonly = Store.open(store.path, readonly=True)
    monkeypatch.undo()
    assert len(VectorIndex.open(readonly)) == 5
    assert list(store.path.glob("*faiss*")) == []


def test_beyond_the_limit_search_is_approximate_with_recall_of_097() -> None:
    vectors = clustered(6_000)
    ids = np.arange(10, 6_010, dtype=np.int64)
    index, probes = build(ids, vectors, exact_limit=5_000)
    assert 0 < probes < index.nlist
    # Questions lie further from their passages than passages from each other.
    generator = np.random.default_rng(1)
    queries = unit(vectors[::60] + 0.12 * generator.standard_normal((100, 32)))
    exact = ids[np.argsort(-(queries @ vectors.T), axis=1)[:, :10]]
    import faiss

    _, found = index.search(queries, 10, params=faiss.SearchParametersIVF(nprobe=probes))
    recall = np.mean([len(np.intersect1d(*pair)) / 10 for pair in zip(found, exact, strict=True)])
    assert recall >= 0.97


def test_an_approximate_index_is_saved_loaded_and_filtered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"w{i}x{i % 7} tree{i % 11}" for i in range(300)]
    add_documents(store, [Document(w, w, f"The {w} stands.", "txt", w) for w in words], FakeEncoder())
    made = VectorIndex.open(store, exact_limit=100)
    monkeypatch.setattr(vector_index, "build", lambda *_, **__: pytest.fail("built again"))
    index = VectorIndex.open(store, exact_limit=100)
    assert (made.exact, index.exact, len(index)) == (False, False, 305)
    query = FakeEncoder().encode(["Where is w250x5?"])
    assert index.search(query, 10) == made.search(query, 10)
    queries = FakeEncoder().encode([f"Where is {word}?" for word in words[::10]])
    best = (queries @ store.vectors()[2].T).max(axis=1)
    assert (
        np.mean([found[0][1] > score - 1e-5 for found, score in zip(index.search(queries, 3), best, strict=True)]) > 0.9
    )
    only = store.passage_ids([words[3]])
    assert [number for number, _ in index.search(query, 10, ids=only)[0]] == only
