"""Runs over small documents with fake models: modes, follow-ups, thresholds, journals, and the gate."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from embeddings.errors import PinciteError
from eval import gate
from eval.baseline import Baseline, drops, flips
from eval.corpus import as_articles, located, write_corpus
from eval.datasets import Dataset, Question, check_offsets, load_dataset
from eval.report import Report, report_at_threshold
from eval.runner import Cancelled, Opened, evaluate, open_system
from eval.systems import AssistantSystem, Record
from qa.assistant import Assistant
from qa.cli import main
from qa.settings import Settings
from tests.fakes import FakeEncoder, FakeReader

BRIDGE = "The harbour bridge of Larvik was opened in May 1932. The harbour bridge was designed by Ove Larsen.\n"
MUSEUM = "The whaling museum of Larvik keeps a model ship. The museum director is Ingrid Holm.\n"


def question(id: str, text: str, document: str = "", answer: str = "", **more: Any) -> dict[str, Any]:
    source = {"bridge.txt": BRIDGE, "museum.txt": MUSEUM, "": ""}[document]
    answers = [{"doc": document, "text": answer, "start": source.index(answer)}] if answer else []
    return {"id": id, "question": text, "kind": "k", "answerable": bool(answer), "answers": answers, **more}


QUESTIONS = [
    question("opened", "When was the harbour bridge of Larvik opened?", "bridge.txt", "May 1932"),
    question("director", "Who is the director of the museum?", "museum.txt", "Ingrid Holm"),
    question("off", "Which enzyme unwinds helical nucleotides?"),
    question(
        "later", "And who designed it?", "bridge.txt", "Ove Larsen",
        history=[{"question": "When was the harbour bridge opened?", "answer": "May 1932"}],
    ),
    question("gone", "Why?") | {"answerable": True},
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "bridge.txt").write_text(BRIDGE, encoding="utf-8")
    (folder / "museum.txt").write_text(MUSEUM, encoding="utf-8")
    return folder


@pytest.fixture
def dataset_file(tmp_path: Path) -> Path:
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in QUESTIONS), encoding="utf-8")
    return path


@pytest.fixture
def squad_file(tmp_path: Path) -> Path:
    def qa(id: str, text: str, context: str, answer: str) -> dict[str, Any]:
        answers = [{"text": answer, "answer_start": context.index(answer)}] if answer else []
        return {"id": id, "question": text, "answers": answers, "is_impossible": not answer}

    def paragraph(context: str, *qas: dict[str, Any]) -> dict[str, Any]:
        return {"context": context, "qas": list(qas)}

    bridge = paragraph(BRIDGE, qa("s1", "When was the harbour bridge of Larvik opened?", BRIDGE, "May 1932"))
    museum = paragraph(
        MUSEUM,
        qa("s2", "Who is the director of the museum?", MUSEUM, "Ingrid Holm"),
        qa("s3", "Which enzyme unwinds helical nucleotides?", MUSEUM, ""),
    )
    data = {"version": "v2.0", "data": [{"title": "Larvik: all/of it", "paragraphs": [bridge, museum]}]}
    path = tmp_path / "squad.json.gz"
    path.write_bytes(gzip.compress(json.dumps(data).encode()))
    return path


@pytest.fixture
def assistant(folder: Path, tmp_path: Path) -> Iterator[Assistant]:
    encoder, reader = FakeEncoder(), FakeReader()
    with Assistant.from_documents(folder, index=tmp_path / "i.pincite", encoder=encoder, reader=reader) as made:
        yield made


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> FakeReader:
    reader = FakeReader()
    monkeypatch.setattr("qa.index_cache.load_encoder", lambda name: FakeEncoder())
    monkeypatch.setattr("qa.reader.load_reader", lambda name="default": reader)
    return reader


def opened(assistant: Assistant, dataset_file: Path, **given: Any) -> Opened:
    return Opened(load_dataset(dataset_file), AssistantSystem(assistant, **given))


def test_end_to_end_with_follow_ups(assistant: Assistant, dataset_file: Path) -> None:
    seen: list[tuple[int, int]] = []
    run = evaluate(opened(assistant, dataset_file), progress=lambda done, total: seen.append((done, total)))
    report = run.report
    rows = {row.id: row for row in report.rows}
    assert rows["off"].verdict == "rightly abstained"
    assert rows["opened"].citation_right == 1
    assert rows["opened"].expected[0].before.endswith("opened in ")
    assert rows["later"].citation_right == 1
    assert rows["later"].standalone_question
    assert rows["later"].without_history is not None
    assert rows["later"].without_history.standalone_question is None
    assert report.ineligible == {"gone": "answerable, but no acceptable answer is given"}
    assert [record["id"] for record in run.records] == ["opened", "director", "off", "later"]
    assert set(rows["opened"].retrieval) == {"hybrid", "lexical", "dense"}
    assert rows["opened"].retrieval["hybrid"]["recall@1"] == 1
    assert rows["opened"].retrieval["lexical"]["ndcg@10"] == 1
    latency = report.figure("latency_p50 total")
    assert latency is not None
    assert (latency.n, latency.value > 0) == (4, True)
    assert seen[-1] == (5, 5)  # four questions, and the follow-up without its history
    assert report.settings["reader_fingerprint"] == "fake-reader-1"


def test_without_history_every_question_is_asked_alone(assistant: Assistant, dataset_file: Path) -> None:
    report = evaluate(opened(assistant, dataset_file), history=False, latency_sample=0).report
    later = next(row for row in report.rows if row.id == "later")
    assert (later.standalone_question, later.without_history) == (None, None)
    assert report.figure("latency_p50 total") is None


def test_moving_the_threshold_is_running_again(assistant: Assistant, dataset_file: Path) -> None:
    first = evaluate(opened(assistant, dataset_file), latency_sample=0).report
    for threshold in (0.0, 0.3, 0.9, 1.0):
        again = evaluate(opened(assistant, dataset_file, threshold=threshold), latency_sample=0).report
        moved = report_at_threshold(first, threshold)
        assert again.threshold == moved.threshold == threshold
        assert [row.verdict for row in again.rows] == [row.verdict for row in moved.rows]
        for figure in again.figures:
            if figure.group != "cost":
                assert moved.figure(figure.key) == figure


def test_a_run_that_was_stopped_goes_on_where_it_was(
    assistant: Assistant, dataset_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AssistantSystem, "batch", 2)
    whole = evaluate(opened(assistant, dataset_file), latency_sample=0)
    calls = iter([False, True])
    journal = tmp_path / "runs"
    with pytest.raises(Cancelled, match=r"Stopped after 2 of 5 questions.*go on"):
        evaluate(opened(assistant, dataset_file), cancelled=lambda: next(calls), journal_folder=journal)
    (file,) = journal.iterdir()
    with file.open("a", encoding="utf-8") as cut:  # and the machine went down while writing the next line
        cut.write('\n{"key": "[\\"off\\", fal')
    asked: list[str] = []
    ask = AssistantSystem.ask

    def counting(system: AssistantSystem, questions: Sequence[Question], *, history: bool) -> list[Record]:
        asked.extend(q.id for q in questions)
        return ask(system, questions, history=history)

    monkeypatch.setattr(AssistantSystem, "ask", counting)
    run = evaluate(opened(assistant, dataset_file), latency_sample=0, journal_folder=journal)
    assert sorted(asked) == ["later", "later", "off"]
    assert [row.text for row in run.report.rows] == [row.text for row in whole.report.rows]
    assert run.report.figure("em") == whole.report.figure("em")
    assert not list(journal.iterdir())


def test_a_journal_of_other_settings_is_not_continued(assistant: Assistant, dataset_file: Path, tmp_path: Path) -> None:
    journal = tmp_path / "runs"
    for top_k in (1, 2):
        calls = iter([False] * 1 + [True] * 9)
        system = opened(assistant, dataset_file, top_k=top_k)
        system.system.batch = 2
        with pytest.raises(Cancelled, match="Stopped after 2 of 5"):
            evaluate(system, cancelled=lambda calls=calls: next(calls), journal_folder=journal)
    assert len(list(journal.iterdir())) == 2


def test_a_data_set_that_does_not_fit_the_documents(assistant: Assistant, tmp_path: Path) -> None:
    line = QUESTIONS[0] | {"answers": [{"doc": "bridge.txt", "text": "May 1932", "start": 3}]}
    path = tmp_path / "wrong.jsonl"
    path.write_text(json.dumps(line))
    with pytest.raises(PinciteError, match=r"'May 1932' does not stand at offset 3 of bridge\.txt"):
        evaluate(opened(assistant, path))
    path.write_text(json.dumps(line | {"answers": [{"doc": "x.txt", "text": "May 1932", "start": 3}]}))
    with pytest.raises(PinciteError, match="data set for other documents"):
        evaluate(opened(assistant, path))


@pytest.mark.parametrize("mode", ["reader", "open", "end-to-end"])
def test_squad_in_every_mode(squad_file: Path, fake_models: FakeReader, mode: Any) -> None:
    dataset = load_dataset(squad_file)
    for passages_indexed in (True, False):  # the second time the index is there
        with open_system(dataset, mode, settings=Settings()) as system:
            report = evaluate(system, latency_sample=1).report
        assert report.mode == mode
        assert {row.id: row.verdict for row in report.rows}["s3"] == "rightly abstained"
        right = report.figure("citation_right")
        assert right is not None
        assert (right.value, right.n) == (1.0, 2)
        assert (report.figure("recall@1 hybrid") is None) == (mode == "reader")
        assert (report.figure("passages_per_second") is not None) == (passages_indexed and mode != "reader")
    documents = {row.citations[0].document for row in report.rows[:2] if row.citations}
    assert len(documents) == (1 if mode == "end-to-end" else 2)


def test_articles_and_one_s_own_documents(squad_file: Path, tmp_path: Path) -> None:
    dataset = load_dataset(squad_file)
    articles = as_articles(dataset)
    texts = {paragraph.name: paragraph.text for paragraph in articles.paragraphs}
    assert list(texts) == ["000_Larvik_all_of_it.txt"]
    check_offsets(articles, texts, texts.__getitem__)
    assert articles.questions[1].answers[0].start == len(BRIDGE) + 2 + MUSEUM.index("Ingrid")
    own = {"whole.md": f"# Larvik\n\n{MUSEUM}", "other.md": "nothing"}
    found = located(dataset, list(own), own.get)
    assert [question.answers and question.answers[0].document for question in found.questions] == [
        dataset.questions[0].answers[0].document, "whole.md", (),
    ]  # fmt: skip
    check_offsets(found, own, own.__getitem__)
    folder = write_corpus(dataset, tmp_path / "corpus")
    assert sorted(path.read_text() for path in folder.rglob("*.txt")) == sorted([BRIDGE, MUSEUM])
    assert write_corpus(dataset, folder) == folder


def test_modes_that_need_what_is_not_there(dataset_file: Path, fake_models: FakeReader) -> None:
    dataset = load_dataset(dataset_file)
    for mode, message in (("reader", "gives no paragraphs"), ("open", "gives no paragraphs"), ("x", "no mode 'x'")):
        with pytest.raises(PinciteError, match=message), open_system(dataset, mode):  # type: ignore[arg-type]
            pass
    with pytest.raises(PinciteError, match="needs its documents"), open_system(dataset, "end-to-end"):
        pass


def run_cli(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["eval", *map(str, arguments)])
    captured = capsys.readouterr()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, captured.out, captured.err


def test_command_line_writes_everything_and_compares(
    folder: Path, dataset_file: Path, tmp_path: Path, fake_models: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    report, predictions, html = tmp_path / "r.json", tmp_path / "p.jsonl", tmp_path / "r.html"
    outputs = ("--json", report, "--predictions", predictions, "--html", html)
    code, out, _ = run_cli(capsys, dataset_file, "--docs", folder, *outputs)
    assert code == 0
    assert "4 questions scored" in out
    assert "Citation right" in out
    assert "Not scored: gone" in out
    assert Report.load(report).mode == "end-to-end"
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")
    lines = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["opened", "director", "off", "later"]
    assert {"question", "answered", "confidence", "citations", "alternatives", "timings_ms"} <= set(lines[0])

    code, out, _ = run_cli(capsys, dataset_file, "--score-predictions", predictions, "--compare", report)
    assert code == 0
    assert "0 questions flipped" in out
    code, out, _ = run_cli(capsys, dataset_file, "--docs", folder, "--threshold", 1, "--limit", 2, "--compare", report)
    assert "2 common questions" in out
    assert "0 gained" in out


def test_command_line_reads_a_squad_file_by_itself(
    squad_file: Path, tmp_path: Path, fake_models: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "reader: 3 questions scored" in run_cli(capsys, squad_file)[1]
    for mode in ("open", "end-to-end"):
        predictions, report = tmp_path / f"{mode}.jsonl", tmp_path / f"{mode}.json"
        outputs = ("--mode", mode, "--k", 1, "--predictions", predictions, "--json", report)
        assert f"{mode}: 3 questions scored" in run_cli(capsys, squad_file, *outputs)[1]
        again = tmp_path / "again.json"
        run_cli(capsys, squad_file, "--mode", mode, "--score-predictions", predictions, "--json", again)
        assert Report.load(again).figure("citation_right") == Report.load(report).figure("citation_right")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing.jsonl"], 1, "There is no file"),
        (["{set}", "--score-predictions", "nothing"], 1, "There is no file"),
        (["{set}", "--compare", "{set}"], 1, "is not an evaluation report"),
        (["{set}", "--mode", "x"], 2, "is not one of"),
        (["{set}", "--limit", "0"], 2, "--limit"),
        (["{set}", "--docs", ".", "--mode", "reader"], 2, "brings its own documents"),
        (["{set}", "--mode", "open"], 1, "gives no paragraphs"),
        ([], 2, "DATASET"),
    ],
)
def test_exit_codes(
    arguments: list[str],
    code: int,
    message: str,
    dataset_file: Path,
    fake_models: FakeReader,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, _, err = run_cli(capsys, *(argument.replace("{set}", str(dataset_file)) for argument in arguments))
    assert found == code
    assert message in err
    assert "Traceback" not in err


def run_gate(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = 0
    try:
        gate.main(list(map(str, arguments)), standalone_mode=False)
    except PinciteError as error:
        code = 1
        print(error)
    return code, capsys.readouterr().out


def test_gate(
    folder: Path,
    dataset_file: Path,
    tmp_path: Path,
    fake_models: FakeReader,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "baselines" / "set.json"
    arguments = ("--data", dataset_file, "--docs", folder, "--baseline", path)
    assert run_gate(capsys, *arguments) == (
        1, "There is no baseline set.json. Write it with `python -m eval.gate --update`.\n"
    )  # fmt: skip
    assert run_gate(capsys, *arguments, "--update")[0] == 0
    code, out = run_gate(capsys, *arguments)
    assert code == 0
    assert "The gate is passed" in out
    baseline = Baseline.load(path)
    assert baseline.questions["off"] == ("rightly abstained", "")

    data = json.loads(path.read_text(encoding="utf-8"))
    data["questions"]["opened"] = ["wrongly abstained", "\x1b[31m"]
    data["figures"]["citation_right"] |= {"value": 1.7, "low": 1.6, "high": 1.8}
    path.write_text(json.dumps(data))
    code, out = run_gate(capsys, *arguments)
    assert code == 1
    assert "flipped: opened 'When was the harbour bridge of Larvik opened?': wrongly abstained" in out
    assert "dropped: Citation right was 170.0 (160.0 to 180.0) and is 100.0" in out
    assert "1 of" in out
    assert "\x1b" not in out

    dataset_file.write_text(json.dumps(QUESTIONS[0]))
    assert "is of another version of set.jsonl" in run_gate(capsys, *arguments)[1]


def test_a_drop_is_more_than_the_interval_and_costs_do_not_count(assistant: Assistant, dataset_file: Path) -> None:
    dataset: Dataset = load_dataset(dataset_file)
    report = evaluate(opened(assistant, dataset_file)).report
    baseline = Baseline.of(report, dataset.fingerprint)
    assert drops(baseline, report) == []
    assert flips(baseline, report) == []
    worse = report_at_threshold(report, 1.0)  # answers nothing
    lost = {drop.before.key for drop in drops(baseline, worse)}
    assert {"citation_right", "document_right"} <= lost  # citations of no answer are no longer measured
    assert not {key for key in lost if key.startswith("latency") or key in {"answered", "auroc"}}
