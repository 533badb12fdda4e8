"""The Chat tab: asking, and reading each answer in its document."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from embeddings.documents import Document
from embeddings.errors import PinciteError
from qa.types import Answer
from ui.examples import example_questions
from ui.options import Options
from ui.panel import PRIVATE, asset, source_panel
from ui.session import ChatTurn, Session
from ui.source import SourceView, citation_view, place, render_source
from ui.text import count, escape, one_line
from ui.transcript import render_conversation, stepped_through
from ui.work import Outcome, error_sentence, in_background

if TYPE_CHECKING:
    from qa.assistant import Assistant

ASK_QUEUE = "ask"
_STAGES = {
    "retrieve": "Searching the documents",
    "read": "Reading the best passages",
    "answer": "Comparing the sources",
}


class Chat:
    """Handlers of the Chat tab over one shared assistant; all state of a person is in their session."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant

    # asking

    def push(self, question: str, session: Session, *options: Any) -> tuple[Any, ...]:
        """Show the question at once and clear the box; the answer follows through the queue."""
        if not question.strip():
            return gr.skip(), gr.skip()
        session.add(question.strip(), Options(*options).overrides(self.threshold))
        return "", self.conversation(session)

    def again(self, session: Session, event: gr.EventData, *options: Any) -> str:
        """Ask an example question, or one of the conversation again: as before, or as typed."""
        data = event._data or {}
        overrides = Options(*options).overrides(self.threshold)
        if data.get("act") == "example":
            question = str(data.get("question", ""))
            if question in example_questions(self.assistant):
                session.add(question, overrides)
            return self.conversation(session)
        old = session.turn(data.get("turn"))
        if old is None or old.waiting:
            return self.conversation(session)
        if data.get("act") == "as-typed":
            overrides["rewrite"] = False
        elif "rewrite" in old.overrides:
            overrides["rewrite"] = old.overrides["rewrite"]
        if old is session.turns[-1]:
            session.turns.pop()
        session.add(old.question, overrides)
        return self.conversation(session)

    def answer(self, session: Session) -> Iterator[tuple[str, Any]]:
        """Answer the oldest waiting question, showing the stages on the way, and open its first source."""
        turn = session.next_waiting()
        if turn is None:
            yield gr.skip(), gr.skip()
            return
        for update in self._ask(turn, session):
            if isinstance(update, str):
                turn.stage = update
            elif update.value is not None:
                self._take(turn, update.value)
            else:
                turn.error = error_sentence(update.error)
            if session.turn(turn.id) is None:  # cleared meanwhile
                return
            if turn.answer is None:
                yield self.conversation(session), gr.skip()
        if turn.answer is not None:
            source = self._open(session, turn, 1) if turn.answer.answered else gr.skip()
            yield self.conversation(session), source

    def _ask(self, turn: ChatTurn, session: Session) -> Iterator[str | Outcome[Answer]]:
        history = session.history(turn)
        return in_background(
            lambda report: self.assistant.ask(
                turn.question,
                history=history,
                on_stage=lambda stage: report(_STAGES.get(stage, stage)),
                **turn.overrides,
            )
        )

    def _take(self, turn: ChatTurn, answer: Answer) -> None:
        given = turn.overrides.get("threshold")
        turn.threshold = self.threshold if given is None else float(given)
        turn.answer = answer
        documents: dict[str, Document] = {}
        labels = {}
        for number, citation in enumerate(turn.citations(), 1):
            if citation.document not in documents:
                documents[citation.document] = self.assistant.store.document(citation.document)
            document = documents[citation.document]
            labels[number] = (document.title, place(document, citation.start))
        turn.labels = labels

    @property
    def threshold(self) -> float:
        """The abstention threshold where a question does not set its own."""
        threshold = self.assistant.settings.threshold
        return self.assistant.calibration.threshold if threshold is None else threshold

    # reading

    def conversation(self, session: Session) -> str:
        """Return the conversation as HTML."""
        corpus = count(len(self.assistant.store.documents()), "document")
        return render_conversation(session.turns, example_questions(self.assistant), corpus)

    def cite(self, session: Session, event: gr.EventData) -> Any:
        """Open a citation that was clicked."""
        data = event._data or {}
        turn = session.turn(data.get("turn"))
        number = data.get("n")
        if turn is None or not isinstance(number, int):
            return gr.skip()
        return self._open(session, turn, number)

    def step(self, session: Session, event: gr.EventData) -> Any:
        """Open the previous or next citation of the same answer, around the end."""
        turn = session.turn(session.open_turn)
        if turn is None or not turn.citations():
            return gr.skip()
        by = 1 if (event._data or {}).get("by") == 1 else -1
        numbers = stepped_through(turn, session.open_citation)
        return self._open(session, turn, numbers[(numbers.index(session.open_citation) + by) % len(numbers)])

    def window(self, session: Session, event: gr.EventData) -> Any:
        """Show another part of a long document."""
        start = (event._data or {}).get("from")
        if session.view is None or not isinstance(start, int):
            return gr.skip()
        view = session.view
        session.view = SourceView(view.document, view.marks, max(0, start), window_start=max(0, start))
        return render_source(session.view)

    def _open(self, session: Session, turn: ChatTurn, number: int) -> Any:
        citations = turn.citations()
        if not 1 <= number <= len(citations):
            return gr.skip()
        citation = citations[number - 1]
        try:
            document = self.assistant.store.document(citation.document)
        except PinciteError as error:
            gr.Warning(escape(str(error)), title="The document is gone")
            return gr.skip()
        session.open_turn, session.open_citation = turn.id, number
        turn.opened = number
        numbers = stepped_through(turn, number)
        session.view = citation_view(document, citation, numbers.index(number) + 1, len(numbers), turn.id, number)
        return render_source(session.view)

    # judging

    def note(self, session: Session, event: gr.EventData) -> str:
        """Store a thumb or a remark, or add the question with its marked words to the evaluation set."""
        data = event._data or {}
        turn = session.turn(data.get("turn"))
        act = data.get("act")
        if turn is None or turn.answer is None:
            return self.conversation(session)
        if act in ("thumb-up", "thumb-down"):
            turn.verdict = str(act).removeprefix("thumb-")
            turn.remarked = False
            self._feedback(turn, "")
        elif act == "remark" and turn.verdict:
            turn.remarked = True
            self._feedback(turn, one_line(str(data.get("remark", "")), 2000))
        elif act == "add" and not turn.added:
            citation = turn.citations()[turn.opened - 1] if turn.answer.answered else None
            span = None if citation is None else (citation.document, citation.start, citation.text)
            self._add_question(session, turn, span)
        return self.conversation(session)

    def select(self, session: Session, event: gr.EventData) -> str:
        """Add the question whose source is open, with the words selected there as its right answer."""
        data = event._data or {}
        turn, view = session.turn(session.open_turn), session.view
        start, end = data.get("start"), data.get("end")
        if turn is None and session.turns and not session.turns[-1].waiting:
            turn = session.turns[-1]
        if turn is None or turn.answer is None or view is None:
            gr.Warning("Ask a question first: the words you select become its right answer.")
        elif isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(view.document.text):
            text = view.document.text
            while start < end and text[start].isspace():
                start += 1
            while end > start and text[end - 1].isspace():
                end -= 1
            if start < end:
                self._add_question(session, turn, (view.document.name, start, text[start:end]))
        return self.conversation(session)

    def _feedback(self, turn: ChatTurn, remark: str) -> None:
        assert turn.answer is not None
        self.assistant.store.add_feedback(turn.question, turn.answer.to_json(), turn.verdict, remark)

    def _add_question(self, session: Session, turn: ChatTurn, span: tuple[str, int, str] | None) -> None:
        answers = [] if span is None else [{"doc": span[0], "text": span[2], "start": span[1]}]
        line = {
            "id": f"own-{uuid.uuid4().hex[:8]}",
            "question": turn.question,
            "kind": "own",
            "answerable": span is not None,
            "answers": answers,
            "history": [{"question": t.question, "answer": t.answer} for t in session.history(turn)],
        }
        self.assistant.store.add_eval_question(line)
        turn.added = True
        what = f"“{one_line(span[2], 80)}” is its right answer" if span else "no answer is right"
        gr.Info(f"Added to your evaluation set: {escape(what)}. The Evaluation tab offers it as “Your own questions”.")


