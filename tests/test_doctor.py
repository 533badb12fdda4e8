from __future__ import annotations

import importlib.metadata
import json
import sqlite3
from pathlib import Path

import pytest

import qa.index_cache
import qa.reader
from embeddings.vector_index import VECTORS_FILE
from qa.assistant import Assistant
from qa.cli import main
from qa.doctor import Check, examine
from qa.errors import PinciteError
from qa.settings import Settings
from tests.fakes import FakeEncoder, FakeReader


@pytest.fixture(autouse=True)
def _fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qa.index_cache, "load_encoder", lambda name: FakeEncoder())
    monkeypatch.setattr(qa.reader, "load_reader", lambda name: FakeReader())


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    for number in range(3):
        (tmp_path / "docs" / f"{number}.txt").write_text(f"The peace treaty number {number} was signed in Vienna.\n")
    path = tmp_path / "docs.pincite"
    with Assistant.from_documents(
        tmp_path / "docs", index=path, encoder=FakeEncoder(), reader=FakeReader()
    ) as assistant:
        assistant.ask("Who?")
    return path


def failed(index: Path | None) -> dict[str, Check]:
    """Failed checks by name, without the calibration, which fakes have not."""
    checks = examine(index, Settings)
    for check in checks:
        assert check.passed or check.remedy, check
    return {check.name: check for check in checks if not check.passed and check.name != "calibration"}


def test_a_whole_installation_and_index_pass(index: Path) -> None:
    assert failed(None) == {}
    assert failed(index) == {}
    names = [check.name for check in examine(index, Settings)]
    assert names[-5:] == ["index", "index encoder", "index content", "index full text", "index vectors"]


def test_a_reader_without_calibration_is_told() -> None:
    check = next(check for check in examine(None, Settings) if check.name == "calibration")
    assert (check.passed, check.remedy) == (False, "python -m qa.reader.calibrate")


def test_bad_settings_are_a_check() -> None:
    checks = examine(None, lambda: Settings(top_k=0))
    assert not checks[0].passed
    assert "top_k cannot be 0" in checks[0].message
    assert "1 to 100" in checks[0].remedy


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "faiss-cpu":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert failed(None)["package faiss-cpu"].remedy.startswith("pip install")


def test_a_reader_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> FakeReader:
        raise PinciteError("The weight file model.safetensors is missing.", "Copy the file again.")

    monkeypatch.setattr(qa.reader, "load_reader", broken)
    check = failed(None)["reader"]
    assert (check.message, check.remedy) == ("The weight file model.safetensors is missing.", "Copy the file again.")


def test_an_encoder_that_says_the_same_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dull(FakeEncoder):
        def encode(self, texts, *, progress=None):  # type: ignore[no-untyped-def]
            return super().encode(["dull"] * len(texts))

    monkeypatch.setattr(qa.index_cache, "load_encoder", lambda name: Dull())
    assert "damaged" in failed(None)["encoder"].message


def test_no_index_and_one_of_another_encoder(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = failed(tmp_path / "none")["index"]
    assert "pincite index" in missing.remedy
    monkeypatch.setattr(qa.index_cache, "load_encoder", lambda name: FakeEncoder("fake-2"))
    other = failed(index)["index encoder"]
    assert "fake-2" in other.message
    assert "pincite index" in other.remedy


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("DELETE FROM vectors WHERE passage_id = 1", "index content"),
        ("UPDATE documents SET text = 'x' || text WHERE id = 1", "index content"),
        ("DELETE FROM passages_fts_data WHERE id = (SELECT max(id) FROM passages_fts_data)", "index full text"),
        ("INSERT INTO passages_fts (passages_fts, rowid, text) VALUES ('delete', 1, 'peace')", "index full text"),
    ],
)
def test_damage_in_the_database_is_found(index: Path, damage: str, check: str) -> None:
    connection = sqlite3.connect(index / "index.sqlite")
    connection.execute(damage)
    connection.commit()
    connection.close()
    found = failed(index)
    assert check in found
    assert "pincite index" in found[check].remedy


def test_damaged_vectors_are_built_again(index: Path) -> None:
    file = index / VECTORS_FILE
    data = bytearray(file.read_bytes())
    data[-20] ^= 0xFF
    file.write_bytes(bytes(data))
    message = {check.name: check.message for check in examine(index, Settings)}["index vectors"]
    assert "built again" in message
    message = {check.name: check.message for check in examine(index, Settings)}["index vectors"]
    assert message.startswith("whole, ")


def test_the_command_exits_with_1_when_a_check_fails(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["doctor", "--index", str(tmp_path / "none")])
    out = capsys.readouterr().out
    assert exited.value.code == 1
    assert "FAIL  index: " in out
    assert "fix: Make one: pincite index PATH... --index" in out
    with pytest.raises(SystemExit):
        main(["doctor", "--index", str(index), "--json"])
    checks = json.loads(capsys.readouterr().out)
    assert {"name", "passed", "message", "remedy"} == set(checks[0])
