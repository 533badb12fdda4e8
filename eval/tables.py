"""The tables of the README: the bundled set and SQuAD in its modes, run and kept, or printed from what was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from eval.ablations import SQUAD
from eval.baseline import BASELINES, Baseline
from eval.datasets import load_dataset
from eval.figures import Figure
from eval.gate import SEEDS, run
from eval.runner import Mode, evaluate, journal_folder, open_system
from qa.cli import default_documents, open_assistant
from qa.settings import Settings


@dataclass(frozen=True, slots=True)
class Measured:
    """A column: a data set in a mode, and the file its figures are kept in."""

    title: str
    name: str
    data: Path
    mode: Mode


COLUMNS = (
    Measured("seeds", "seeds", SEEDS, "end-to-end"),
    Measured("SQuAD 2.0, reader", "squad-2.0-reader", SQUAD.with_name("dev-2.0-a.json.gz"), "reader"),
    Measured("SQuAD 1.1, reader", "squad-1.1-reader", SQUAD, "reader"),
    Measured("SQuAD 2.0, open", "squad-2.0-open", SQUAD.with_name("dev-2.0-a.json.gz"), "open"),
    Measured("SQuAD 1.1, open", "squad-1.1-open", SQUAD, "open"),
)
ROWS = (
    "em", "f1", "em_answerable", "f1_answerable", "span_em", "span_f1", "best_em", "best_f1", "citation_right",
    "citation_precision", "right_and_cited", "abstention_recall", "abstention_precision", "auroc", "aurc",
    "accuracy_at_90", "ece", "recall@1 hybrid", "recall@5 hybrid", "recall@10 hybrid", "recall@20 hybrid",
    "mrr hybrid", "ndcg@10 hybrid", "follow_em_with", "follow_em_without", "latency_p50 total", "latency_p95 total",
    "questions_per_second", "passages_per_second", "peak_memory",
)  # fmt: skip


_NAMES = ", ".join(column.name for column in COLUMNS)


@click.command(help=__doc__)
@click.option("--run", "names", multiple=True, metavar="NAME|all", help=f"Run these: {_NAMES}.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N questions, and keep nothing.")
def main(names: tuple[str, ...], limit: int | None) -> None:
    """Run what is asked for, keep the figures in eval/baselines, and print the table of all that are kept."""
    unknown = set(names) - {column.name for column in COLUMNS} - {"all"}
    if unknown:
        raise click.UsageError(f"There is no {sorted(unknown)[0]!r} among {_NAMES}.")
    found: dict[str, Baseline] = {}
    for column in COLUMNS:
        path = BASELINES / f"{column.name}.json"
        if column.name in names or "all" in names:
            click.echo(f"{column.name} ...", err=True)
            found[column.title] = measure(column, limit)
            if limit is None:
                found[column.title].save(path)
        elif path.is_file():
            found[column.title] = Baseline.load(path)
    click.echo(markdown(found))


def measure(column: Measured, limit: int | None) -> Baseline:
    """Run a data set in its mode."""
    dataset, settings = load_dataset(column.data), Settings()
    opener = None if dataset.paragraphs else lambda: open_assistant([str(default_documents())], None)
    with open_system(dataset, column.mode, assistant=opener, settings=settings) as opened:
        report = evaluate(opened, limit=limit, journal_folder=journal_folder(settings)).report
    # the words of SQuAD stay out of the repository: its licence is another one
    return Baseline.of(report, dataset.fingerprint, questions=not dataset.paragraphs)


def markdown(found: Mapping[str, Baseline]) -> str:
    """Return one row a figure and one column a data set, intervals in brackets."""
    lines = ["| " + " | ".join(["", *found]) + " |", "|---|" + "---|" * len(found)]
    counts = [f"{baseline.figures['em'].n:,}" for baseline in found.values()]
    lines.append("| questions | " + " | ".join(counts) + " |")
    for key in ROWS:
        figures = [baseline.figures.get(key) for baseline in found.values()]
        some = next((figure for figure in figures if figure is not None), None)
        if some is not None:
            unit = f" ({some.unit})" if some.unit else ""
            lines.append(f"| {some.label}{unit} | " + " | ".join(map(_cell, figures)) + " |")
    return "\n".join(lines)


def _cell(figure: Figure | None) -> str:
    return str(figure).replace("(", "[").replace(")", "]") if figure is not None else ""


if __name__ == "__main__":
    run(main)
