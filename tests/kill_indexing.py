"""Kill an indexing process at random moments, and check after each kill that the index is whole.

python tests/kill_indexing.py FOLDER KILLS
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from embeddings import indexing
from embeddings.documents import Document, load_documents
from embeddings.passages import PassageSettings, split_passages
from embeddings.store import Store, index_documents
from embeddings.vector_index import VectorIndex
from tests.fakes import FakeEncoder

SETTINGS = PassageSettings(32, 8)
FILES = 24


def write(folder: Path, number: int, version: int) -> None:
    sentences = (f"Fact {i} of file {number} is version{version} item{i * number}." for i in range(30))
    (folder / f"file{number:02}.txt").write_text(" ".join(sentences))


def start_indexing(path: Path, folder: Path) -> tuple[int, int]:
    """Index in a child process; return its id, and a pipe into which it writes one byte a step."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            indexing.BATCH_PASSAGES = 16
            encoder = FakeEncoder()
            store = Store.open(path) if (path / "index.sqlite").exists() else Store.create(path, encoder, SETTINGS)
            index_documents(store, [folder], encoder, progress=lambda *_: void(os.write(write_end, b".")))
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    return child, read_end


def void(_: object) -> None:
    """Drop a result."""


def kill_somewhere(child: int, steps: int, pipe: int, generator: random.Random) -> bool:
    """Kill a child a random moment after it made so many steps; return False when it ended before."""
    while steps > 0 and (made := os.read(pipe, steps)):
        steps -= len(made)
    time.sleep(generator.choice([0.0, generator.uniform(0, 0.02)]))
    os.kill(child, signal.SIGKILL)
    os.close(pipe)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "indexing failed"
    return os.WIFSIGNALED(status)


def check(path: Path, versions: dict[str, set[str]]) -> int:
    """Assert that an index is whole, every document in one of the states it had; return how many there are."""
    store = Store.open(path, encoder=FakeEncoder())
    faults = list(store.check())
    assert not faults, faults
    records = store.documents()
    for record in records:
        document = store.document(record.name)
        assert document.text in versions[record.name], f"{record.name} holds a text that it never had"
        assert record.passages == len(split_passages(document, FakeEncoder(), SETTINGS))
        fact = document.text.split(" is ")[1].split()[0]
        assert store.search_lexical([fact], 3, documents=[record.name]), f"{record.name} is not found by {fact}"
    store.close()
    return len(records)


def main(base: Path, kills: int) -> None:
    generator = random.Random(7)
    folder, path = base / "docs", base / "x.pincite"
    folder.mkdir()
    versions: dict[str, set[str]] = {}
    for number in range(FILES):
        write(folder, number, 0)
    began = time.perf_counter()
    killed = most = 0
    while killed < kills:
        for file in folder.iterdir():
            versions.setdefault(file.name, set()).add(file.read_text())
        child, pipe = start_indexing(path, folder)
        was_killed = kill_somewhere(child, generator.randint(0, FILES + 12), pipe, generator)
        killed += was_killed
        if (path / "index.sqlite").exists():
            most = max(most, check(path, versions))
        if not was_killed or generator.random() < 0.5:  # there is always something left to do
            for number in generator.sample(range(FILES), 8):
                write(folder, number, killed + 1)
    assert most > FILES // 2, f"only {most} documents were ever indexed between kills"
    child, pipe = start_indexing(path, folder)
    _, status = os.waitpid(child, 0)
    os.close(pipe)
    assert status == 0
    store = Store.open(path)
    current = {document.name: document.text for document in load_documents([folder]) if isinstance(document, Document)}
    assert {record.name: store.document(record.name).text for record in store.documents()} == current
    vectors = VectorIndex.open(store)
    assert len(vectors) == len(store.passage_ids())
    print(f"{killed} kills in {time.perf_counter() - began:.1f} s, at most {most} documents between them")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
