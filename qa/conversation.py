"""A conversation: questions that may lean on those before, kept with their answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from embeddings.errors import PinciteError
from qa.types import Answer, Turn

MAX_TURNS = 20


class Asks(Protocol):
    """What a conversation needs of an assistant."""

    @property
    def ask(self) -> Callable[..., Answer]:
        """Answers a question, understood from ``history``; other keywords are the assistant's overrides."""
        ...


def turn_from_json(data: Turn | Mapping[str, Any]) -> Turn:
    """Read a turn in the data set's history form, ``{"question", "answer", "standalone_question"?}``.

    A turn is returned as it is. An answer that is absent or null is one that the user saw as not in the documents.
    Raises PinciteError for anything else.
    """
    if isinstance(data, Turn):
        return data
    if not isinstance(data, Mapping):
        raise PinciteError(f"A turn of the history is {data!r}; it must be an object with a question and an answer.")
    question, answer, standalone = data.get("question"), data.get("answer"), data.get("standalone_question")
    if not isinstance(question, str) or not question.strip():
        raise PinciteError(f"A turn of the history has the question {question!r}; it must be text that is not empty.")
    for name, value in (("answer", answer), ("standalone_question", standalone)):
        if value is not None and not isinstance(value, str):
            raise PinciteError(f"A turn of the history has the {name} {value!r}; it must be text, or null.")
    return Turn(question, answer, standalone)


def history_from_json(history: Sequence[Turn | Mapping[str, Any]] | None) -> tuple[Turn, ...]:
    """Read a history in the data set's form; None is an empty one. Raises PinciteError."""
    if isinstance(history, (str, bytes, Mapping)):
        raise PinciteError("The history must be a list of turns, each with a question and an answer.")
    return tuple(turn_from_json(turn) for turn in history or ())


class Conversation:
    """A bounded row of turns with an assistant; the oldest are forgotten first.

    Safe to share between threads: questions are asked one after the other.
    """

    def __init__(
        self,
        assistant: Asks,
        history: Sequence[Turn | Mapping[str, Any]] | None = None,
        max_turns: int = MAX_TURNS,
    ) -> None:
        if max_turns < 1:
            raise PinciteError(f"max_turns is {max_turns}; it must be at least 1.")
        self.assistant = assistant
        self.max_turns = max_turns
        self._lock = threading.RLock()
        self._turns: list[Turn] = list(history_from_json(history))[-max_turns:]

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns, oldest first."""
        with self._lock:
            return tuple(self._turns)

    @property
    def history(self) -> list[dict[str, Any]]:
        """The turns in the data set's history form, oldest first; ready for ``json.dumps``."""
        return [turn.to_json() for turn in self.turns]

    def ask(self, question: str, *, standalone: str | None = None, **overrides: Any) -> Answer:
        """Ask a question in this conversation and remember it with its answer.

        What was understood is the answer's ``standalone_question``. ``standalone`` is the user's own wording of that:
        it is asked as it stands, without rewriting. ``rewrite=False`` and the other overrides go to the assistant.
        A question that raises is not remembered.
        """
        if standalone is not None and not standalone.strip():
            raise PinciteError("The edited question is empty; give the question as you mean it.")
        with self._lock:
            if standalone is None:
                answer = self.assistant.ask(question, history=self.turns, **overrides)
            else:
                overrides["rewrite"] = False
                answer = self.assistant.ask(standalone, history=(), **overrides)
                edited = None if standalone.strip() == question.strip() else standalone
                answer = replace(answer, question=question, standalone_question=edited)
            self._turns.append(Turn(question, answer.text, answer.standalone_question))
            del self._turns[: -self.max_turns]
            return answer

    def undo(self) -> Turn | None:
        """Forget the last turn and return it, so that it can be asked again; None when there is none."""
        with self._lock:
            return self._turns.pop() if self._turns else None

    def reset(self) -> None:
        """Forget every turn."""
        with self._lock:
            self._turns.clear()

    def to_json(self) -> str:
        """Return the conversation as JSON text."""
        return json.dumps({"max_turns": self.max_turns, "history": self.history}, ensure_ascii=False)

    @classmethod
    def from_json(cls, assistant: Asks, text: str) -> Conversation:
        """Take up a conversation from :meth:`to_json`'s text. Raises PinciteError where it is not one."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise PinciteError(f"The conversation is not JSON: {error}.") from error
        if not isinstance(data, dict) or not isinstance(data.get("history"), list):
            raise PinciteError("The conversation has no history; it must be an object with a list of turns.")
        max_turns = data.get("max_turns", MAX_TURNS)
        if not isinstance(max_turns, int) or isinstance(max_turns, bool):
            raise PinciteError(f"max_turns is {max_turns!r}; it must be a whole number of at least 1.")
        return cls(assistant, data["history"], max_turns)
