from __future__ import annotations

import dataclasses
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embeddings.documents import Document
from embeddings.store import Store, index_documents
from qa import Assistant, PinciteError, Settings
from qa.asking import still_standing
from qa.types import Answer, Candidate, Turn
from tests.fakes import FakeEncoder, FakeReader

BRIDGE = """The harbour bridge of Larvik was opened in May 1932. The designer of the harbour bridge is Ove Larsen.
"""
MUSEUM = """The whaling museum of Larvik keeps a model of the harbour bridge. Its director is Ingrid Holm.
"""
WEATHER = """Rain fell on forty days in a row. Farmers complained about potatoes.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in (("bridge.txt", BRIDGE), ("museum.txt", MUSEUM), ("weather.txt", WEATHER)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def assistant(folder: Path) -> Iterator[Assistant]:
    with make(folder) as made:
        yield made


def make(folder: Path, **given: Any) -> Assistant:
    return Assistant.from_documents(folder, **{"encoder": FakeEncoder(), "reader": FakeReader(), **given})


def words(answer: Answer) -> dict[str, Any]:
    return {key: value for key, value in answer.to_json().items() if key != "timings_ms"}


def test_an_answer_is_a_quotation_with_its_sentence(assistant: Assistant) -> None:
    answer = assistant.ask("Who designed the harbour bridge?")
    assert answer.answered
    citation = answer.citations[0]
    text = BRIDGE[citation.start : citation.end]
    assert (citation.document, text) == ("bridge.txt", answer.text)
    assert "Ove Larsen" in text
    assert citation.context.text == "The designer of the harbour bridge is Ove Larsen."
    assert BRIDGE[citation.context.start : citation.context.end] == citation.context.text
    assert set(answer.timings_ms) == {"retrieve", "read", "total"}
    assert answer.timings_ms["total"] >= answer.timings_ms["retrieve"] + answer.timings_ms["read"] > 0


def test_nothing_relevant_is_not_answered(assistant: Assistant) -> None:
    answer = assistant.ask("Which enzyme unwinds helical nucleotides?")
    assert (answer.answered, answer.text, answer.citations) == (False, None, ())
    assert answer.alternatives
    assert answer.confidence == answer.alternatives[0].confidence


def test_asking_many_is_asking_each(assistant: Assistant) -> None:
    questions = ["Who designed the harbour bridge?", "Who is the director of the museum?", "When did it rain?"]
    together = assistant.ask_many(questions)
    assert list(map(words, together)) == [words(assistant.ask(question)) for question in questions]
    assert [answer.question for answer in together] == questions
    assert assistant.ask_many([]) == []


def test_asking_many_reads_in_one_call(assistant: Assistant) -> None:
    reader = assistant.reader
    assert isinstance(reader, FakeReader)
    seen: list[tuple[int, int]] = []
    assistant.ask_many(["Who designed the bridge?"] * 7, progress=lambda done, total: seen.append((done, total)))
    assert reader.calls == 1
    assert seen == [(reader.pairs_read, reader.pairs_read)]


def test_the_same_question_gives_the_same_answer_in_a_new_process_too(folder: Path, tmp_path: Path) -> None:
    asked = "Who keeps a model of the bridge?"
    with make(folder, index=tmp_path / "a") as one, make(folder, index=tmp_path / "b") as two:
        assert words(one.ask(asked)) == words(one.ask(asked)) == words(two.ask(asked))


def test_overrides_count_for_one_question_zero_too(assistant: Assistant) -> None:
    asked = "Which enzyme unwinds helical nucleotides?"
    assert assistant.ask(asked, threshold=0).answered
    assert not assistant.ask(asked).answered
    assert not assistant.ask("Who designed the harbour bridge?", threshold=1).answered
    assert len(assistant.retrieve([asked, asked], k=2)[1]) == 2
    with pytest.raises(PinciteError, match=r"top_k cannot be 0.*1 to 100"):
        assistant.ask(asked, top_k=0)
    with pytest.raises(PinciteError, match=r"retrieval cannot be 'psychic'.*hybrid, lexical, dense"):
        assistant.ask(asked, retrieval="psychic")


def test_a_threshold_of_zero_in_the_settings_counts(folder: Path) -> None:
    with make(folder, settings=Settings(threshold=0)) as assistant:
        assert assistant.ask("Which enzyme unwinds helical nucleotides?").answered


def test_search_in_chosen_documents_only(assistant: Assistant) -> None:
    for kind in ("hybrid", "lexical", "dense"):
        found = assistant.retrieve(["harbour bridge of Larvik"], retrieval=kind, documents=["museum.txt"])[0]
        assert {candidate.document for candidate in found} == {"museum.txt"}
    answer = assistant.ask("Who designed the harbour bridge?", documents=["weather.txt"])
    assert not answer.answered
    with pytest.raises(PinciteError, match=r"no document 'x\.txt'.*bridge\.txt, museum\.txt, weather\.txt"):
        assistant.ask("Who?", documents=["x.txt"])
    with pytest.raises(PinciteError, match="No document is chosen"):
        assistant.ask("Who?", documents=[])


def test_stages_are_told_in_order(assistant: Assistant) -> None:
    stages: list[str] = []
    assistant.ask("Who designed the bridge?", on_stage=stages.append)
    assert stages == ["retrieve", "read", "answer"]


# Bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["", "   \n\t", "\x00\x07", "\u202e\u200b"])
def test_a_blank_question_is_one_sentence(assistant: Assistant, question: str) -> None:
    with pytest.raises(PinciteError, match="The question is empty"):
        assistant.ask(question)


def test_a_question_of_100000_characters(assistant: Assistant) -> None:
    with pytest.raises(PinciteError, match=r"100,000 characters; 2,000 is the longest"):
        assistant.ask("x" * 100_000)


def test_a_question_that_is_no_text(assistant: Assistant) -> None:
    with pytest.raises(PinciteError, match="not int"):
        assistant.ask(7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "question",
    [
        '" OR NEAR( *',
        "bridge NOT opened AND (harbour OR",
        "text:bridge* ^harbour + {a b}: 'quoted'; DROP TABLE passages; --",
        "Who is it?",
        "🙂🙂🙂",
        "\x1b[31mWho designed\x00 the\tbridge?\x1b[0m",
        "من صمم الجسر؟",
        "\ud800 who designed the bridge?",
        "谁设计了这座桥？",
        "x " * 900,
        "?",
    ],
)
@pytest.mark.parametrize("kind", ["hybrid", "lexical", "dense"])
def test_any_text_is_a_question(assistant: Assistant, question: str, kind: str) -> None:
    answer = assistant.ask(question, retrieval=kind)
    assert Answer.from_json(json.loads(json.dumps(answer.to_json()))).question == answer.question
    answer.question.encode("utf-8")


def test_control_characters_do_not_change_what_is_asked(assistant: Assistant) -> None:
    plain = assistant.ask("Who designed the bridge?")
    odd = assistant.ask("\x1bWho designed\x00the\u202e bridge?")
    assert dataclasses.replace(odd, question=plain.question, timings_ms=plain.timings_ms) == plain


def test_a_folder_without_documents(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with make(tmp_path / "empty") as assistant, pytest.raises(PinciteError, match="no documents to ask"):
        assistant.ask("Who?")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PinciteError, match=r"no file or folder .*gone.*--index DIR"):
        make(tmp_path / "gone")
    with pytest.raises(PinciteError, match="No documents were named"):
        Assistant.from_documents([], encoder=FakeEncoder())


def test_an_index_in_the_place_of_documents(assistant: Assistant) -> None:
    with pytest.raises(PinciteError, match=r"is an index, not documents.*--index"):
        make(assistant.store.path)


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PinciteError):
        Assistant.open(tmp_path / "none.pincite")
    assert not (tmp_path / "none.pincite").exists()


# The index --------------------------------------------------------------------------------------------


def test_an_index_answers_when_the_documents_are_gone(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "kept.pincite"
    with make(folder, index=index) as assistant:
        before = words(assistant.ask("Who designed the bridge?"))
    shutil.rmtree(folder)
    with Assistant.open(index, encoder=FakeEncoder(), reader=FakeReader()) as assistant:
        assert words(assistant.ask("Who designed the bridge?")) == before


def test_an_unchanged_folder_is_not_encoded_again(folder: Path) -> None:
    make(folder).close()
    encoder = FakeEncoder()
    with make(folder, encoder=encoder) as assistant:
        assert encoder.encoded == 0
        report = assistant.refresh()
        assert report is not None
        assert report.unchanged == ["bridge.txt", "museum.txt", "weather.txt"]
        assert encoder.encoded == 0


def test_changed_added_and_removed_files_are_noticed(folder: Path) -> None:
    with make(folder) as assistant:
        assert assistant.ask("Who designed the bridge?").answered
        (folder / "bridge.txt").write_text("The harbour bridge was designed by Anna Bakke.\n")
        (folder / "weather.txt").unlink()
        (folder / "ferry.txt").write_text("The ferry captain is Petra Lund.\n")
        report = assistant.refresh()
        assert report is not None
        assert (report.added, report.changed, report.removed) == (["ferry.txt"], ["bridge.txt"], ["weather.txt"])
        assert "Anna Bakke" in (assistant.ask("Who designed the harbour bridge?").text or "")
        assert "Petra Lund" in (assistant.ask("Who is the ferry captain?").text or "")
    with make(folder) as again:
        assert [record.name for record in again.store.documents()] == ["bridge.txt", "ferry.txt", "museum.txt"]


def test_other_settings_have_their_own_cached_index(folder: Path) -> None:
    with make(folder) as one, make(folder, settings=Settings(passages={"size": 32, "overlap": 8})) as two:
        assert one.store.path != two.store.path
        assert one.store.path == make(folder).store.path


def test_a_cached_index_of_another_encoder_is_made_again(folder: Path) -> None:
    make(folder).close()
    encoder = FakeEncoder(fingerprint="fake-2")
    with make(folder, encoder=encoder) as assistant:
        assert encoder.encoded > 0
        assert assistant.ask("Who designed the bridge?").answered


def test_a_named_index_of_another_encoder_or_passage_size_is_refused(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "kept.pincite"
    make(folder, index=index).close()
    with pytest.raises(PinciteError):
        make(folder, index=index, encoder=FakeEncoder(fingerprint="fake-2"))
    with pytest.raises(PinciteError, match="passages of 160 tokens"):
        make(folder, index=index, settings=Settings(passages={"size": 32, "overlap": 8}))
    with pytest.raises(PinciteError, match="passages of 160 tokens"):
        Assistant.open(index, encoder=FakeEncoder(), settings=Settings(passages={"size": 32, "overlap": 8}))


def test_a_damaged_cached_index_is_made_again(folder: Path) -> None:
    with make(folder) as assistant:
        path = assistant.store.path
    (path / "index.sqlite").write_bytes(b"no database" * 100)
    with make(folder) as assistant:
        assert assistant.ask("Who designed the bridge?").answered


def test_documents_added_and_removed_by_hand(assistant: Assistant, tmp_path: Path) -> None:
    extra = tmp_path / "extra.txt"
    extra.write_text("The lighthouse keeper is Jens Moe.\n")
    assert assistant.index(extra).added == ["extra.txt"]
    assert "Jens Moe" in (assistant.ask("Who is the lighthouse keeper?").text or "")
    assert assistant.remove(["extra.txt"]) == 1
    assert not assistant.ask("Who is the lighthouse keeper?").answered


def test_threads_get_the_answers_that_one_gets(assistant: Assistant) -> None:
    questions = ["Who designed the bridge?", "Who is the director of the museum?", "When did rain fall?"] * 4
    expected = [words(assistant.ask(question)) for question in questions]
    got: dict[int, dict[str, Any]] = {}

    def ask(number: int) -> None:
        got[number] = words(assistant.ask(questions[number]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[number] for number in range(len(questions))] == expected


# Follow-up questions ----------------------------------------------------------------------------------

HISTORY = [{"question": "When was the harbour bridge opened?", "answer": "May 1932"}]


def test_a_follow_up_is_rewritten_and_shown(assistant: Assistant) -> None:
    answer = assistant.ask("Who designed it?", history=HISTORY)
    assert answer.question == "Who designed it?"
    assert answer.standalone_question is not None
    assert "bridge" in answer.standalone_question
    assert "Ove Larsen" in (answer.text or "")
    resolution = assistant.resolve("Who designed it?", HISTORY)
    assert answer.standalone_question in (resolution.standalone, *resolution.readings)


def test_rewriting_can_be_switched_off(assistant: Assistant, folder: Path) -> None:
    assert assistant.ask("Who designed it?", history=HISTORY, rewrite=False).standalone_question is None
    with make(folder, settings=Settings(rewrite=False)) as plain:
        assert plain.ask("Who designed it?", history=HISTORY).standalone_question is None
        assert plain.ask("Who designed it?", history=HISTORY, rewrite=True).standalone_question is not None


def test_a_question_that_stands_alone_is_untouched(assistant: Assistant) -> None:
    asked = "Who is the director of the whaling museum?"
    answer = assistant.ask(asked, history=HISTORY)
    assert answer.standalone_question is None
    assert words(answer) == words(assistant.ask(asked))


def test_histories_as_turns_or_mappings(assistant: Assistant) -> None:
    turns = [Turn(HISTORY[0]["question"], HISTORY[0]["answer"])]
    asked = "Who designed it?"
    mapped = words(assistant.ask(asked, history=HISTORY))
    assert words(assistant.ask(asked, history=turns)) == mapped
    alone, together = assistant.ask_many([asked, asked], histories=[[], turns])
    assert words(together) == mapped
    assert alone.standalone_question is None
    for broken in ([{"answer": "x"}], ["text"], [{"question": "x", "answer": 3}]):
        with pytest.raises(PinciteError, match="turn of the history"):
            assistant.ask(asked, history=broken)  # type: ignore[arg-type]
    with pytest.raises(PinciteError, match="2 questions and 1 histories"):
        assistant.ask_many([asked, asked], histories=[[]])


def test_of_several_readings_the_one_answered_best_is_kept(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qa.followups

    readings = ("Who designed the weather of nowhere special?", "Who designed the harbour bridge?")
    monkeypatch.setattr(
        qa.followups, "resolve", lambda question, history: qa.followups.Resolution(readings[0], readings, "test")
    )
    answer = assistant.ask("Who designed it?", history=HISTORY)
    assert answer.standalone_question == readings[1]
    assert "Ove Larsen" in (answer.text or "")
    assert answer.question == "Who designed it?"


# While others write -----------------------------------------------------------------------------------


def test_candidates_of_a_document_that_changed_meanwhile_are_left_out() -> None:
    def candidate(name: str) -> Candidate:
        return Candidate(1, name, "", 4, 9, "peace", 0.5)

    texts = {"same.txt": "The peace.", "moved.txt": "A new peace."}

    def document(name: str) -> Document:
        if name not in texts:
            raise PinciteError("It is gone.")
        return Document(name, "", texts[name], "txt", "0")

    found = [[candidate("same.txt"), candidate("moved.txt")], [candidate("gone.txt")]]
    standing, sources = still_standing(found, document)
    assert standing == [[candidate("same.txt")], []]
    assert set(sources) == {"same.txt", "moved.txt"}


def test_asking_while_another_process_indexes(assistant: Assistant, folder: Path) -> None:
    texts = (BRIDGE, "New preface. " * 30 + BRIDGE)
    stop = threading.Event()

    def rewrite() -> None:
        other = Store.open(assistant.store.path)
        for turn in range(1000):
            if stop.is_set():
                break
            (folder / "bridge.txt").write_text(texts[turn % 2])
            index_documents(other, [folder], FakeEncoder())
        other.close()

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(15):
            answer = assistant.ask("Who is the designer of the harbour bridge?")
            for citation in answer.citations:
                if citation.document == "bridge.txt":
                    assert citation.text in {text[citation.start : citation.end] for text in texts}
    finally:
        stop.set()
        writer.join()
    assert "Ove Larsen" in (assistant.ask("Who is the designer of the harbour bridge?").text or "")


def test_a_misspelt_question_is_read_as_it_was_meant_and_shown_as_it_was_asked(
    assistant: Assistant, folder: Path
) -> None:
    asked = "Who is the designre of the harbuor bridge?"
    answer = assistant.ask(asked)
    meant = assistant.ask("Who is the designer of the harbour bridge?")
    assert (answer.question, answer.standalone_question) == (asked, None)
    assert answer.text == meant.text
    with make(folder, settings=Settings(spelling=False)) as literal:
        assert literal.ask(asked).confidence < answer.confidence
