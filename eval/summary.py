"""The report in the terminal. Documents are untrusted: their text is printable characters and never markup."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval.figures import BY_KIND, Figure, shown
from eval.report import Comparison, Report
from eval.rows import GOOD_VERDICTS
from qa.questions import printable

_NAMED = 10  # questions listed at most


def print_report(report: Report, console: Console) -> None:
    """Print every figure with its interval and n, the figures by kind, and what could not be scored."""
    head = f"{printable(report.dataset)}, {report.mode}: {len(report.eligible)} questions scored"
    if report.threshold is not None:
        head += f", abstention threshold {report.threshold:.3f}"
    console.print(Text(head, style="bold"))
    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    for column in ("value", "95 % interval", "n"):
        table.add_column(column, justify="right")
    group = None
    for figure in report.figures:
        if group is not None and figure.group != group:
            table.add_section()
        group = figure.group
        table.add_row(figure.label, _value(figure), _range(figure), str(figure.n))
    console.print(table)
    for key, threshold in report.best_thresholds.items():
        console.print(f"Best threshold for {key.upper()} on these questions: {threshold:.3f}")
    _print_kinds(report, console)
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in report.verdicts.items())
    console.print(Text(f"Verdicts: {verdicts}"))
    _print_some("Not scored", (f"{id}: {reason}" for id, reason in report.ineligible.items()), console)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the differences to an earlier run with paired intervals, and which questions flipped."""
    table = Table(box=None, pad_edge=False, title=f"Against the earlier run, {comparison.n} common questions")
    for column in ("figure", "before", "after", "change", "95 % interval", ""):
        table.add_column(
            column, justify="right" if column in {"before", "after", "change", "95 % interval"} else "left"
        )
    for difference in comparison.differences:
        unit, change = difference.unit, difference.change
        numbers = (difference.before, difference.after, change.value)
        interval = f"{shown(change.low, unit)} to {shown(change.high, unit)}"
        table.add_row(difference.label, *(shown(number, unit) for number in numbers), interval, difference.word)
    console.print(table)
    gained = sum(flip.after in GOOD_VERDICTS for flip in comparison.flips)
    lost = sum(flip.before in GOOD_VERDICTS for flip in comparison.flips)
    console.print(f"{len(comparison.flips)} questions flipped: {gained} gained, {lost} lost.")
    lines = (f"{f.id}: {f.before} ({f.text_before!r}) to {f.after} ({f.text_after!r})" for f in comparison.flips)
    _print_some("Flipped", lines, console)


def _print_kinds(report: Report, console: Console) -> None:
    kinds = {kind: {figure.key: figure for figure in figures} for kind, figures in report.by_kind.items()}
    labels = {figure.key: figure.label for figures in report.by_kind.values() for figure in figures}
    if len(kinds) < 2:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("kind")
    table.add_column("n", justify="right")
    keys = [key for key in BY_KIND if key in labels]
    for key in keys:
        table.add_column(labels[key], justify="right")
    for kind, figures in kinds.items():
        cells = [_value(figures[key]) if key in figures else "" for key in keys]
        table.add_row(Text(printable(kind)), str(figures["em"].n), *cells)
    console.print(table)


def _print_some(title: str, lines: Iterable[str], console: Console) -> None:
    listed = list(lines)
    for line in listed[:_NAMED]:
        console.print(Text(f"{title}: {printable(line)}"))
    if len(listed) > _NAMED:
        console.print(f"... and {len(listed) - _NAMED} more.")


def _value(figure: Figure) -> str:
    return f"{shown(figure.value, figure.unit)}{' ' + figure.unit if figure.unit else ''}"


def _range(figure: Figure) -> str:
    if figure.low == figure.high == figure.value:
        return ""
    return f"{shown(figure.low, figure.unit)} to {shown(figure.high, figure.unit)}"
