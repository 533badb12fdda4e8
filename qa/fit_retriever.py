"""Fit the weight of lexical against dense evidence, and compare ways of fusing: ``python -m qa.fit_retriever``.

Corpora are the paragraphs of question answering files (JSON lines with ``context`` and ``question``, or SQuAD JSON;
plain or gzip), one passage a paragraph; a question's relevant passage is its own paragraph. The weight is the one
with the best mean reciprocal rank, averaged over the corpora given with ``--train``; recall is then reported on
those of ``--test``, for the parents, reciprocal rank fusion and min-max fusion too.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import string
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embeddings.encoder import SentenceEncoder
from embeddings.store import Store, index_documents
from embeddings.vector_index import VectorIndex
from qa.fusion import STOP_WORDS, clip, fuse, ranked
from qa.retriever import Retriever
from qa.settings import Settings

CUTOFFS = (1, 5, 20)
WEIGHTS = tuple(round(0.05 * step, 2) for step in range(10, 61))

Ranking = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One question's lexical shares and cosines by passage id, and the ids of its paragraph's passages."""

    shares: Mapping[int, float]
    cosines: Mapping[int, float]
    relevant: frozenset[int]


def read_questions(path: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """Return the distinct paragraphs of a file and its answerable questions with their paragraph's number."""
    paragraphs: dict[str, int] = {}
    questions = []
    for context, question, answerable in _rows(path):
        number = paragraphs.setdefault(context, len(paragraphs))
        if answerable:
            questions.append((question, number))
    return list(paragraphs), questions


def _rows(path: Path) -> Iterator[tuple[str, str, bool]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    if '"paragraphs"' in text[:2000]:
        for article in json.loads(text)["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    yield paragraph["context"], question["question"], not question.get("is_impossible", False)
        return
    for line in text.splitlines():
        row: dict[str, Any] = json.loads(line)
        yield row["context"], row["question"], not row["is_impossible"]


def misspell(question: str, generator: random.Random) -> str:
    """Return the question with one typing error in one of its longer words: left out, swapped, added or replaced."""
    words = [match for match in re.finditer(r"[A-Za-z]{5,}", question) if match.group().lower() not in STOP_WORDS]
    if not words:
        return question
    word = generator.choice(words)
    at = generator.randrange(word.start() + 1, word.end() - 1)
    letter = generator.choice(string.ascii_lowercase)
    kind = generator.randrange(4)
    wrong = ("", question[at + 1] + question[at], letter + question[at], letter)[kind]
    return question[:at] + wrong + question[at + (2 if kind == 1 else 1) :]


def gather(path: Path, limit: int | None, *, misspelt: bool = False, spelling: bool = True) -> list[Evidence]:
    """Index a file's paragraphs as Pincite does, and return the evidence for ``limit`` of its questions."""
    paragraphs, questions = read_questions(path)
    generator = random.Random(0)
    if limit is not None and len(questions) > limit:
        questions = generator.sample(questions, limit)
    if misspelt:
        questions = [(misspell(question, generator), number) for question, number in questions]
    settings = Settings(spelling=spelling)
    encoder = SentenceEncoder(settings.encoder)
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder) / "documents"
        documents.mkdir()
        for number, paragraph in enumerate(paragraphs):
            (documents / f"{number:06}.txt").write_text(paragraph, encoding="utf-8", newline="")
        store = Store.create(Path(folder) / "index", encoder, settings.passages.passage_settings())
        index_documents(store, [documents], encoder)
        passages = [store.passage_ids([f"{number:06}.txt"]) for number in range(len(paragraphs))]
        retriever = Retriever(store, VectorIndex.open(store), encoder, settings)
        evidence = retriever.evidence([question for question, _ in questions])
        store.close()
    return [
        Evidence(shares, cosines, frozenset(passages[number]))
        for (shares, cosines), (_, number) in zip(evidence, questions, strict=True)
    ]


def rank_of_first(ranking: Ranking, relevant: frozenset[int]) -> float:
    """Return the 1-based rank of the first relevant passage; infinite when there is none."""
    return next((rank for rank, (passage, _) in enumerate(ranking, 1) if passage in relevant), float("inf"))


def mean_reciprocal_rank(evidence: Sequence[Evidence], rule: Callable[[Evidence], Ranking]) -> float:
    """Return the mean of 1 / rank of the first relevant passage."""
    return sum(1 / rank_of_first(rule(item), item.relevant) for item in evidence) / len(evidence)


def recalls(evidence: Sequence[Evidence], rule: Callable[[Evidence], Ranking]) -> list[float]:
    """Return the share of questions, in per cent, with a relevant passage among the first 1, 5 and 20."""
    ranks = [rank_of_first(rule(item), item.relevant) for item in evidence]
    return [100 * sum(rank <= cutoff for rank in ranks) / len(ranks) for cutoff in CUTOFFS]


def reciprocal_rank_fusion(evidence: Evidence, k: int) -> Ranking:
    """Rank by the sum of 1 / (k + rank) over both lists (Cormack, Clarke and Buettcher 2009)."""
    scores: dict[int, float] = {}
    for side in (evidence.shares, evidence.cosines):
        for rank, (passage, _) in enumerate(ranked(side.items()), start=1):
            scores[passage] = scores.get(passage, 0.0) + 1.0 / (k + rank)
    return ranked(scores.items())


def min_max_fusion(evidence: Evidence, lexical_weight: float) -> Ranking:
    """Rank by the weighted mean of both lists' scores, each scaled to [0, 1] within the question."""
    left, right = _min_max(evidence.shares), _min_max(evidence.cosines)
    return ranked(
        (passage, lexical_weight * left.get(passage, 0.0) + (1 - lexical_weight) * right.get(passage, 0.0))
        for passage in left.keys() | right.keys()
    )


def _min_max(scores: Mapping[int, float]) -> dict[int, float]:
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {key: (score - low) / (high - low) if high > low else 1.0 for key, score in scores.items()}


def fit(corpora: Sequence[Sequence[Evidence]]) -> float:
    """Return the lexical weight with the best mean reciprocal rank, averaged over corpora; the lower of equals."""

    def quality(weight: float) -> float:
        rule = _hybrid(weight)
        return sum(mean_reciprocal_rank(evidence, rule) for evidence in corpora) / len(corpora)

    return max(WEIGHTS, key=lambda weight: (quality(weight), -weight))


def _hybrid(weight: float) -> Callable[[Evidence], Ranking]:
    return lambda item: fuse(item.shares, item.cosines, lexical_weight=weight)


def rules(weight: float) -> dict[str, Callable[[Evidence], Ranking]]:
    """Return every way of ranking that is reported, by name."""
    return {
        "lexical": lambda item: ranked(item.shares.items()),
        "dense": lambda item: ranked((passage, clip(cosine)) for passage, cosine in item.cosines.items()),
        "rrf k=10": lambda item: reciprocal_rank_fusion(item, 10),
        "rrf k=60": lambda item: reciprocal_rank_fusion(item, 60),
        "min-max 0.5": lambda item: min_max_fusion(item, 0.5),
        "min-max 0.6": lambda item: min_max_fusion(item, 0.6),
        f"hybrid {weight:.2f}": _hybrid(weight),
    }


def report(name: str, evidence: Sequence[Evidence], weight: float) -> None:
    """Print the recalls of every way of ranking."""
    print(f"\n{name}: {len(evidence)} questions, recall at {' / '.join(map(str, CUTOFFS))}", flush=True)
    for rule_name, rule in rules(weight).items():
        print(f"  {rule_name:<12} {' / '.join(f'{value:.2f}' for value in recalls(evidence, rule))}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit on ``--train`` files, report on these and on ``--test`` files."""
    parser = argparse.ArgumentParser(description="Fit the hybrid retriever's weight.")
    parser.add_argument("--train", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--test", type=Path, nargs="*", default=[], metavar="FILE")
    parser.add_argument("--limit", type=int, default=1500, help="questions sampled from each training file")
    parser.add_argument("--misspelt", action="store_true", help="report on misspelt training questions too")
    options = parser.parse_args(arguments)
    train = {path.name: gather(path, options.limit) for path in options.train}
    weight = fit(list(train.values()))
    print(f"lexical weight {weight:.2f}, fitted on {', '.join(train)}")
    for name, evidence in train.items():
        report(name, evidence, weight)
    for path in options.test:
        report(path.name, gather(path, None), weight)
    for path in options.train if options.misspelt else []:
        for spelling in (False, True):
            evidence = gather(path, options.limit, misspelt=True, spelling=spelling)
            report(f"{path.name} misspelt, spelling {'on' if spelling else 'off'}", evidence, weight)


if __name__ == "__main__":
    main()
