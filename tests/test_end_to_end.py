"""Questions over the seeds with the real encoder, the real reader and a real index, offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa import Answer, Assistant, Settings
from qa.reader.loading import BUNDLED
from qa.types import Citation
from tests.conftest import ROOT, SEEDS

ASKED = "When did Russia leave the peace treaty talks?"


@pytest.fixture(scope="module")
def reader() -> str:
    """The bundled reader, or the one that lies beside the repository while there is none."""
    first = ROOT.parent / "shared" / "first-reader"
    if (BUNDLED["default"] / "config.json").is_file():
        return "default"
    if first.is_dir():
        return str(first)
    pytest.skip("neither the bundled reader nor ../shared/first-reader is here")


@pytest.fixture(scope="module")
def assistant(reader: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    index = tmp_path_factory.mktemp("real") / "seeds.pincite"
    with Assistant.from_documents(SEEDS, index=index, settings=Settings(reader=reader)) as assistant:
        yield assistant


def best(answer: Answer) -> Citation:
    """The best span, whether or not it was sure enough to be answered."""
    return answer.citations[0] if answer.answered else answer.alternatives[0].citations[0]


@pytest.mark.parametrize(
    ("question", "document", "said"),
    [
        (ASKED, "", "March"),
        ("How many types of goods and technologies did Japan restrict?", "000_64091e2e3f426ebe.txt", "300"),
        ("What did Japan begin to supply to Ukraine?", "001_054fe4bafc5e3c3d.txt", "body armor"),
        ("Who is the prime minister of Japan?", "", "Kishida"),
    ],
)
def test_the_best_span_is_the_answer(assistant: Assistant, question: str, document: str, said: str) -> None:
    citation = best(assistant.ask(question))
    text = (SEEDS / citation.document).read_bytes().decode("utf-8")
    assert said in citation.text
    assert text[citation.start : citation.end] == citation.text
    assert text[citation.context.start : citation.context.end] == citation.context.text
    assert document in ("", citation.document)


def test_what_the_documents_do_not_hold_is_less_sure(assistant: Assistant) -> None:
    known, unknown = assistant.ask_many(["Who is the prime minister of Japan?", "What is the capital of France?"])
    assert known.confidence > 2 * unknown.confidence
    assert not unknown.answered


def test_one_and_many_and_again_give_the_same(assistant: Assistant) -> None:
    questions = [ASKED, "Who is Maria Zakharova?", "Which islands does Tokyo dispute?"]
    many, again = assistant.ask_many(questions), assistant.ask_many(questions)
    for one, two, alone in zip(many, again, map(assistant.ask, questions), strict=True):
        assert one.confidence == two.confidence
        assert best(one) == best(two)
        # Other neighbours in the batch may change the last bits of a score, and nothing that is read.
        assert (best(one).start, best(one).text) == (best(alone).start, best(alone).text)
        assert one.confidence == pytest.approx(alone.confidence, abs=0.02)


def test_the_command_answers_in_a_new_process_offline(reader: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PINCITE_READER": reader, "PINCITE_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise SystemExit('the network was asked')\n"
        "socket.socket.connect = refuse\n"
        "from qa.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "ask", ASKED, "--docs", str(SEEDS), "--json", "--threshold", "0"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer = Answer.from_json(json.loads(done.stdout))
    assert answer.answered
    assert "March" in best(answer).text
