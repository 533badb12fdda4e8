"""The conversation as HTML: each turn's answer with its exact words, sentence, sources and confidence."""

from __future__ import annotations

from collections.abc import Sequence

from qa.answers import disagree
from qa.types import Alternative, Answer, Citation
from ui.session import ChatTurn
from ui.source import Mark, marked_text
from ui.text import count, escape, one_line, percent, tag

_THUMB = "M7 21H4V10h3m0 11V10l4-7c1.7 0 2.5 1.2 2.2 2.8L12.5 9H19c1.3 0 2.2 1.2 1.9 2.5l-1.8 8c-.2.9-1 1.5-1.9 1.5z"
NEAREST_SHOWN = 3
SOURCES_SHOWN = 5

_CONFIDENCE_WORDS = (
    (0.9, "Very likely right"),
    (0.7, "Likely right"),
    (0.5, "More likely right than not"),
    (0.0, "Uncertain"),
)


def confidence_words(confidence: float) -> str:
    """Return the words for a calibrated probability of being right."""
    return next(words for floor, words in _CONFIDENCE_WORDS if confidence >= floor)


def render_conversation(turns: Sequence[ChatTurn], examples: Sequence[str], corpus: str) -> str:
    """Return the whole conversation, or the welcome with example questions where there is none yet.

    ``corpus`` says in words what is searched, such as "5 documents".
    """
    if not turns:
        return _welcome(examples, corpus)
    articles = [render_turn(turn, last=turn is turns[-1]) for turn in turns]
    return tag("div", "".join(articles), class_="turns")


def _welcome(examples: Sequence[str], corpus: str) -> str:
    buttons = "".join(
        tag("button", escape(example), type="button", class_="example", data_act="example", data_question=example)
        for example in examples
    )
    tried = tag("p", "For example", class_="examples-title") + tag("div", buttons, class_="examples")
    return tag(
        "div",
        tag("h2", "Ask your documents a question")
        + tag(
            "p",
            f"You get the exact words that answer it, pinned to where they stand in {escape(corpus)}, "
            "or a plain “not in these documents”.",
        )
        + (tried if examples else ""),
        class_="welcome",
    )


def render_turn(turn: ChatTurn, *, last: bool) -> str:
    """Return one turn: the question, what was understood, and the answer or its absence."""
    parts = [tag("h3", escape(one_line(turn.question)), class_="question", dir="auto")]
    if turn.answer is not None:
        parts.append(_understood(turn, turn.answer))
        parts.append(_answered(turn, turn.answer) if turn.answer.answered else _not_found(turn, turn.answer))
        parts.append(_actions(turn, last=last))
    elif turn.error is not None:
        parts.append(tag("p", escape(turn.error), class_="error", role="alert"))
    else:
        stage = escape(turn.stage or "Waiting for its turn")
        parts.append(
            tag("p", f'<span class="spinner" aria-hidden="true"></span>{stage} …', class_="stage", role="status")
        )
    return tag("article", "".join(parts), class_="turn", data_turn=turn.id)


def _understood(turn: ChatTurn, answer: Answer) -> str:
    if answer.standalone_question is None:
        return ""
    shown = tag("q", escape(one_line(answer.standalone_question)), class_="standalone", dir="auto")
    as_typed = _button("Ask as typed", "as-typed", turn, title="Ask the question without completing it")
    edit = _button("Edit", "edit", turn, title="Change what was understood and ask again")
    return tag("p", f"Understood as: {shown} {as_typed} {edit}", class_="understood")