def build_chat(chat: Chat, session: gr.State, options: list[Any], page: gr.Blocks) -> None:
    """Lay the tab out and wire it; ``options`` are the side bar's components in the order of ``Options``."""
    with gr.Row(elem_id="chat-row"):
        with gr.Column(scale=5, min_width=280, elem_id="chat-left"):
            conversation = gr.HTML(
                chat.conversation(Session()),
                elem_id="conversation",
                js_on_load=asset("conversation.js"),
                apply_default_css=False,
            )
            box = gr.Textbox(
                label="Your question",
                show_label=False,
                placeholder="Ask about the documents",
                lines=1,
                max_lines=6,
                autofocus=True,
                submit_btn=True,
                elem_id="question",
            )
            with gr.Row(elem_id="ask-row"):
                gr.HTML('<p class="ask-hint">Enter sends, Shift + Enter starts a new line</p>', apply_default_css=False)
                side = gr.Button("Search options", elem_id="options-button", size="sm")
                clear = gr.Button("Clear", elem_id="clear", size="sm")
        with gr.Column(scale=6, min_width=280, elem_id="chat-right"):
            source = source_panel("source")

    reading: dict[str, Any] = {**PRIVATE, "queue": False}
    page.load(chat.conversation, session, conversation, **reading)
    answering: dict[str, Any] = {**PRIVATE, "concurrency_id": ASK_QUEUE, "concurrency_limit": 1}
    pushed = box.submit(chat.push, [box, session, *options], [box, conversation], **reading)
    pushed.then(chat.answer, [session], [conversation, source], **answering)
    asked_again = conversation.again(chat.again, [session, *options], [conversation], **reading)
    asked_again.then(chat.answer, [session], [conversation, source], **answering)

    def edit(current: Session, event: gr.EventData) -> Any:
        turn = current.turn((event._data or {}).get("turn"))
        if turn is None or turn.answer is None:
            return gr.skip()
        return turn.answer.standalone_question or turn.question

    focus = "() => document.querySelector('#question textarea').focus()"
    conversation.edit(edit, [session], [box], **reading).then(None, js=focus, **PRIVATE)
    telling: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}  # only queued events can show a message
    conversation.cite(chat.cite, [session], [source], **telling)
    conversation.note(chat.note, [session], [conversation], **telling)
    source.step(chat.step, [session], [source], **telling)
    source.window(chat.window, [session], [source], **reading)
    source.select(chat.select, [session], [conversation], **telling)

    def forget(current: Session) -> tuple[str, str]:
        current.clear()
        return chat.conversation(current), render_source(None)

    side.click(None, js="() => document.querySelector('#side .toggle-button').click()", **PRIVATE)
    clear.click(forget, [session], [conversation, source], **reading).then(None, js=focus, **PRIVATE)
