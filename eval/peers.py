"""Other systems on the same questions, documents, weights and machine, each in an environment of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from embeddings.errors import PinciteError
from embeddings.model_files import model_directory
from eval.costs import Costs
from eval.datasets import Dataset, load_dataset
from eval.gate import SEEDS, run
from eval.predictions import Prediction, by_id
from eval.report import Report, build_report
from eval.rows import score
from eval.runner import evaluate, journal_folder, open_system
from eval.systems import System
from qa.cli import default_documents, open_assistant
from qa.settings import Settings

_SCRIPTS = Path(__file__).parent / "peer_scripts"
_TIMEOUT = 3600  # seconds for a peer's whole run
COLUMNS = ("em", "f1", "citation_right", "right_and_cited", "abstention_recall", "abstention_precision", "auroc")


@dataclass(frozen=True, slots=True)
class Peer:
    """A system, the script that asks it, and the packages its environment needs beside ours."""

    name: str
    script: str
    packages: tuple[str, ...]


PEERS = (
    Peer("Haystack, hybrid", "haystack_peer.py", ("haystack-ai", "transformers-haystack")),
    Peer("txtai, hybrid", "txtai_peer.py", ("txtai",)),
    Peer("BM25 and passage by passage", "plain_peer.py", ("bm25s",)),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A system's report, or in ``problem`` what it answered instead of starting."""

    name: str
    versions: str
    report: Report | None
    problem: str = ""


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=SEEDS, help="Data set; its follow-ups are left out.")
@click.option("--docs", metavar="PATH", help="Its documents; seeds/ without it.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N questions.")
@click.option("--only", metavar="WORD", help="Only the peers whose name holds this.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), default=Path("run/peers.json"), show_default=True)
def main(data: Path, docs: str | None, limit: int | None, only: str | None, json_file: Path) -> None:
    """Run Pincite and its peers and print one table."""
    dataset = load_dataset(data)
    # a question that needs its conversation is no work for systems that take none
    alone = replace(dataset, questions=tuple(q for q in dataset.questions if not q.history)).first(limit)
    settings = Settings()
    folder = journal_folder(settings) / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    documents = docs or str(default_documents())
    with open_system(alone, "end-to-end", assistant=lambda: open_assistant([documents], None)) as opened:
        asked = evaluate(opened, latency_sample=len(alone.questions))
        timings = asked.report.costs.latencies_ms
        one_by_one = replace(
            asked.report.costs, seconds=sum(timing["total"] for timing in timings) / 1000, questions=len(timings)
        )
        ours = _report(
            alone, {p["id"]: Prediction.from_json(p, p["id"]) for p in asked.records}, opened.system, one_by_one
        )
        outcomes = [Outcome("Pincite", str(asked.report.settings["version"]), ours)]
        work = _write_work(folder, alone, opened.system, settings)
        for peer in PEERS:
            if only is None or only.lower() in peer.name.lower():
                click.echo(f"{peer.name} ...", err=True)
                outcomes.append(_run_peer(peer, folder, work, alone, opened.system))
    table = markdown(outcomes)
    json_file.parent.mkdir(parents=True, exist_ok=True)
    json_file.write_text(json.dumps([_json(outcome) for outcome in outcomes], indent=1) + "\n", encoding="utf-8")
    click.echo(
        f"{len(alone.questions)} questions of {data.name}, each system with the same passages, encoder and reader, "
        f"asked one at a time on {os.cpu_count()} cores ({platform.machine()}), "
        f"{datetime.now(timezone.utc).date()}. 95 % intervals in brackets.\n\n{table}"
    )


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return one row a system."""
    shown = [outcome.report for outcome in outcomes if outcome.report is not None]
    labels = {figure.key: figure.label for report in shown for figure in report.figures}
    keys = [key for key in COLUMNS if key in labels]
    heads = ["system", "version", *(labels[key] for key in keys), "p50 ms", "questions/s"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for outcome in outcomes:
        if outcome.report is None:
            cells = [f"did not run: {outcome.problem}", *[""] * (len(keys) + 1)]
        else:
            found = [outcome.report.figure(key) for key in (*keys, "latency_p50 total", "questions_per_second")]
            cells = [str(figure).replace("(", "[").replace(")", "]") if figure else "" for figure in found]
            cells[-2:] = [cell.split(" [")[0] for cell in cells[-2:]]
        lines.append(f"| {' | '.join([outcome.name, outcome.versions, *cells])} |")
    notes = [f"{outcome.name}: {outcome.problem}" for outcome in outcomes if outcome.report and outcome.problem]
    return "\n".join([*lines, *(f"\n{note}" for note in notes)])


def environment(peer: Peer, folder: Path) -> Path:
    """Return the python of the peer's environment, made when missing; PinciteError says what did not work.

    Torch and its like come from this environment by a path file, so that nobody downloads them again; what
    the peer adds or needs in another version lies in its own.
    """
    home = folder / f"env-{peer.script.removesuffix('.py')}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = home / "installed.json"
    if done.is_file() and json.loads(done.read_text()) == list(peer.packages):
        return python
    venv.create(home, clear=True, with_pip=False)
    ours = sysconfig.get_path("purelib")
    own = _call([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    (Path(own) / "shared.pth").write_text(ours + "\n", encoding="utf-8")
    _call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages], folder)
    done.write_text(json.dumps(peer.packages))
    return python


def _run_peer(peer: Peer, folder: Path, work: Path, dataset: Dataset, system: System) -> Outcome:
    out = folder / f"{peer.script}.jsonl"
    try:
        python = environment(peer, folder)
        _call([str(python), str(_SCRIPTS / peer.script), str(work), str(out)], folder)
        *records, about = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    except PinciteError as error:
        return Outcome(peer.name, "", None, error.message.replace("|", "/"))
    predictions = by_id([Prediction.from_json(r, peer.name) for r in records], dataset, peer.name)
    timings = tuple(record["timings_ms"] for record in records)
    costs = Costs(sum(t["total"] for t in timings) / 1000, len(records), timings)
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    problem = "; ".join(f"{count} questions raised {name}" for name, count in about["failures"].items())
    return Outcome(peer.name, versions, _report(dataset, predictions, system, costs), problem)


def _report(dataset: Dataset, predictions: Mapping[str, Prediction], system: System, costs: Costs) -> Report:
    return build_report(dataset, score(dataset, predictions, text_of=system.text_of), mode="peers", costs=costs)


def _write_work(folder: Path, dataset: Dataset, system: System, settings: Settings) -> Path:
    """Write the questions, and the passages exactly as our index cut them."""
    passages = []
    for name in system.names():
        text = system.text_of(name) or ""
        for document, start, end in system.passages_of(name):
            passages.append({"document": document, "start": start, "text": text[start:end]})
    work = {
        "reader": str(_full_precision(settings.reader, folder)),
        "encoder": str(model_directory(settings.encoder)),
        "top_k": settings.top_k,
        "passages": passages,
        "questions": [{"id": q.id, "question": q.question} for q in dataset.questions],
    }
    path = folder / "work.json"
    path.write_text(json.dumps(work), encoding="utf-8")
    return path


def _full_precision(name: str, folder: Path) -> Path:
    """Return a copy of our reader in float32: half precision is slow on a CPU, and peers load what is stored."""
    import torch
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    from qa.reader.loading import find_directory

    source, copy = find_directory(name), folder / "reader"
    AutoModelForQuestionAnswering.from_pretrained(source, dtype=torch.float32).save_pretrained(copy)
    AutoTokenizer.from_pretrained(source).save_pretrained(copy)
    return copy


def _call(command: list[str], folder: Path) -> str:
    """Run a command and return what it printed; PinciteError with its last line when it fails."""
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    settings = {key: value for key, value in os.environ.items() if not key.startswith("PINCITE_")}
    try:
        done = subprocess.run(
            command, cwd=folder, env=settings | offline, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PinciteError(f"{type(error).__name__}: {str(error)[:200]}") from None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise PinciteError((lines[-1] if lines else f"exit status {done.returncode}")[:200])
    return done.stdout


def _json(outcome: Outcome) -> dict[str, Any]:
    figures = [figure.to_json() for figure in outcome.report.figures] if outcome.report else []
    return asdict(replace(outcome, report=None)) | {"figures": figures}


if __name__ == "__main__":
    run(main)
