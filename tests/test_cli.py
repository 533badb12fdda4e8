from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

import qa.assistant
import qa.index_cache
import qa.reader
from qa.cli import default_documents, main, pincite
from qa.errors import PinciteError
from qa.types import Answer
from tests.conftest import ROOT, SEEDS
from tests.fakes import FakeEncoder, FakeReader

ASKED = "When did Russia announce its withdrawal from negotiations with Tokyo?"


@pytest.fixture(autouse=True)
def _fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qa.index_cache, "load_encoder", lambda name: FakeEncoder())
    monkeypatch.setattr(qa.reader, "load_reader", lambda name: FakeReader())


class Ran:
    """What a command did: exit status and both streams."""

    def __init__(self, status: object, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def command(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        streams = capsys.readouterr()
        assert "Traceback" not in streams.err
        return Ran(exited.value.code, streams.out, streams.err)

    return command


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom qa.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'faiss', 'sentence_transformers', 'gradio', 'numpy', 'pydantic', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr.strip() == "[]"
    for name in ("index", "ask", "chat", "serve", "eval", "doctor"):
        assert f"  {name} " in done.stdout


def test_importing_qa_is_light() -> None:
    heavy = "{'torch', 'transformers', 'faiss', 'gradio', 'sentence_transformers', 'matplotlib'}"
    program = f"import qa, sys; qa.Assistant; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_ask_json_is_the_answer_alone(run: Any) -> None:
    ran = run("ask", ASKED, "--docs", str(SEEDS), "--json")
    assert ran.status == 0
    answer = Answer.from_json(json.loads(ran.out))
    assert answer.question == ASKED
    for citation in answer.citations:
        text = (SEEDS / citation.document).read_bytes().decode("utf-8")
        assert text[citation.start : citation.end] == citation.text
    assert answer.citations


def test_ask_prints_answer_sentence_source_and_confidence(run: Any) -> None:
    ran = run("ask", ASKED, "--docs", str(SEEDS))
    answer = Answer.from_json(json.loads(run("ask", ASKED, "--docs", str(SEEDS), "--json").out))
    assert ran.status == 0
    first = answer.citations[0]
    text = (SEEDS / first.document).read_bytes().decode("utf-8")
    line = text[: first.start].count("\n") + 1
    assert ran.out.splitlines()[0] == answer.text
    assert f"[{answer.text}]" in ran.out
    assert f"{first.document}:{line}, characters {first.start}-{first.end}" in ran.out
    assert f"({answer.confidence:.0%})" in ran.out


def test_ask_not_found_prints_the_nearest_as_such(run: Any) -> None:
    ran = run("ask", "Which enzyme unwinds helical nucleotides?", "--docs", str(SEEDS))
    assert ran.status == 0
    assert ran.out.startswith("Not in these documents.")
    assert "nearest passages, not answers" in ran.out


def test_without_documents_it_is_the_seeds(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_documents() == SEEDS
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "own.txt").write_text("The captain of the ferry is Petra Lund.\n")
    ran = run("ask", "Who is the captain of the ferry?", "--json")
    assert json.loads(ran.out)["citations"][0]["document"] == "own.txt"


def test_index_then_ask_the_index(run: Any, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "ferry.txt").write_text("The captain of the ferry is Petra Lund.\n")
    (docs / "odd.xyz").write_text("?")
    index = str(tmp_path / "my.pincite")
    ran = run("index", str(docs), "--index", index)
    assert ran.status == 0
    assert "added ferry.txt" in ran.out
    assert "skipped odd.xyz: " in ran.out
    assert "1 added, 0 changed, 0 removed, 0 unchanged, 1 skipped" in ran.out
    ran = run("ask", "Who is the captain of the ferry?", "--index", index)
    assert ran.out.splitlines()[0] == "Petra Lund"
    (docs / "ferry.txt").unlink()
    report = json.loads(run("index", str(docs), "--index", index, "--json").out)
    assert report["removed"] == ["ferry.txt"]
    ran = run("ask", "Who?", "--index", index)
    assert (ran.status, ran.out) == (1, "")
    assert "no documents to ask" in ran.err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["ask"], 2, "Missing argument 'QUESTION'"),
        (["ask", "x", "--nope"], 2, "No such option"),
        (["asq", "x"], 2, "No such command"),
        (["ask", "x", "--top-k", "many"], 2, "'many' is not a valid integer"),
        (["ask", "x", "--top-k", "0"], 1, "1 to 100"),
        (["ask", "x", "--threshold", "3"], 1, "0 to 1"),
        (["ask", "x", "--retrieval", "odd"], 1, "hybrid, lexical, dense"),
        (["ask", "  "], 1, "question is empty"),
        (["ask", "x" * 100_000], 1, "100,000 characters"),
        (["ask", "x", "--docs", "/nowhere"], 1, "'/nowhere'"),
        (["ask", "x", "--index", "/nowhere"], 1, "pincite index"),
        (["ask", "x", "--document", "no.txt"], 1, "'no.txt'"),
        (["ask", "x", "--config", "no.toml"], 1, "'no.toml'"),
        (["index"], 2, "Missing argument"),
        (["index", "/nowhere", "--index", "/tmp/x"], 1, "'/nowhere'"),
        (["serve", "--auth", "me"], 1, "USER:PASSWORD"),
        (["serve", "--port", "99999"], 2, "99999"),
    ],
)
def test_errors_are_one_sentence_on_the_error_stream(run: Any, arguments: list[str], status: int, said: str) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_no_arguments_is_usage(run: Any) -> None:
    ran = run()
    assert ran.status == 2
    assert "Commands:" in ran.out + ran.err


