"""Ablations, the README's tables and the peers' protocol, on small data and without other systems."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from embeddings.errors import PinciteError
from eval import ablations, peers, tables
from eval.baseline import Baseline
from eval.datasets import Dataset, load_dataset
from eval.predictions import Prediction
from eval.report import Report, build_report
from eval.rows import score
from qa.settings import Settings
from tests.fakes import FakeEncoder, FakeReader

TOWNS = ("Larvik", "Bodo", "Hamar", "Molde")
TEXTS = {town: f"The harbour of {town} was opened in {1900 + i}. Rain fell." for i, town in enumerate(TOWNS)}


@pytest.fixture
def squad_file(tmp_path: Path) -> Path:
    articles = []
    for i, (town, text) in enumerate(TEXTS.items()):
        answer = {"text": str(1900 + i), "answer_start": text.index(str(1900 + i))}
        qa = {"id": town, "question": f"When was the harbour of {town} opened?", "answers": [answer]}
        articles.append({"title": town, "paragraphs": [{"context": text, "qas": [qa]}]})
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    return path


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.index_cache.load_encoder", lambda name: FakeEncoder())
    for module in ("qa.reader", "eval.ablations"):
        monkeypatch.setattr(f"{module}.load_reader", lambda name="default": FakeReader())


@pytest.fixture
def report(squad_file: Path) -> tuple[Dataset, Report]:
    dataset = load_dataset(squad_file)
    said = {town: Prediction(town, True, str(1900 + i), 0.9) for i, town in enumerate(TOWNS[:3])}
    return dataset, build_report(dataset, score(dataset, said), mode="reader", threshold=0.5)


def test_ablations_use_half_of_the_articles_and_all_paragraphs(squad_file: Path) -> None:
    dataset = load_dataset(squad_file)
    even, odd = (ablations.kept(dataset, 9, odd=side) for side in (False, True))
    assert [question.id for question in even.questions] == ["Larvik", "Hamar"]
    assert [question.id for question in odd.questions] == ["Bodo", "Molde"]
    assert even.paragraphs == odd.paragraphs == dataset.paragraphs
    assert len(ablations.kept(dataset, 1, odd=False).questions) == 1
    names = [choice.name for choice in ablations.choices(Settings())]
    assert len(names) == len(set(names)) == 2 + 1 + 1 + len(ablations.KS) + len(ablations.SIZES)
    assert any("reader's score alone" in name for name in names)


def test_ablations_print_one_table(squad_file: Path, fake_models: None, capsys: pytest.CaptureFixture[str]) -> None:
    ablations.main(["--data", str(squad_file), "--only", "re"], standalone_mode=False)
    head, *table = capsys.readouterr().out.strip().splitlines()
    assert head.startswith("2 questions of squad.json")
    rows = [line.split(" | ") for line in table if line]
    assert rows[2][0].startswith("| defaults (hybrid")
    assert {row[0] for row in rows[3:]} >= {
        "| reader's score alone",
        "| retrieval dense",
        "| retrieval lexical",
        "| 3 passages read",
    }
    assert len({len(row) for row in rows if len(row) > 1}) == 1
    change = rows[0].index("difference in exact match")
    assert rows[2][change] == ""
    assert all("[" in row[change] for row in rows[3:])


def test_a_reader_alone_ignores_retrieval_in_the_ranking() -> None:
    reader = FakeReader()
    alone = ablations.ReaderAlone(reader)
    assert reader.calibration.rank(1.0, 0.0, 0.9) != reader.calibration.rank(1.0, 0.0, 0.1)
    assert alone.calibration.rank(1.0, 0.0, 0.9) == alone.calibration.rank(1.0, 0.0, 0.1)
    assert alone.read([("Who?", TEXTS["Bodo"])]) == reader.read([("Who?", TEXTS["Bodo"])])


def test_tables_keep_figures_and_no_words_of_squad(
    report: tuple[Dataset, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, made = report
    monkeypatch.setattr(tables, "BASELINES", tmp_path)
    monkeypatch.setattr(
        tables, "measure", lambda column, limit: Baseline.of(made, dataset.fingerprint, questions=False)
    )
    tables.main(["--run", "squad-1.1-reader"], standalone_mode=False)
    capsys.readouterr()
    kept = (tmp_path / "squad-1.1-reader.json").read_text()
    assert "Larvik" not in kept
    assert Baseline.load(tmp_path / "squad-1.1-reader.json").figures["em"] == made.figure("em")
    tables.main([], standalone_mode=False)
    out = capsys.readouterr().out
    assert "|  | SQuAD 1.1, reader |" in out
    assert "| questions | 3 |" in out
    assert "| Exact match (%) | 100.0 |" in out
    with pytest.raises(Exception, match="no 'x' among seeds"):
        tables.main(["--run", "x"], standalone_mode=False)


@pytest.fixture
def work_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(peers.__file__).parent / "peer_scripts"))
    import work  # type: ignore[import-not-found, unused-ignore]

    return work


def test_what_a_peer_writes_can_be_scored(
    work_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: tuple[Dataset, Report]
) -> None:
    passages = [{"document": "d", "start": 100, "text": TEXTS[town]} for town in TOWNS]
    questions = [{"id": town, "question": town} for town in TOWNS]
    (tmp_path / "work.json").write_text(json.dumps({"passages": passages, "questions": questions, "top_k": 2}))
    monkeypatch.setattr(sys, "argv", ["peer", str(tmp_path / "work.json"), str(tmp_path / "out.jsonl")])

    def prepare(work: dict[str, object]) -> object:
        def ask(question: str) -> dict[str, object]:
            if question == "Molde":
                raise TypeError("None of it")
            cited = [work_module.cite(passages[TOWNS.index(question)], 4, 11)]
            return {"text": "harbour", "confidence": 0.5, "citations": cited, "answered": question != "Bodo"}

        return ask

    work_module.run(prepare, ["numpy"])
    *lines, about = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    found = [Prediction.from_json(line, "peer") for line in lines]
    assert [(p.answered, p.text) for p in found] == [
        (True, "harbour"),
        (False, "harbour"),
        (True, "harbour"),
        (False, ""),
    ]
    assert found[0].citations is not None
    assert found[0].citations[0].place == ("d", 104, 111)
    assert found[0].timings_ms["total"] >= 0
    assert about["failures"] == {"TypeError: None of it": 1}


def test_the_table_says_what_a_peer_answered_that_did_not_start(report: tuple[Dataset, Report]) -> None:
    outcomes = [
        peers.Outcome("Pincite", "1.0", report[1]),
        peers.Outcome("Other", "", None, "ERROR: No matching distribution found"),
        peers.Outcome("Third", "x 2", report[1], "2 questions raised TypeError"),
    ]
    lines = peers.markdown(outcomes).splitlines()
    assert len({line.count("|") for line in lines[:5]}) == 1
    assert "| Other |  | did not run: ERROR: No matching distribution found |" in lines[3]
    assert lines[-1] == "Third: 2 questions raised TypeError"


def test_an_environment_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # no package index: as on a machine without a connection
    peer = peers.Peer("Nobody", "nobody_peer.py", ("pincite-peer-that-does-not-exist",))
    with pytest.raises(PinciteError, match="No matching distribution found for pincite-peer-that-does-not-exist"):
        peers.environment(peer, tmp_path)
    assert not (tmp_path / "env-nobody_peer" / "installed.json").exists()
