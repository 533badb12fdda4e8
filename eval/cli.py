"""``pincite eval``: parsing and printing only."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from eval.corpus import as_articles
from eval.datasets import Dataset, load_dataset
from eval.predictions import load_predictions
from eval.report import Comparison, Report, build_report, compare
from eval.rows import score
from eval.runner import MODES, Mode, Opened, Run, evaluate, journal_folder, open_system
from eval.summary import print_comparison, print_report
from qa import terminal
from qa.cli import open_assistant
from qa.settings import RETRIEVAL_KINDS, Settings


@click.command("eval")
@click.argument("dataset", metavar="DATASET")
@click.option("--docs", "-d", multiple=True, metavar="PATH", help="The documents asked: file or folder; repeatable.")
@click.option("--index", "-i", metavar="DIR", help="Index to ask, or with --docs to keep it in.")
@click.option("--config", metavar="FILE", help="Settings file in the place of ./pincite.toml.")
@click.option("--mode", type=click.Choice(MODES), help="Default: reader for a SQuAD file, else end-to-end.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N questions.")
@click.option("--history/--no-history", default=True, show_default=True, help="Ask follow-ups with their conversation.")
@click.option("--top-k", "--k", type=click.IntRange(1, 100), metavar="N", help="Passages read for a question.")
@click.option("--retrieval", type=click.Choice(RETRIEVAL_KINDS), help="How passages are found.")
@click.option("--threshold", type=click.FloatRange(0, 1), metavar="P", help="Confidence needed to answer.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the report as JSON.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), metavar="FILE", help="Write it as one HTML file.")
@click.option("--predictions", "predictions_file", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the answers as JSON lines.")  # fmt: skip
@click.option("--score-predictions", metavar="FILE[#NAME]", help="Score these predictions; nothing is run.")
@click.option("--compare", "earlier", type=click.Path(path_type=Path), metavar="FILE", help="An earlier --json report.")
def eval_command(
    dataset: str,
    docs: tuple[str, ...],
    index: str | None,
    config: str | None,
    mode: Mode | None,
    limit: int | None,
    history: bool,
    top_k: int | None,
    retrieval: str | None,
    threshold: float | None,
    json_file: Path | None,
    html_file: Path | None,
    predictions_file: Path | None,
    score_predictions: str | None,
    earlier: Path | None,
) -> None:
    """Measure answers on DATASET: JSON lines or a SQuAD file, plain or .gz.

    Without --docs and --index the documents are seeds/, or for a SQuAD file its own: in reader mode each question
    is given its paragraph, in open mode the paragraphs are the corpus, end to end its articles are.
    """
    loaded = load_dataset(dataset)
    before = Report.load(earlier) if earlier is not None else None
    if score_predictions is not None:
        if predictions_file is not None:
            raise click.UsageError("--predictions writes answers, and --score-predictions gives none of its own.")
        run = _score_file(as_articles(loaded) if mode == "end-to-end" else loaded, limit, score_predictions)
    else:
        if docs or index:
            if mode in ("open", "reader"):
                raise click.UsageError(f"--mode {mode} brings its own documents; leave --docs and --index out.")
            mode = "end-to-end"
        elif mode is None:
            mode = "reader" if loaded.paragraphs else "end-to-end"
        own = bool(loaded.paragraphs) and not (docs or index)  # a SQuAD file brings its documents
        settings = Settings.load(config)
        with open_system(
            loaded,
            mode,
            assistant=None if own else lambda: open_assistant(docs, index, config),
            settings=settings,
            top_k=top_k,
            retrieval=retrieval,
            threshold=threshold,
        ) as opened:
            run = _run(opened, limit, history, settings)
    if predictions_file is not None:
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in run.records)
        predictions_file.write_text("".join(lines), encoding="utf-8")
    comparison = compare(before, run.report) if before is not None else None
    _write(run.report, comparison, json_file, html_file)
    console = Console()
    print_report(run.report, console)
    if comparison is not None:
        print_comparison(comparison, console)


def _score_file(dataset: Dataset, limit: int | None, path: str) -> Run:
    predictions = load_predictions(path, dataset)
    dataset = dataset.first(limit)
    return Run(build_report(dataset, score(dataset, predictions), mode="predictions", settings={"file": path}), ())


def _run(opened: Opened, limit: int | None, history: bool, settings: Settings) -> Run:
    with terminal.progress() as show:
        return evaluate(
            opened,
            limit=limit,
            history=history,
            progress=lambda done, total: show("Asking", done, total),
            journal_folder=journal_folder(settings),
        )


def _write(report: Report, comparison: Comparison | None, json_file: Path | None, html_file: Path | None) -> None:
    if json_file is not None:
        report.save(json_file)
    if html_file is not None:
        from eval.html import render_html

        html_file.write_text(render_html(report, comparison), encoding="utf-8")