def test_ctrl_c_says_so(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(qa.assistant.Assistant, "ask", interrupted)
    ran = run("ask", ASKED)
    assert (ran.status, ran.out, ran.err.strip()) == (1, "", "Stopped.")


def test_the_systems_refusals_are_a_sentence(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/some/index.sqlite")

    monkeypatch.setattr(qa.assistant.Assistant, "ask", full)
    ran = run("ask", ASKED)
    assert ran.status == 1
    assert "No space left on device" in ran.err
    assert "/some/index.sqlite" in ran.err


def test_chat_answers_follow_ups_from_the_input(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    text = "The ferry Skagen was built in 1987. The captain of the ferry Skagen is Petra Lund.\n"
    (docs / "ferry.txt").write_text(text)
    follow_up = "And who is the captain of it?"
    asked = iter(["When was the ferry Skagen built?", "", follow_up, "x" * 100_000, "/new", "/quit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(asked))
    ran = run("chat", "--docs", str(docs))
    assert ran.status == 0
    assert "1987" in ran.out
    assert "Understood as: " in ran.out
    assert "Petra Lund" in ran.out
    assert "100,000 characters" in ran.out
    assert next(asked, None) is None


def test_chat_ends_with_the_input(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    assert run("chat", "--docs", str(SEEDS)).status == 0


def test_serve_hands_the_assistant_to_the_page(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: dict[str, Any] = {}

    class Page:
        @staticmethod
        def launch(assistant: object, **options: Any) -> None:
            launched.update(options, documents=len(assistant.store.documents()))  # type: ignore[attr-defined]

    monkeypatch.setitem(sys.modules, "ui.app", Page)  # type: ignore[arg-type]
    ran = run("serve", "--docs", str(SEEDS), "--port", "17999", "--auth", "ann:a:b", "--mcp")
    assert ran.status == 0
    assert launched == {"host": "127.0.0.1", "port": 17999, "auth": ("ann", "a:b"), "mcp": True, "documents": 5}


def test_a_port_in_use_is_a_sentence(run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("serve", "--docs", str(SEEDS), "--port", str(port))
    assert (ran.status, ran.out) == (1, "")
    assert f"port {port}" in ran.err
    assert "--port" in ran.err


def test_the_evaluation_is_a_command() -> None:
    command = pincite.get_command(click.Context(pincite), "eval")
    assert command is not None
    assert {"docs", "index", "mode", "limit"} <= {parameter.name for parameter in command.params}


def test_default_documents_when_there_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qa.cli.__file__", str(tmp_path / "site-packages" / "qa" / "cli.py"))
    with pytest.raises(PinciteError, match="--docs PATH"):
        default_documents()
