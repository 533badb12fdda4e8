"""What each choice brings: retrieval kinds, interpolation with the reader, passages read, passage sizes.

Measured in open mode on the articles of a SQuAD file that are kept for choosing (every other one; the rest is
left to report on), one choice changed at a time, with the paired difference to the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embeddings.errors import PinciteError
from eval.bootstrap import Interval
from eval.datasets import Dataset, load_dataset
from eval.figures import shown
from eval.gate import run
from eval.report import Report, compare
from eval.runner import evaluate, open_system
from qa.reader import load_reader
from qa.settings import RETRIEVAL_KINDS, Settings

if TYPE_CHECKING:
    from qa.asking import AnswerReader
    from qa.reader import PassageReading
    from qa.reader.calibration import Calibration

SQUAD = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "squad" / "dev-1.1-a.json.gz"
KS = (1, 3, 5, 20, 40)
SIZES = ((80, 24), (120, 36), (240, 72))
COLUMNS = ("span_em", "span_f1", "citation_right", "recall@1 hybrid", "recall@5 hybrid", "recall@20 hybrid")


@dataclass(frozen=True, slots=True)
class Choice:
    """One row: what differs from the defaults."""

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    interpolated: bool = True

    def settings(self, base: Settings) -> Settings:
        """Return the settings of this row."""
        return base.replace(**self.overrides) if self.overrides else base


def choices(base: Settings) -> list[Choice]:
    """Return the defaults and every choice beside them."""
    passages = f"{base.top_k} passages of {base.passages.size}/{base.passages.overlap}"
    rows = [Choice(f"defaults ({base.retrieval}, {passages})")]
    rows += [Choice(f"retrieval {kind}", {"retrieval": kind}) for kind in RETRIEVAL_KINDS if kind != base.retrieval]
    rows.append(Choice("reader's score alone", interpolated=False))
    rows += [Choice(f"{k} passages read", {"top_k": k}) for k in KS if k != base.top_k]
    for size, overlap in SIZES:
        if size != base.passages.size:
            rows.append(Choice(f"passages of {size}/{overlap}", {"passages": {"size": size, "overlap": overlap}}))
    return rows


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=SQUAD, help="A SQuAD file.")
@click.option("--limit", type=click.IntRange(min=1), default=400, show_default=True, help="Questions, spread evenly.")
@click.option("--only", metavar="WORD", default="", help="Only rows whose name holds this, and the defaults.")
@click.option("--half", type=click.Choice(["even", "odd"]), default="even", show_default=True, help="Articles used.")
def main(data: Path, limit: int, only: str, half: str) -> None:
    """Run every choice and print one table."""
    dataset = kept(load_dataset(data), limit, odd=half == "odd")
    base = Settings()
    reader = load_reader(base.reader)
    reports: dict[str, Report] = {}
    for choice in choices(base):
        if reports and only not in choice.name:
            continue
        click.echo(f"{choice.name} ...", err=True)
        used = reader if choice.interpolated else ReaderAlone(reader)
        with open_system(dataset, "open", settings=choice.settings(base), reader=used) as opened:
            reports[choice.name] = evaluate(opened, latency_sample=0).report
    n = len(dataset.questions)
    click.echo(f"{n} questions of {data.name}, open mode, {half} articles. 95 % intervals in brackets.\n")
    click.echo(markdown(reports))


def kept(dataset: Dataset, limit: int, *, odd: bool) -> Dataset:
    """Return the data set with ``limit`` questions of every other article, evenly spread; all paragraphs stay."""
    articles = sorted({paragraph.article for paragraph in dataset.paragraphs})
    if not articles:
        raise PinciteError(f"{dataset.name} gives no paragraphs.", "Ablations run on a SQuAD file.")
    chosen = set(articles[odd::2])
    of_paragraph = {paragraph.name: paragraph.article for paragraph in dataset.paragraphs}
    questions = [question for question in dataset.questions if of_paragraph[question.paragraph] in chosen]
    step = max(1, len(questions) // limit)
    return replace(dataset, questions=tuple(questions[::step][:limit]))


@dataclass(frozen=True, slots=True)
class ReaderAlone:
    """A reader whose spans are ranked by its own scores, whatever retrieval says of their passages."""

    reader: AnswerReader

    @property
    def fingerprint(self) -> str:
        """The reader's."""
        return self.reader.fingerprint

    @property
    def calibration(self) -> Calibration:
        """The reader's, without the weight of retrieval in the ranking."""
        return replace(self.reader.calibration, rank_retrieval=0.0)

    def read(self, pairs: Sequence[tuple[str, str]]) -> list[PassageReading]:
        """Read as the reader does."""
        return self.reader.read(pairs)


def markdown(reports: Mapping[str, Report]) -> str:
    """Return one row a choice: the figures, and the paired difference of exact match to the first row."""
    first = next(iter(reports.values()))
    keys = [key for key in COLUMNS if first.figure(key) is not None]
    labels = {figure.key: figure.label for figure in first.figures}
    heads = ["choice", *(labels[key] for key in keys), "difference in exact match", "questions/s"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for name, report in reports.items():
        figures = [report.figure(key) for key in keys]
        cells = [str(figure).replace("(", "[").replace(")", "]") if figure else "" for figure in figures]
        change = next(d.change for d in compare(first, report).differences if d.key == "span_em")
        speed = report.figure("questions_per_second")
        pace = shown(speed.value, "/s") if speed else ""
        lines.append(f"| {' | '.join([name, *cells, '' if report is first else _change(change), pace])} |")
    return "\n".join(lines)


def _change(change: Interval) -> str:
    value, low, high = (f"{100 * number:+.1f}" for number in (change.value, change.low, change.high))
    return f"{value} [{low} to {high}]"


if __name__ == "__main__":
    run(main)
