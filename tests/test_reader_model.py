"""The reader as a whole: loading any directory, reading in batches, and every kind of bad input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, BertModel

from qa.errors import PinciteError
from qa.reader import PassageReading, Reader, load_reader, loading
from qa.reader import reader as reader_module
from qa.reader.calibration import Calibration
from tests.conftest import ROOT
from tests.tiny_readers import CORPUS, save_reader

KINDS = ["bert", "mpnet", "roberta"]
LONG = " ".join(CORPUS * 3)
PAIRS = [
    ("Who paid for the new cut?", LONG),
    ("When?", CORPUS[1]),
    ("Who paid for the new cut?", CORPUS[1]),
    ("Who drowned?", CORPUS[3]),
    ("When?", "Lea 1571"),
]


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save_reader(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.fixture(scope="module", params=KINDS)
def reader(request: pytest.FixtureRequest, directories: dict[str, Path]) -> Reader:
    return load_reader(str(directories[request.param]))


@pytest.fixture
def copy(directories: dict[str, Path], tmp_path: Path) -> Path:
    """A BERT reader's directory that a test may damage."""
    return Path(shutil.copytree(directories["bert"], tmp_path / "reader"))


def same(left: PassageReading, right: PassageReading, tolerance: float) -> bool:
    spans = zip(left.spans, right.spans, strict=False)
    return (
        len(left.spans) == len(right.spans)
        and abs(left.null_score - right.null_score) < tolerance
        and all(abs(one.score - other.score) < tolerance for one, other in spans)
    )


