"""The gate: the bundled data set end to end, against the figures of the version in the repository."""

from __future__ import annotations

from pathlib import Path

import click

from embeddings.errors import PinciteError
from eval.baseline import BASELINES, Baseline, drops, flips
from eval.datasets import load_dataset
from eval.runner import evaluate, open_system
from qa.cli import default_documents, open_assistant
from qa.questions import printable

SEEDS = Path(__file__).parent / "data" / "seeds.jsonl"


@click.command(help=__doc__)
@click.option("--update", is_flag=True, help="Write the figures as the new baseline.")
@click.option("--data", type=click.Path(path_type=Path), default=SEEDS, help="Another data set.")
@click.option("--docs", metavar="PATH", help="Its documents; seeds/ without it.")
@click.option(
    "--baseline", "path", type=click.Path(path_type=Path), default=BASELINES / "seeds.json", help="Its figures."
)
def main(update: bool, data: Path, docs: str | None, path: Path) -> None:
    """Run the data set and compare, or write the baseline."""
    dataset = load_dataset(data)
    if not update and not path.is_file():
        raise PinciteError(f"There is no baseline {path.name}.", "Write it with `python -m eval.gate --update`.")
    folder = docs or str(default_documents())
    with open_system(dataset, "end-to-end", assistant=lambda: open_assistant([folder], None)) as opened:
        report = evaluate(opened, latency_sample=0).report
    made = Baseline.of(report, dataset.fingerprint)
    if update:
        made.save(path)
        click.echo(f"Wrote {path.name}: {len(made.figures)} figures of {len(report.eligible)} questions.")
        return
    baseline = Baseline.load(path)
    if baseline.questions_fingerprint != dataset.fingerprint:
        raise PinciteError(
            f"The baseline {path.name} is of another version of {data.name}.",
            "Look at the figures of `pincite eval`, then run `python -m eval.gate --update`.",
        )
    for line in flips(baseline, report):
        click.echo(f"flipped: {printable(line)}")
    lost = drops(baseline, report)
    for drop in lost:
        click.echo(f"dropped: {drop}")
    if lost:
        raise PinciteError(
            f"{len(lost)} of {len(baseline.figures)} figures dropped by more than their interval.",
            "If that is meant, run `python -m eval.gate --update` and say why.",
        )
    em = made.figures["em"]
    click.echo(
        f"The gate is passed: {len(report.eligible)} questions, exact match {em}, {len(baseline.figures)} figures hold."
    )


def run(command: click.Command) -> None:
    """Run a command of this package as the command line does: an error is one sentence and exit status 1."""
    try:
        command(standalone_mode=False)
    except PinciteError as error:
        click.echo(f"Error: {printable(str(error))}", err=True)
        raise SystemExit(1) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    run(main)
