"""The benchmark's own arithmetic, and its corpus; the timings themselves are run by ``make bench``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa import bench


def test_quantiles_and_recall_are_those_of_hand_work() -> None:
    assert bench.quantiles([1.0, 2.0, 3.0, 4.0, 100.0]) == {"p50": 3.0, "p95": 80.8}
    passages = np.eye(6, dtype=np.float32)
    questions = np.array([[1, 0.9, 0.8, 0, 0, 0], [0, 0, 0, 0, 0.5, 1]], dtype=np.float32)
    owners = ["a", "b", "c", "d", "e", "f"]
    assert bench.recall(questions, passages, owners, ["c", "e"], k=2) == 0.5
    assert bench.recall(questions, passages, owners, ["c", "e"], k=3) == 1.0


def test_without_the_shared_data_the_seeds_are_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "SQUAD", tmp_path / "missing.json.gz")
    corpus = bench.load_corpus()
    names = [document.name for document in corpus.documents]
    assert (corpus.name, len(names)) == ("seeds", 5)
    assert corpus.questions
    assert {name for _, name in corpus.questions} <= set(names)
    some = bench.load_corpus(2)
    assert [document.name for document in some.documents] == names[:2]
    assert {name for _, name in some.questions} <= set(names[:2])


def test_squad_paragraphs_are_documents(shared: Path) -> None:
    corpus = bench.load_corpus()
    assert corpus.name == "dev-1.1-a.json.gz"
    texts = {document.name: document.text for document in corpus.documents}
    assert len(texts) == len(corpus.documents) == 776
    assert len(corpus.questions) == 3482
    assert all(name in texts for _, name in corpus.questions)


def test_the_table_says_what_each_figure_is_measured_against() -> None:
    result = {
        "indexing": {
            "passages_per_second": {"plain": 50.0, "encode": 150.0, "index": 125.0},
            "encode_speedup": 3.0,
            "index_speedup": 2.5,
            "recall_at_5": 88.0,
            "recall_at_5_plain": 88.1,
        },
        "cold_start": {"ask_seconds": 4.0, "bare_import_seconds": 2.0, "ratio": 2.0},
    }
    table = bench.rows(result)
    assert ("encoding", "150.0 passages/s", "3.0 x SentenceTransformer.encode, defaults: 50.0/s") in table
    assert ("pincite ask, new process", "4.0 s", "2.0 x `import torch, transformers`: 2.0 s") in table
    assert len(table) == 4
