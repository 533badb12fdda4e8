"""Drawing for the terminal. Documents are untrusted: every text goes through ``printable`` and is never markup."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from qa.errors import PinciteError
from qa.questions import printable
from qa.types import Answer, Citation

if TYPE_CHECKING:
    from embeddings.documents import Document
    from embeddings.store import IndexReport
    from qa.assistant import Assistant
    from qa.doctor import Check

Documents = Callable[[str], "Document"]

_WORDS = (
    (0.9, "very likely right"),
    (0.7, "likely right"),
    (0.5, "more likely right than wrong"),
    (0.25, "unsure"),
    (0.0, "hardly more than a guess"),
)
_TITLE = 80
_LEAD = 300  # characters of a sentence shown before and after the marked span


def confidence_words(confidence: float) -> str:
    """Return a probability in words and per cent."""
    words = next(words for least, words in _WORDS if confidence >= least)
    return f"{words} ({confidence:.0%})"


def place(citation: Citation, document: Document) -> str:
    """Return where a citation stands: title, file, line (1-based), page if any, and character range."""
    line = document.text.count("\n", 0, citation.start) + 1
    page = f", page {citation.page}" if citation.page is not None else ""
    where = f"{citation.document}:{line}{page}, characters {citation.start}-{citation.end}"
    title = document.title if len(document.title) <= _TITLE else f"{document.title[:_TITLE].rstrip()}…"
    return printable(where if title in ("", citation.document) else f"{title} - {where}")


def quotation(citation: Citation, *, marks: bool = True) -> Text:
    """Return the sentence around a citation with the cited span marked; very long sentences are shortened.

    The span is shown inverse, and with ``marks`` in brackets too, for what shows no styles.
    """
    start, end = citation.start - citation.context.start, citation.end - citation.context.start
    before, after = citation.context.text[:start], citation.context.text[end:]
    text = Text("…" if len(before) > _LEAD else "")
    text.append(printable(before[-_LEAD:], strip=False))
    cited = printable(citation.text)
    text.append(f"[{cited}]" if marks else cited, style="bold reverse")
    text.append(printable(after[:_LEAD], strip=False))
    text.append("…" if len(after) > _LEAD else "")
    return text


def print_answer(answer: Answer, document: Documents, console: Console | None = None) -> None:
    """Print an answer with its sentence, sources and confidence, or that there is none."""
    out = console if console is not None else _console()
    if answer.standalone_question is not None:
        out.print(Text(f"Understood as: {printable(answer.standalone_question)}", style="italic"))
    if not answer.answered:
        _print_not_found(out, answer, document)
        return
    first, *others = answer.citations
    out.print(Text(printable(first.text), style="bold green"))
    _print_quotation(out, first, document)
    out.print(Text(f"Confidence: {confidence_words(answer.confidence)}"))
    if others:
        out.print(Text("Also supported by:", style="bold"))
        for citation in others:
            _print_quotation(out, citation, document)
    if answer.sources_differ:
        out.print(Text("The documents give different answers:", style="bold yellow"))
        own = {citation.document for citation in answer.citations}
        for other in answer.alternatives:
            if not own & {citation.document for citation in other.citations}:
                out.print(Text(f"{printable(other.text)} - {confidence_words(other.confidence)}", style="yellow"))
                _print_quotation(out, other.citations[0], document)


def _print_not_found(out: Console, answer: Answer, document: Documents) -> None:
    out.print(Text("Not in these documents.", style="bold red"))
    if not answer.alternatives:
        out.print(Text("Nothing near the question was found."))
        return
    out.print(Text(f"The nearest passages, not answers (the best is {confidence_words(answer.confidence)}):"))
    for alternative in answer.alternatives[:3]:
        _print_quotation(out, alternative.citations[0], document)


def _print_quotation(out: Console, citation: Citation, document: Documents) -> None:
    out.print(Padding(quotation(citation, marks=not out.is_terminal), (0, 0, 0, 2), expand=False))
    where = Text(place(citation, document(citation.document)), style="dim")
    out.print(Padding(where, (0, 0, 0, 4), expand=False))


def chat(assistant: Assistant) -> None:
    """Ask in turns until the end of input or /quit; follow-up questions are understood."""
    out = _console()
    conversation = assistant.conversation()
    if sys.stdin.isatty():
        import readline  # noqa: F401  # input() then edits lines and remembers them

        out.print(Text("Ask a question; /new starts over, /quit or Ctrl-D ends.", style="dim"))
        assistant.warm_up()
    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            return
        if question in ("/quit", "/exit"):
            return
        if question == "/new":
            conversation = assistant.conversation()
            continue
        if question:
            try:
                print_answer(conversation.ask(question), assistant.document, out)
            except PinciteError as error:
                out.print(Text(f"Error: {printable(str(error))}", style="red"))


def print_report(report: IndexReport, index: str) -> None:
    """Print what an indexing did, file by file."""
    out = _console()
    for word, names in (("added", report.added), ("changed", report.changed), ("removed", report.removed)):
        for name in names:
            out.print(Text(f"{word:>8} {printable(name)}"))
    for skipped in report.skipped:
        out.print(Text(f" skipped {printable(skipped.name)}: {printable(skipped.reason)}", style="yellow"))
    counts = (
        f"{len(report.added)} added, {len(report.changed)} changed, {len(report.removed)} removed, "
        f"{len(report.unchanged)} unchanged, {len(report.skipped)} skipped"
    )
    out.print(Text(f"{counts}; {report.passages:,} passages in {printable(index)} ({report.seconds:.1f} s)"))


def report_json(report: IndexReport) -> dict[str, Any]:
    """Return the report's JSON object."""
    return {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "skipped": [{"name": skipped.name, "reason": skipped.reason} for skipped in report.skipped],
        "passages": report.passages,
        "seconds": round(report.seconds, 3),
    }


def print_checks(checks: Sequence[Check]) -> None:
    """Print a line for each check; a failed one is followed by the command that fixes it."""
    out = _console()
    for check in checks:
        mark, style = ("ok  ", "green") if check.passed else ("FAIL", "bold red")
        out.print(Text.assemble((mark, style), f"  {check.name}: {printable(check.message)}"))
        if not check.passed:
            out.print(Text(f"      fix: {printable(check.remedy)}"))


@contextmanager
def progress(console: Console | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback (what, done, total) that draws a bar on the error stream, if that is a terminal."""
    console = console if console is not None else Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, total: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: list[TaskID] = []

        def show(what: str, done: int, total: int) -> None:
            if not tasks:  # nothing is drawn where nothing is done
                tasks.append(bar.add_task(""))
            bar.update(tasks[0], description=printable(what), completed=done, total=total)

        yield show


def _console() -> Console:
    # A pipe gets whole lines: somebody greps them.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 1_000_000)
