"""Conversations: what is remembered, what is handed to the assistant, and what is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from embeddings.errors import PinciteError
from qa.conversation import Conversation, history_from_json, turn_from_json
from qa.followups import resolve
from qa.types import Answer, Citation, Context, Turn


class Listener:
    """An assistant that answers from a table, understands with the real rules and keeps what it was asked."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, tuple[Turn, ...], dict[str, Any]]] = []

    def ask(
        self, question: str, *, history: Sequence[Turn | Mapping[str, Any]] | None = None, **overrides: Any
    ) -> Answer:
        turns = history_from_json(history)
        self.asked.append((question, turns, overrides))
        rewrite = overrides.get("rewrite") is not False
        standalone = resolve(question, turns).standalone if rewrite else None
        text = self.answers.get(standalone or question)
        if text is None:
            return Answer(question, standalone, False, None, 0.1)
        citation = Citation("a.txt", 0, len(text), text, None, Context(0, len(text), text), 0.9)
        return Answer(question, standalone, True, text, 0.9, (citation,))


TABLE = {
    "Who protested in Moscow?": "Mikhail Galuzin",
    "When did Mikhail Galuzin protest in Moscow?": "April 27",
    "When did he do that?": "raw",
    "When did the ambassador protest?": "edited",
}


def test_a_follow_up_is_understood_from_what_is_remembered() -> None:
    chat = Conversation(Listener(TABLE))
    assert chat.ask("Who protested in Moscow?").text == "Mikhail Galuzin"
    answer = chat.ask("When did he do that?")
    assert answer.standalone_question == "When did Mikhail Galuzin protest in Moscow?"
    assert answer.text == "April 27"
    assert chat.history == [
        {"question": "Who protested in Moscow?", "answer": "Mikhail Galuzin"},
        {
            "question": "When did he do that?",
            "answer": "April 27",
            "standalone_question": "When did Mikhail Galuzin protest in Moscow?",
        },
    ]


def test_an_unanswered_question_is_remembered_without_an_answer() -> None:
    chat = Conversation(Listener())
    chat.ask("Who won?")
    assert chat.turns == (Turn("Who won?", None),)


def test_rewriting_can_be_switched_off() -> None:
    chat = Conversation(Listener(TABLE))
    chat.ask("Who protested in Moscow?")
    answer = chat.ask("When did he do that?", rewrite=False)
    assert answer.standalone_question is None
    assert answer.text == "raw"


def test_what_was_understood_can_be_edited() -> None:
    assistant = Listener(TABLE)
    chat = Conversation(assistant)
    chat.ask("Who protested in Moscow?")
    answer = chat.ask("When did he do that?", standalone="When did the ambassador protest?", top_k=3)
    assert answer.question == "When did he do that?"
    assert answer.standalone_question == "When did the ambassador protest?"
    assert answer.text == "edited"
    assert assistant.asked[-1] == ("When did the ambassador protest?", (), {"rewrite": False, "top_k": 3})
    assert chat.turns[-1] == Turn("When did he do that?", "edited", "When did the ambassador protest?")


def test_an_edit_back_to_the_question_is_no_rewrite() -> None:
    answer = Conversation(Listener(TABLE)).ask("When did he do that?", standalone="When did he do that?")
    assert answer.standalone_question is None


def test_an_empty_edit_is_refused_and_nothing_remembered() -> None:
    chat = Conversation(Listener())
    with pytest.raises(PinciteError, match="empty"):
        chat.ask("Why?", standalone="  ")
    assert len(chat) == 0


def test_overrides_reach_the_assistant() -> None:
    assistant = Listener()
    Conversation(assistant).ask("Who?", threshold=0.0, documents=["a.txt"])
    assert assistant.asked[0][2] == {"threshold": 0.0, "documents": ["a.txt"]}


def test_the_oldest_turns_are_forgotten_first() -> None:
    chat = Conversation(Listener(), max_turns=3)
    for i in range(5):
        chat.ask(f"Question {i}?")
    assert [turn.question for turn in chat.turns] == ["Question 2?", "Question 3?", "Question 4?"]
    assert [t.question for t in Conversation(Listener(), chat.history, max_turns=1).turns] == ["Question 4?"]


def test_round_trip_through_json() -> None:
    chat = Conversation(Listener(TABLE), max_turns=7)
    chat.ask("Who protested in Moscow?")
    chat.ask("When did he do that?")
    chat.ask("Warum, señor? 🗾")
    again = Conversation.from_json(Listener(), chat.to_json())
    assert again.turns == chat.turns
    assert again.max_turns == 7
    assert json.loads(json.dumps(chat.history)) == chat.history


def test_history_is_a_copy() -> None:
    chat = Conversation(Listener())
    chat.ask("Who?")
    chat.history.clear()
    chat.history[0]["question"] = "changed"
    assert chat.turns[0].question == "Who?"


def test_undo_and_reset() -> None:
    chat = Conversation(Listener())
    assert chat.undo() is None
    chat.ask("First?")
    chat.ask("Second?")
    assert chat.undo() == Turn("Second?", None)
    assert len(chat) == 1
    chat.reset()
    assert chat.history == []


def test_a_question_that_fails_is_not_remembered() -> None:
    class Broken(Listener):
        def ask(self, question: str, **_: Any) -> Answer:
            raise PinciteError("The question is too long.")

    chat = Conversation(Broken(), [Turn("Who?", "Japan")])
    with pytest.raises(PinciteError):
        chat.ask("x" * 9999)
    assert chat.turns == (Turn("Who?", "Japan"),)


def test_threads_ask_one_after_the_other() -> None:
    chat = Conversation(Listener(), max_turns=100)
    threads = [threading.Thread(target=lambda n=n: [chat.ask(f"{n} {i}?") for i in range(5)]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(chat) == 30
    lengths = [len(turns) for _, turns, _ in chat.assistant.asked]  # type: ignore[attr-defined]
    assert lengths == list(range(30))


@pytest.mark.parametrize(
    ("turn", "match"),
    [
        ("Who?", "must be an object"),
        ({"answer": "Japan"}, "question None"),
        ({"question": "  ", "answer": "Japan"}, "not empty"),
        ({"question": "Who?", "answer": 3}, "answer 3"),
        ({"question": "Who?", "answer": None, "standalone_question": ["x"]}, "standalone_question"),
    ],
)
def test_turns_that_are_none(turn: Any, match: str) -> None:
    with pytest.raises(PinciteError, match=match):
        turn_from_json(turn)


def test_the_data_sets_history_form_is_taken() -> None:
    turns = history_from_json([{"question": "Who?", "answer": "Japan"}, Turn("When?", None), {"question": "Why?"}])
    assert turns == (Turn("Who?", "Japan"), Turn("When?", None), Turn("Why?", None))
    assert history_from_json(None) == ()


@pytest.mark.parametrize("history", ["Who?", {"question": "Who?", "answer": None}])
def test_a_history_must_be_a_list(history: Any) -> None:
    with pytest.raises(PinciteError, match="list of turns"):
        history_from_json(history)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"history": [], "max_turns": 0}', '{"history": [], "max_turns": true}']
)
def test_json_that_is_no_conversation(text: str) -> None:
    with pytest.raises(PinciteError):
        Conversation.from_json(Listener(), text)
