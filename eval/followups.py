"""How well follow-ups are understood, against the stand-alone forms that people wrote.

CANARD's development set and TREC CAsT, read from ``../shared/data/rewrite`` beside the repository. The conversations
are split in two halves by a checksum of their name: A to tune on, B to report.

    python -m eval.followups --half B
"""

from __future__ import annotations

import gzip
import json
import statistics
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from embeddings.errors import PinciteError
from qa.followups import resolve
from qa.followups.tokens import tokenize
from qa.types import Turn

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "rewrite"
FILES = ("canard_dev.jsonl.gz", "trec_cast.jsonl.gz")
_UNANSWERED = "I don't know."


@dataclass(frozen=True, slots=True)
class Example:
    """A question in its conversation, and the stand-alone form that a person wrote."""

    id: str
    source: str
    history: tuple[Turn, ...]
    question: str
    rewrite: str

    @property
    def conversation(self) -> str:
        """The name of the conversation."""
        return self.id.rsplit("_", 1)[0]

    @property
    def half(self) -> str:
        """A or B, the same for all questions of a conversation."""
        return "AB"[zlib.crc32(self.conversation.encode()) % 2]

    @property
    def stands_alone(self) -> bool:
        """Whether the person added and removed nothing."""
        return words(self.question) == words(self.rewrite)


def words(text: str) -> list[str]:
    """Return the lower-case words, without punctuation and possessive endings."""
    return [token.lower for token in tokenize(text) if token.is_word]


def added(text: str, question: str) -> Counter[str]:
    """Return the words of ``text``, counted, that are not in ``question``."""
    return Counter(words(text)) - Counter(words(question))


def read_history(source: str, history: Sequence[str]) -> tuple[Turn, ...]:
    """Read a history as the data sets write it.

    CANARD's begins with the title of the article, taken as a first question, and the section's, which is left out; then
    questions and answers take turns, as they do in CAsT 2021. CAsT 2019 and 2020 have the questions alone, whose
    answers are taken as given but unknown.
    """
    if source in ("trec_cast_2019", "trec_cast_2020"):
        return tuple(Turn(question, "") for question in history)
    turns = []
    for i in range(0, len(history) - 1, 2):
        question, answer = history[i], history[i + 1]
        if source == "canard_dev" and i == 0:
            question, answer = f"Tell me about {question}.", ""
        turns.append(Turn(question, None if answer.strip() == _UNANSWERED else answer))
    return tuple(turns)


def load(folder: Path = DATA) -> Iterator[Example]:
    """Read the examples; raises PinciteError where the files are not there."""
    for name in FILES:
        path = folder / name
        if not path.exists():
            raise PinciteError(f"{path} does not exist.", "Give the folder of the rewrite data with --data.")
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                history = read_history(row["source"], row["history"])
                yield Example(row["id"], row["source"], history, row["question"], row["rewrite"])


def nothing(example: Example) -> str:
    """Baseline: the question as it is."""
    return example.question


def prepended(example: Example) -> str:
    """Baseline: the last question and answer put before every question."""
    if not example.history:
        return example.question
    last = example.history[-1]
    return f"{last.question} {last.answer or ''} {example.question}"


def resolved(example: Example) -> str:
    """The stand-alone form that :func:`qa.followups.resolve` gives, or the question untouched."""
    return resolve(example.question, example.history).standalone or example.question


def remember(examples: Sequence[Example]) -> list[Example]:
    """Give every history's turns the stand-alone forms that were resolved for them, as a conversation does.

    Examples of a conversation must come in its order, as they do in the files.
    """
    understood: dict[tuple[str, str], str | None] = {}
    remembered = []
    for example in examples:
        history = tuple(
            replace(turn, standalone_question=understood.get((example.conversation, turn.question)))
            for turn in example.history
        )
        example = replace(example, history=history)
        understood[example.conversation, example.question] = resolve(example.question, history).standalone
        remembered.append(example)
    return remembered


SYSTEMS: Mapping[str, Callable[[Example], str]] = {"nothing": nothing, "prepended": prepended, "resolved": resolved}


@dataclass(frozen=True, slots=True)
class Scores:
    """Gate and added words over one set of examples; all but the counts are in [0, 1].

    ``gate``: touched exactly where the person changed something; ``touched``: of the dependent questions, those
    touched; ``untouched``: of those that stand alone, the ones left as they are. Recall and precision count the added
    words over all examples together (micro average).
    """

    examples: int
    alone: int
    gate: float
    touched: float
    untouched: float
    recall: float
    precision: float

    @property
    def f1(self) -> float:
        """The harmonic mean of recall and precision."""
        total = self.recall + self.precision
        return 2 * self.recall * self.precision / total if total else 0.0


def score(examples: Sequence[Example], outputs: Sequence[str]) -> Scores:
    """Compare outputs with what people wrote."""
    right = wanted = given = gate = touched = untouched = alone = 0
    for example, output in zip(examples, outputs, strict=True):
        changed = words(output) != words(example.question)
        alone += example.stands_alone
        gate += changed != example.stands_alone
        touched += changed and not example.stands_alone
        untouched += not changed and example.stands_alone
        gold, mine = added(example.rewrite, example.question), added(output, example.question)
        right += (gold & mine).total()
        wanted += gold.total()
        given += mine.total()
    n = len(examples)
    return Scores(
        n,
        alone,
        gate / n if n else 0.0,
        touched / (n - alone) if n > alone else 0.0,
        untouched / alone if alone else 0.0,
        right / wanted if wanted else 0.0,
        right / given if given else 0.0,
    )


def table(examples: Sequence[Example]) -> str:
    """Return a Markdown table of every system on every source."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.source].append(example)
    lines = [
        "| data | n (alone) | system | gate | dependent touched | alone untouched | recall | precision | F1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for source, group in groups.items():
        for name, system in SYSTEMS.items():
            s = score(group, [system(example) for example in group])
            cells = [s.gate, s.touched, s.untouched, s.recall, s.precision, s.f1]
            lines.append(
                f"| {source} | {s.examples} ({s.alone}) | {name} | "
                + " | ".join(f"{100 * c:.1f}" for c in cells)
                + " |"
            )
    return "\n".join(lines)


def latency_ms(examples: Sequence[Example]) -> tuple[float, float]:
    """Return the median and the 95th percentile of the time to resolve, in milliseconds."""
    times = []
    for example in examples:
        start = time.perf_counter()
        resolved(example)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


@click.command(help=__doc__)
@click.option(
    "--half", type=click.Choice(["A", "B", "both"]), default="B", show_default=True, help="Conversations to use."
)
@click.option("--data", type=click.Path(path_type=Path), default=DATA, help="Folder of the rewrite data.")
@click.option("--show", type=int, default=0, help="Print this many examples with what was understood.")
def main(half: str, data: Path, show: int) -> None:
    """Print the table."""
    try:
        examples = remember([example for example in load(data) if half in ("both", example.half)])
    except PinciteError as error:
        raise click.ClickException(str(error)) from error
    click.echo(table(examples))
    click.echo("resolve: p50 {:.2f} ms, p95 {:.2f} ms".format(*latency_ms(examples)))
    for example in examples[:show]:
        click.echo(f"\n{example.id}: {example.question}\n  people: {example.rewrite}\n  resolve: {resolved(example)}")


if __name__ == "__main__":
    main()