def _answered(turn: ChatTurn, answer: Answer) -> str:
    first = answer.citations[0]
    words = _cite_button(turn, 1, escape(one_line(answer.text or "")), "answer-words")
    sentence = tag("blockquote", _sentence(first) + " " + _cite_button(turn, 1, "[1]", "ref"), class_="sentence")
    sources = _sources(turn, answer.citations, 1)
    parts = [tag("p", words, class_="answer-line", dir="auto"), sentence, _confidence(answer.confidence)]
    documents = {citation.document for citation in answer.citations}
    if answer.sources_differ:
        parts.append(_differing(turn, answer, sources))
    else:
        if len(documents) > 1:
            agreeing = f"{count(len(documents), 'document')} give this answer."
            parts.append(tag("p", agreeing, class_="notice agree"))
        parts.append(sources)
        parts.append(_folded(turn, _numbered(answer)))
    return tag("div", "".join(parts), class_="answer")


def _differing(turn: ChatTurn, answer: Answer, sources: str) -> str:
    notice = tag("p", "These documents do not agree. Each answer stands with its own sources.", class_="notice differ")
    groups = [tag("h4", escape(one_line(answer.text or "")), dir="auto") + sources]
    others = []
    for number, other in _numbered(answer):
        if _contradicts(turn, answer, other):
            heading = tag("h4", f"{escape(one_line(other.text))} {_chance(other.confidence)}", dir="auto")
            groups.append(heading + _sources(turn, other.citations, number))
        else:
            others.append((number, other))
    return notice + "".join(tag("section", group, class_="differing") for group in groups) + _folded(turn, others)


def _numbered(answer: Answer) -> list[tuple[int, Alternative]]:
    """Return the alternatives, each with the number of its first citation."""
    number = len(answer.citations) + 1
    numbered = []
    for other in answer.alternatives:
        numbered.append((number, other))
        number += len(other.citations)
    return numbered


def stepped_through(turn: ChatTurn, number: int) -> list[int]:
    """Return the citations that previous and next go through from ``number``.

    From a citation of the answer, or of one that contradicts it, these; from a folded one, the folded ones.
    """
    answer = turn.answer
    if answer is None:
        return []
    shown = list(range(1, len(answer.citations) + 1))
    folded: list[int] = []
    for first, other in _numbered(answer):
        numbers = range(first, first + len(other.citations))
        (shown if answer.sources_differ and _contradicts(turn, answer, other) else folded).extend(numbers)
    return shown if number in shown else folded


def _contradicts(turn: ChatTurn, answer: Answer, other: Alternative) -> bool:
    own = {citation.document for citation in answer.citations}
    elsewhere = own.isdisjoint(citation.document for citation in other.citations)
    return elsewhere and other.confidence >= turn.threshold and disagree(answer.text or "", other.text)


def _folded(turn: ChatTurn, others: Sequence[tuple[int, Alternative]]) -> str:
    if not others:
        return ""
    summary = tag("summary", "Other possible answers")
    return tag("details", summary + _nearest(turn, others), class_="folded", data_keep=f"{turn.id}-others")


def _not_found(turn: ChatTurn, answer: Answer) -> str:
    parts = [tag("p", "Not in these documents", class_="not-found-title")]
    reached, needed = (tag("span", percent(share), class_="nowrap") for share in (answer.confidence, turn.threshold))
    if answer.alternatives:
        parts.append(
            tag(
                "p",
                "Nothing was found that answers the question well enough to be quoted as an answer. "
                f"The best passage is {reached} likely to hold it; {needed} is asked for.",
            )
        )
        body = _nearest(turn, _numbered(answer))
        shown = min(len(answer.alternatives), NEAREST_SHOWN)
        summary = tag("summary", f"The nearest {'passage' if shown == 1 else 'passages'}, as they stand")
        parts.append(tag("details", summary + body, class_="folded", data_keep=f"{turn.id}-nearest"))
    else:
        parts.append(tag("p", "No passage comes near the question."))
    return tag("div", "".join(parts), class_="not-found", role="status")


def _nearest(turn: ChatTurn, others: Sequence[tuple[int, Alternative]]) -> str:
    items = []
    for number, other in others[:NEAREST_SHOWN]:
        sentence = tag("blockquote", _sentence(other.citations[0]), class_="sentence")
        items.append(tag("li", sentence + _sources(turn, other.citations, number, chance=other.confidence)))
    return tag("ul", "".join(items), class_="nearest")


