"""SentenceEncoder with the real weights of the bundled model, and the errors of models that are not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from embeddings import encoder as module
from embeddings.encoder import SentenceEncoder
from embeddings.errors import PinciteError
from embeddings.model_files import model_directory

TEXTS = [
    "When did Russia leave the peace treaty talks?",
    "In March 2022, the Russian Foreign Ministry announced that Moscow was ceasing peace treaty negotiations.",
    "A recipe for apple cake with cinnamon.",
    "",
    "word " * 600,
]


@pytest.fixture(scope="module")
def minilm() -> SentenceEncoder:
    return SentenceEncoder("minilm")


def test_rows_are_unit_vectors_whose_cosines_mean_something(minilm: SentenceEncoder) -> None:
    vectors = minilm.encode(TEXTS)
    assert vectors.shape == (5, minilm.dimension) == (5, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > 0.2 > vectors[0] @ vectors[2]
    assert minilm.encode([]).shape == (0, 384)


def test_vectors_are_those_of_sentence_transformers(minilm: SentenceEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(model_directory("minilm")), device="cpu")
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    assert (minilm.encode(TEXTS) * expected).sum(axis=1).min() > 0.9995  # bf16, where the machine has it
    general = minilm._load_sentence_transformer()
    assert (general(TEXTS) * expected).sum(axis=1).min() > 0.9995
    assert np.linalg.norm(general(TEXTS), axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_fp32_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SentenceTransformer

    monkeypatch.setattr(module, "cpu_multiplies_bf16", lambda: False)
    reference = SentenceTransformer(str(model_directory("minilm")), device="cpu")
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    assert SentenceEncoder("minilm").encode(TEXTS) == pytest.approx(expected, abs=2e-6)


def test_order_and_threads_do_not_matter_and_progress_is_told(minilm: SentenceEncoder) -> None:
    texts = [f"Sentence number {i} " + "goes on and on " * (i % 9) for i in range(70)]
    steps: list[tuple[int, int]] = []
    vectors = minilm.encode(texts, progress=lambda *step: steps.append(step))
    done = [step for step, _ in steps]
    assert done == sorted(set(done))
    assert len(done) > 1
    assert steps[-1] == (70, 70)
    assert (minilm.encode(texts) == vectors).all()
    backwards = minilm.encode(texts[::-1])[::-1]
    assert (backwards * vectors).sum(axis=1).min() > 0.9995
    results: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=lambda n=n: results.update({n: minilm.encode(texts)})) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((result == vectors).all() for result in results.values())
    assert len(results) == 3


def test_token_spans_are_offsets_without_special_tokens(minilm: SentenceEncoder) -> None:
    text = "Kurils — é 😀 unbelievably"
    words = [text[start:end] for start, end in minilm.token_spans(text)]
    assert words == ["Ku", "ril", "s", "—", "é", "😀", "un", "bel", "ie", "va", "bly"]
    assert len(minilm.token_spans("word " * 1000)) == 1000  # neither cut nor padded
    assert minilm.max_tokens == 254
    assert minilm.token_spans("") == []


def test_nothing_heavy_is_imported_before_the_first_text() -> None:
    code = (
        "import sys; from embeddings.encoder import SentenceEncoder; e = SentenceEncoder();"
        "e.token_spans('some text'); e.fingerprint;"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers', 'faiss', 'lxml') if m in sys.modules]);"
        "e.encode(['text']); print('sentence_transformers' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "False"]


def test_the_fingerprint_follows_the_weights(minilm: SentenceEncoder, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(model_directory("minilm"), copy)
    assert SentenceEncoder(str(copy)).fingerprint == minilm.fingerprint == SentenceEncoder("minilm").fingerprint
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    for place in range(4096, len(data), 4096):  # another training changes weights everywhere
        data[place] ^= 1
    weights.write_bytes(data)
    assert SentenceEncoder(str(copy)).fingerprint != minilm.fingerprint
    shutil.copy(model_directory("minilm") / "model.safetensors", weights)
    (copy / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 384, "pooling_mode": "cls"})
    )
    other = SentenceEncoder(str(copy))
    assert other.fingerprint != minilm.fingerprint
    assert other.encode(["text"])[0] @ minilm.encode(["text"])[0] < 0.99


def test_a_model_that_is_not_there_is_an_error_that_says_what_is_valid(tmp_path: Path) -> None:
    for name in ("no-such-model", "someone/no-such-model", "./no/where", str(tmp_path / "gone")):
        with pytest.raises(PinciteError) as error:
            SentenceEncoder(name)
        assert name in str(error.value)
        assert "minilm" in error.value.hint
    with pytest.raises(PinciteError, match="not a sentence-transformers model"):
        SentenceEncoder(str(tmp_path))
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(PinciteError, match="cannot be read as JSON"):
        SentenceEncoder(str(tmp_path))
