"""What one browser session holds: its conversation, its evaluation, and what its source panels show."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from eval.report import Report
from qa.types import Answer, Citation, Turn
from ui.source import SourceView


@dataclass(slots=True)
class ChatTurn:
    """A question in the conversation, and what came of it so far.

    ``answer`` and ``error`` are None while it waits. ``labels`` maps a citation's number (from 1) to its
    document's title and its place in words, fixed when the answer was given.
    """

    id: int
    question: str
    overrides: dict[str, Any] = field(default_factory=dict)
    stage: str = ""
    answer: Answer | None = None
    error: str | None = None
    threshold: float = 0.0
    labels: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    verdict: str = ""
    remarked: bool = False
    added: bool = False
    opened: int = 1

    @property
    def waiting(self) -> bool:
        """True until the question has an answer or an error."""
        return self.answer is None and self.error is None

    def citations(self) -> list[Citation]:
        """Return every citation of the turn, numbered from 1 in this order: the answer's, then the alternatives'."""
        if self.answer is None:
            return []
        return [*self.answer.citations, *(c for other in self.answer.alternatives for c in other.citations)]


@dataclass(slots=True)
class Session:
    """One person's page. Kept in ``gr.State``: Gradio copies the empty one for each browser session."""

    turns: list[ChatTurn] = field(default_factory=list)
    view: SourceView | None = None
    open_turn: int | None = None
    open_citation: int = 0
    numbers: count[int] = field(default_factory=lambda: count(1))
    cancelled: CancelFlag = field(default_factory=lambda: CancelFlag())
    report: Report | None = None
    moved: Report | None = None
    earlier: Report | None = None
    case: list[SourceView] = field(default_factory=list)
    case_at: int = 0

    def add(self, question: str, overrides: Mapping[str, Any]) -> ChatTurn:
        """Append a waiting question."""
        turn = ChatTurn(next(self.numbers), question, dict(overrides))
        self.turns.append(turn)
        return turn

    def turn(self, turn_id: object) -> ChatTurn | None:
        """Return the turn of that id, or None: ids arrive from the browser and are not trusted."""
        return next((turn for turn in self.turns if turn.id == turn_id), None)

    def next_waiting(self) -> ChatTurn | None:
        """Return the oldest question without an answer."""
        return next((turn for turn in self.turns if turn.waiting), None)

    def history(self, before: ChatTurn) -> list[Turn]:
        """Return the answered turns before ``before``, as the assistant takes them."""
        turns = []
        for turn in self.turns:
            if turn is before:
                break
            if turn.answer is not None:
                turns.append(Turn(turn.question, turn.answer.text, turn.answer.standalone_question))
        return turns

    def clear(self) -> None:
        """Forget the conversation and what the panel showed."""
        self.turns.clear()
        self.view, self.open_turn, self.open_citation = None, None, 0


class CancelFlag:
    """A flag that one event sets and another reads; a copy is a fresh flag, so that no two sessions share one."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __deepcopy__(self, memo: object) -> CancelFlag:
        return CancelFlag()

    def set(self) -> None:
        """Ask the running work to stop."""
        self._event.set()

    def clear(self) -> None:
        """Forget an earlier wish to stop."""
        self._event.clear()

    def __call__(self) -> bool:
        return self._event.is_set()