def _sentence(citation: Citation) -> str:
    context = citation.context
    offset = context.start
    marks = [Mark(citation.start - offset, citation.end - offset, "span")]
    return tag("span", marked_text(context.text, 0, len(context.text), marks), dir="auto")


def _sources(turn: ChatTurn, citations: Sequence[Citation], first: int, *, chance: float | None = None) -> str:
    items = []
    for number, citation in enumerate(citations[:SOURCES_SHOWN], first):
        title, where = turn.labels.get(number, (citation.document, ""))
        label = (
            tag("span", f"[{number}]", class_="ref")
            + tag("span", escape(one_line(title, 90)), class_="source-name", dir="auto")
            + tag("span", escape(where), class_="where")
        )
        button = _cite_button(turn, number, label, "source-link")
        items.append(tag("li", button + (_chance(chance) if chance is not None else "")))
    hidden = len(citations) - SOURCES_SHOWN
    if hidden > 0:
        items.append(tag("li", f"and {count(hidden, 'more place')}, by next citation", class_="more-places"))
    return tag("ol", "".join(items), class_="sources")


def _confidence(confidence: float) -> str:
    bar = tag(
        "span",
        f'<span style="inline-size:{max(2, round(confidence * 100))}%"></span>',
        class_="bar",
        aria_hidden="true",
    )
    words = f"{escape(confidence_words(confidence))} · {percent(confidence)}"
    return tag("p", bar + tag("span", words), class_="confidence", title="How likely these words are the right answer")


def _chance(confidence: float) -> str:
    return tag("span", f"{percent(confidence)} likely", class_="chance")


def _actions(turn: ChatTurn, *, last: bool) -> str:
    answer = turn.answer
    assert answer is not None
    buttons = []
    if answer.answered:
        buttons.append(_button("Copy", "copy", turn, title="Copy the words with their source"))
    if last:
        buttons.append(_button("Ask again", "retry", turn))
    buttons.extend(_thumb(turn, verdict) for verdict in ("up", "down"))
    if turn.added:
        buttons.append(tag("span", "In your evaluation set", class_="done", role="status"))
    else:
        label = "Add to the evaluation set" if answer.answered else "Add as unanswerable"
        about = "Keep this question and its marked words as a test" if answer.answered else "Keep as a test: no answer"
        buttons.append(_button(label, "add", turn, title=about))
    return tag("div", "".join(buttons), class_="actions") + _remark(turn)


def _thumb(turn: ChatTurn, verdict: str) -> str:
    words = "This is right" if verdict == "up" else "This is wrong"
    flip = ' transform="rotate(180 12 12)"' if verdict == "down" else ""
    icon = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_THUMB}"{flip}/></svg>'
    return tag(
        "button",
        icon,
        type="button",
        class_="quiet",
        data_act=f"thumb-{verdict}",
        data_turn=turn.id,
        title=words,
        aria_label=words,
        aria_pressed="true" if turn.verdict == verdict else "false",
    )


def _remark(turn: ChatTurn) -> str:
    if not turn.verdict:
        return ""
    if turn.remarked:
        return tag("p", "Thank you, noted.", class_="remark done", role="status")
    field = (
        f'<input type="text" maxlength="2000" id="remark-{turn.id}" class="remark-text" '
        'placeholder="A word on why (optional)" aria-label="Remark on this answer">'
    )
    return tag("div", field + _button("Send", "remark", turn), class_="remark")


def _cite_button(turn: ChatTurn, number: int, content: str, class_: str) -> str:
    return tag(
        "button",
        content,
        type="button",
        class_=f"cite {class_}",
        data_act="cite",
        data_turn=turn.id,
        data_n=number,
        title="Show in the document",
    )


def _button(label: str, act: str, turn: ChatTurn, **attributes: str) -> str:
    return tag("button", escape(label), type="button", class_="quiet", data_act=act, data_turn=turn.id, **attributes)