def test_scores_are_the_models_own_logits(directories: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """In fp32, against a plain forward pass and a search over all spans of one window."""
    monkeypatch.setattr(reader_module, "device_and_dtype", lambda: ("cpu", torch.float32))
    question, passage = "Who paid for the new cut?", CORPUS[0]
    for kind, directory in directories.items():
        (reading,) = load_reader(str(directory)).read([(question, passage)])
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
        model = AutoModelForQuestionAnswering.from_pretrained(directory, local_files_only=True).eval()
        inputs = tokenizer(question, passage, return_tensors="pt", return_offsets_mapping=True)
        offsets = inputs.pop("offset_mapping")[0].tolist()
        inside = [place for place, side in enumerate(inputs.sequence_ids(0)) if side == 1]
        with torch.inference_mode():
            output = model(**inputs)
        starts, ends = output.start_logits[0].numpy(), output.end_logits[0].numpy()
        assert reading.null_score == pytest.approx(float(starts[0] + ends[0]), abs=1e-4), kind
        scores = {(i, j): starts[i] + ends[j] for i in inside for j in inside if i <= j < i + 30}
        (i, j), best = max(scores.items(), key=lambda item: item[1])
        assert reading.spans[0].score == pytest.approx(float(best), abs=1e-4), kind
        found = reading.spans[0]
        assert found.start <= offsets[i][0] + 1
        assert passage[found.start : found.end].strip(" .,") in passage
        assert passage[offsets[i][0] : offsets[j][1]].strip(" .,;()“”?") in passage[found.start : found.end]


def test_spans_are_whole_words_of_the_passage(reader: Reader) -> None:
    for (_, passage), reading in zip(PAIRS, reader.read(PAIRS), strict=True):
        assert reading.spans
        for span in reading.spans:
            assert 0 <= span.start < span.end <= len(passage)
            before, after = passage[: span.start][-1:], passage[span.end :][:1]
            assert not (before.isalnum() and passage[span.start].isalnum())
            assert not (after.isalnum() and passage[span.end - 1].isalnum())


def test_batch_and_order_do_not_change_what_is_read(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    together = reader.read(PAIRS)
    assert together == reader.read(PAIRS)
    backwards = reader.read(PAIRS[::-1])[::-1]
    alone = [reader.read([pair])[0] for pair in PAIRS]
    monkeypatch.setattr(reader_module, "CHUNK_PAIRS", 2)
    chunked = reader.read(PAIRS)
    for one, *others in zip(together, backwards, alone, chunked, strict=True):
        assert all(same(one, other, 0.35) for other in others)  # bf16, with logits up to 30


def test_a_long_passage_is_read_to_its_end(reader: Reader) -> None:
    filler = "tea and bread " * 60
    reading = reader.read([("Who?", filler + LONG)])[0]
    assert any(span.start > len(filler) for span in reading.spans)
    windows = [reader.read([("Who?", text)])[0].null_score for text in (filler, LONG)]
    assert reading.null_score <= max(windows) + 0.35


def test_threads_share_a_reader(reader: Reader) -> None:
    expected = reader.read(PAIRS)
    found: list[list[PassageReading]] = []
    threads = [threading.Thread(target=lambda: found.append(reader.read(PAIRS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_nothing_to_read_is_nothing_read(reader: Reader) -> None:
    assert reader.read([]) == []


@pytest.mark.parametrize("passage", ["", "   \r\n", "!!! ??? … — 👍"])
def test_a_passage_without_a_word_is_an_honest_no_answer(reader: Reader, passage: str) -> None:
    (reading,) = reader.read([("Who paid?", passage)])
    assert reading.spans == ()
    assert np.isfinite(reading.null_score)


def test_a_passage_of_digits_only_can_answer(reader: Reader) -> None:
    (reading,) = reader.read([("How many?", "1,571 ... 40")])
    assert {"1,571 ... 40"[span.start : span.end] for span in reading.spans} <= {"1,571", "40", "1,571 ... 40"}
    assert reading.spans


def test_an_empty_question_is_read_too(reader: Reader) -> None:
    assert reader.read([("", CORPUS[0])])[0].spans


def test_a_passage_of_50000_tokens(directories: dict[str, Path]) -> None:
    passage = "malt " * 50_000
    (reading,) = load_reader(str(directories["bert"])).read([("Who?", passage)])
    assert len(reading.spans) == 5
    assert all(passage[span.start : span.end].startswith("malt") for span in reading.spans)


def test_a_question_longer_than_the_window_names_both_lengths(reader: Reader) -> None:
    with pytest.raises(PinciteError, match=r"question is \d+ tokens long \(900 characters\); .* at most \d+ tokens"):
        reader.read([("When?", "1571"), ("who paid " * 100, "1571")])


def test_fingerprint_follows_the_weights(copy: Path) -> None:
    first = load_reader(str(copy)).fingerprint
    assert first == load_reader(str(copy)).fingerprint
    weights = load_file(copy / "model.safetensors")
    weights["qa_outputs.bias"] = weights["qa_outputs.bias"] + 1
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert load_reader(str(copy)).fingerprint != first


def test_calibration_is_the_directorys_own_or_the_bundled_one(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calibration(threshold: float) -> str:
        return json.dumps({**Calibration.default().to_json(), "threshold": threshold})

    bundled = tmp_path / "bundled"
    bundled.mkdir()
    monkeypatch.setitem(loading.BUNDLED, "default", bundled)
    assert load_reader(str(copy)).calibration == Calibration.default()
    (bundled / "calibration.json").write_text(calibration(0.61))
    assert load_reader(str(copy)).calibration.threshold == 0.61
    (copy / "calibration.json").write_text(calibration(0.27))
    assert load_reader(str(copy)).calibration.threshold == 0.27
    (copy / "calibration.json").write_text("{")
    with pytest.raises(PinciteError, match=r"calibration\.json"):
        load_reader(str(copy))


def test_sharded_weights_are_loaded(copy: Path) -> None:
    expected = load_reader(str(copy)).read(PAIRS)
    model = AutoModelForQuestionAnswering.from_pretrained(copy, local_files_only=True)
    (copy / "model.safetensors").unlink()
    model.save_pretrained(copy, max_shard_size="30KB")
    shards = sorted(copy.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert load_reader(str(copy)).read(PAIRS) == expected
    shards[1].unlink()
    assert_refused(copy, shards[1].name, "missing")


def assert_refused(directory: Path, *words: str) -> None:
    with pytest.raises(PinciteError) as caught:
        load_reader(str(directory))
    assert all(word in str(caught.value) for word in (*words, str(directory))), str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def drop(name: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).unlink()


def write(name: str, content: str) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        (directory / name).write_text(content, encoding="utf-8")

    return damage


def truncate(directory: Path) -> None:
    data = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(data[: len(data) // 2])


def pickle_only(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    torch.save(weights, directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()


def other_sizes(directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "intermediate_size": 96}))


def encoder_only(directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    BertModel.from_pretrained(directory, local_files_only=True).save_pretrained(directory)
    (directory / "config.json").write_text(json.dumps({**config, "architectures": ["BertForQuestionAnswering"]}))


def without_fast_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.json").unlink()
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))


def nan_weights(directory: Path) -> None:
    weights = load_file(directory / "model.safetensors")
    weights["qa_outputs.bias"] = torch.full_like(weights["qa_outputs.bias"], float("nan"))
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (drop("config.json"), ["is no reader", "config.json"]),
        (write("config.json", "{"), ["config.json", "cannot be read"]),
        (write("config.json", '["x"]'), ["is no reader"]),
        (write("config.json", '{"architectures": ["BertForMaskedLM"]}'), ["is no reader", "BertForMaskedLM"]),
        (write("config.json", '{"architectures": ["NoSuchForQuestionAnswering"]}'), ["NoSuchForQuestionAnswering"]),
        (drop("model.safetensors"), ["model.safetensors is missing"]),
        (truncate, ["model.safetensors", "damaged"]),
        (write("model.safetensors", "not weights"), ["model.safetensors", "damaged"]),
        (other_sizes, ["model.safetensors", "damaged or of another model"]),
        (encoder_only, ["qa_outputs", "lack"]),
        (pickle_only, ["pytorch_model.bin", "pickle", "safetensors"]),
        (write("model.safetensors.index.json", '{"weight_map": {"a": "../a.safetensors"}}'), ["outside"]),
        (write("model.safetensors.index.json", "{}"), ["model.safetensors.index.json", "cannot be read"]),
        (without_fast_tokenizer, ["fast tokenizer"]),
        (write("tokenizer.json", "{"), ["tokenizer", "cannot be loaded"]),
    ],
)
def test_damaged_directories_are_refused_in_one_sentence(
    copy: Path, damage: Callable[[Path], None], words: list[str]
) -> None:
    damage(copy)
    assert_refused(copy, *words)


def test_weights_that_compute_no_numbers_are_refused(copy: Path) -> None:
    nan_weights(copy)
    with pytest.raises(PinciteError, match="no numbers"):
        load_reader(str(copy)).read(PAIRS)


def test_code_that_a_model_brings_is_not_run(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    brought = {"AutoConfig": "evil.Config", "AutoModelForQuestionAnswering": "evil.Model"}
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "evil", "auto_map": brought}))
    (copy / "evil.py").write_text(f"open({str(copy / 'ran')!r}, 'w')")
    assert load_reader(str(copy)).read(PAIRS)
    assert not (copy / "ran").exists()


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/reader", "a/b/c", "", "back\\slash"])
def test_a_path_that_leads_nowhere(name: str) -> None:
    with pytest.raises(PinciteError, match="There is no reader at"):
        load_reader(name)


def test_a_file_is_no_reader(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PinciteError, match="There is no reader at"):
        load_reader(str(tmp_path / "file"))


def test_an_id_while_offline() -> None:
    with pytest.raises(PinciteError, match=r"'deepset/roberta-base-squad2' .* cannot be fetched from the Hugging Face"):
        load_reader("deepset/roberta-base-squad2")


def test_a_bundled_reader_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(loading.BUNDLED, "default", tmp_path)
    with pytest.raises(PinciteError, match="The bundled reader 'default' is not in this installation"):
        load_reader()


def test_importing_the_reader_loads_no_model_library() -> None:
    code = "import sys, qa.reader; print(sorted({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_trained_reader_answers_from_the_text(shared: Path) -> None:
    directory = shared / "first-reader"
    if not directory.is_dir():
        pytest.skip("no trained reader beside the repository (../shared/first-reader)")
    passage = CORPUS[0] + " " + CORPUS[1]
    readings = load_reader(str(directory)).read(
        [("Where does the river Lea rise?", passage), ("In what year did Parliament pay?", passage), ("Who?", "")]
    )
    found = [[passage[span.start : span.end] for span in reading.spans] for reading in readings]
    assert "Luton" in found[0][0]
    assert found[1][0] == "1571"
    assert readings[0].spans[0].score > readings[0].null_score
    assert found[2] == []
